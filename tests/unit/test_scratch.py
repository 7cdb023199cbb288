import dask.array as da
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from geo_risk.core.errors import GridError
from geo_risk.core.grid import Grid
from geo_risk.publish import scratch
from geo_risk.publish.scratch import computed_once

GRID = Grid(GeoBox((40, 30), Affine(30, 0, 510_000, 0, -30, 4_065_000), "EPSG:4546"))


def counted(calls: list[int]):
    def make(block: np.ndarray) -> np.ndarray:
        calls.append(1)
        return block + 1

    data = da.from_array(np.arange(1200, dtype=np.int16).reshape(40, 30), chunks=(10, 30))
    shared = data.map_blocks(make, dtype=np.int16, meta=np.empty((0, 0), np.int16))
    return {
        "a": GRID.layer(shared, units="level", long_name="one more", name="a"),
        "b": GRID.layer(shared.astype(np.float32) * 2, units="m", long_name="twice", name="b"),
    }


@pytest.mark.parametrize("whole_bytes", [1 << 20, 100])
def test_what_layers_share_is_made_once_however_often_it_is_read(tmp_path, monkeypatch, whole_bytes):
    monkeypatch.setattr(scratch, "WHOLE_BYTES", whole_bytes)
    calls: list[int] = []
    with computed_once(counted(calls), tmp_path / "new") as made:
        for _ in range(3):
            assert (made["a"].to_numpy() == np.arange(1, 1201).reshape(40, 30)).all()
            assert (made["b"].to_numpy() == 2 * np.arange(1, 1201).reshape(40, 30)).all()
        assert [(v.name, v.attrs["units"], v.dtype) for v in made.values()] == [("a", "level", "i2"), ("b", "m", "f4")]
        assert isinstance(made["a"].data, da.Array) == (whole_bytes == 100)
    assert len(calls) == 4
    assert list(tmp_path.rglob("*.part")) == []


def test_the_file_is_gone_after_an_error_too(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "WHOLE_BYTES", 100)
    with pytest.raises(RuntimeError), computed_once(counted([]), tmp_path):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_no_layers_are_no_error_and_two_grids_are_one(tmp_path):
    with computed_once({}, tmp_path) as made:
        assert made == {}
    other = Grid(GeoBox((40, 30), Affine(30, 0, 510_030, 0, -30, 4_065_000), "EPSG:4546"))
    two = {"a": counted([])["a"], "b": other.layer(np.zeros((40, 30)), units="m", long_name="x")}
    with pytest.raises(GridError), computed_once(two, tmp_path):
        pass


def test_a_file_is_closed_before_it_is_removed_and_one_that_is_held_loses_no_result(tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "WHOLE_BYTES", 100)
    maps, real, real_unlink = [], np.memmap, scratch.Path.unlink

    def mapped(*args, **kwargs):
        maps.append(real(*args, **kwargs))
        return maps[-1]

    def unlink(path, *, missing_ok=False):  # as Windows has it: what is open cannot be removed
        if not all(m._mmap.closed for m in maps):
            raise PermissionError(13, "used by another process", str(path))
        real_unlink(path)

    monkeypatch.setattr(np, "memmap", mapped)
    monkeypatch.setattr(scratch.Path, "unlink", unlink)
    with computed_once(counted([]), tmp_path) as made:
        kept = made["a"]
        first = kept.to_numpy()
    assert len(maps) == 2
    assert list(tmp_path.iterdir()) == []
    assert first[0, 0] == 1  # what was read stays
    with pytest.raises(ValueError, match="gone"):  # what was not is refused, and does not crash
        kept.to_numpy()

    def held(path, *, missing_ok=False):
        raise PermissionError(13, "held by a scanner", str(path))

    monkeypatch.setattr(scratch.Path, "unlink", held)
    with pytest.warns(RuntimeWarning, match="could not be removed"), computed_once(counted([]), tmp_path) as made:
        assert made["b"].to_numpy()[0, 0] == 2
