"""Profiles of the property tests: `make check` asks fewer questions than `make test`; real data only where it is."""

import gc
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

CHECK_EXAMPLES = 8
settings.register_profile("check", max_examples=CHECK_EXAMPLES, deadline=None)
settings.register_profile("full", deadline=None)
settings.load_profile("full")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let `make check` ask few questions of tests that state a number of their own, too."""
    if config.getoption("--hypothesis-profile") != "check":
        return
    for test in {item.obj for item in items if isinstance(item, pytest.Function)}:
        own = getattr(test, "_hypothesis_internal_use_settings", None)
        if own is not None and own.max_examples > CHECK_EXAMPLES:
            test._hypothesis_internal_use_settings = settings(own, max_examples=CHECK_EXAMPLES)


def pytest_collection_finish() -> None:
    """Let no collection of garbage walk again through the modules that all tests share: a twentieth of their time."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Pass over tests of real data where GEO_RISK_REAL does not name their folder."""
    if item.get_closest_marker("real") and not os.environ.get("GEO_RISK_REAL"):
        pytest.skip("set GEO_RISK_REAL to the folder of real data")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """Run a PostgreSQL with PostGIS of this session's own; absent, the tests fail under CI and skip elsewhere."""
    from tests.support.postgres import NEEDED, Cluster, binaries

    if binaries() is None:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(NEEDED)
        pytest.skip(NEEDED)
    with tempfile.TemporaryDirectory(prefix="grpg", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(folder)
        cluster.start()
        yield cluster
        cluster.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgis", marks=pytest.mark.slow)])
def register_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a register that is not there yet, in each of the two databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'register.gpkg'}"
    return str(request.getfixturevalue("postgres").url(f"r{uuid.uuid4().hex[:12]}"))


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[object, str, str]]:
    """Call the command line in this process; return the exit code, stdout and stderr."""
    from geo_risk.cli import main

    def call(*words: object) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([str(w) for w in words])
        out, err = capsys.readouterr()
        return stopped.value.code, out, err

    return call
