"""A real QGIS without a screen; absent, the tests fail under CI and skip elsewhere."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NEEDED = "QGIS for Python is missing: apt-get install python3-qgis qgis-providers"


@pytest.fixture(scope="session")
def qgis():
    """Give a function that runs a script in the Python of QGIS and returns what it prints."""
    python = os.environ.get("GEO_RISK_QGIS_PYTHON") or shutil.which("python3", path="/usr/bin:/usr/local/bin")
    found = python and subprocess.run(
        [python, "-c", "import qgis.core"], capture_output=True, env=_plain(), check=False
    )
    if not found or found.returncode:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(NEEDED)
        pytest.skip(NEEDED)

    def run(script, *words):
        path = Path(__file__).parent / script
        done = subprocess.run([python, str(path), *map(str, words)], capture_output=True, text=True, env=_plain(),
                              timeout=300, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run


def _plain():
    """Return the environment without what belongs to the Python of the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "PROJ_", "GDAL_"))}
    return {**kept, "QT_QPA_PLATFORM": "offscreen"}
