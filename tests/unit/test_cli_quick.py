"""The plain form of the file commands: the same results and errors as by the full parser, without loading it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.cli import quick
from tests.unit.test_east_up_file import pairs


def test_plain_words_and_the_full_parser_write_the_same(cli, tmp_path):
    files = [p for pair in pairs(tmp_path) for p in pair]
    plain = cli("east-up", *files, "-o", tmp_path / "out.h5")
    first = {n: v[:] for n, v in h5py.File(tmp_path / "out.h5").items()}
    # an option that is its own default is not plain
    parsed = cli("east-up", *files, "-o", tmp_path / "out.h5", "--minimum-angle-deg", 20)
    assert plain == parsed
    assert plain[0] == 0
    assert "2 tracks, 99.7% of the pixels" in plain[1]
    with h5py.File(tmp_path / "out.h5") as again:
        for name, values in first.items():
            np.testing.assert_array_equal(values, again[name][:])


def test_errors_of_plain_words_are_three_lines_with_the_same_code(cli, tmp_path):
    files = [p for pair in pairs(tmp_path) for p in pair]
    files[2].write_bytes(b"no HDF5")
    plain = cli("east-up", *files, "-o", tmp_path / "out.h5")
    assert plain == cli("east-up", *files, "-o", tmp_path / "out.h5", "--minimum-angle-deg", 20)
    assert plain[0] == 3
    assert [line.split()[0][:3] for line in plain[2].splitlines()] == ["[GR", "whe", "fix"]
    missing = cli("velocity", tmp_path / "none.h5", "-o", tmp_path / "v.h5")
    assert missing[0] == 3
    assert not (tmp_path / "v.h5").exists()


@pytest.mark.slow
def test_plain_words_load_no_parser(tmp_path):
    files = [str(p) for pair in pairs(tmp_path) for p in pair]
    code = (
        "import sys\nfrom geo_risk.cli import main\n"
        f"try: main(['east-up', *{files!r}, '-o', {str(tmp_path / 'out.h5')!r}])\n"
        "except SystemExit as done: assert done.code == 0\n"
        "heavy = {'typer', 'pydantic', 'xarray', 'pandas', 'dask', 'numba', 'scipy'} & set(sys.modules)\n"
        "sys.stderr.write(str(sorted(heavy)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr == "[]"


@pytest.mark.parametrize(
    "words",
    [
        [], ["run", "a"], ["east-up"], ["east-up", "a", "b", "-o", "x"], ["east-up", "a", "b", "c", "-o", "x"],
        ["east-up", "a", "b", "c", "d"], ["east-up", "a", "b", "c", "d", "-o"], ["velocity", "a", "b", "-o", "x"],
        ["velocity", "a", "-o", "x", "-o", "y"], ["velocity", "a", "-o", "--annual"], ["velocity", "", "-o", "x"],
    ],
)  # fmt: skip
def test_all_other_words_go_to_the_full_parser(words):
    assert quick.run(words) is None


@given(st.lists(st.text(min_size=1), max_size=5), st.sampled_from(["--json", "--help", "--debug", "-x", "--annual"]))
def test_any_option_goes_to_the_full_parser(words, option):
    for name in ("velocity", "east-up"):
        assert quick.run([name, *words, option, "-o", "x"]) is None


def test_facts_are_said_as_the_commands_say_them():
    assert quick.velocity_text({"dates": 3, "known_share": 0.5}, Path("v.h5")).endswith("50.0% of the pixels have a "
                                                                                        "velocity: v.h5")  # fmt: skip
