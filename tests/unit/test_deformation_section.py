"""Lines across areas and what maps say along them."""

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from shapely.geometry import Polygon, box

from geo_risk.core.grid import Grid
from geo_risk.hazards.deformation.geometry.section import inside_span, points_along, section_line, values_at


@given(st.floats(0, 360), st.floats(20, 2000), st.floats(20, 2000))
def test_line_crosses_the_area_in_the_asked_direction_and_reaches_beyond_it(azimuth, width, height):
    area = box(500000, 4000000, 500000 + width, 4000000 + height)
    line = section_line(area, azimuth_deg=azimuth)
    (x0, y0), (x1, y1) = line.coords
    assert np.degrees(np.arctan2(x1 - x0, y1 - y0)) % 360 == pytest.approx(azimuth % 360, abs=1e-3) or (
        abs(np.degrees(np.arctan2(x1 - x0, y1 - y0)) % 360 - azimuth % 360) > 359.999
    )
    assert line.length >= 600 - 1e-6
    span = inside_span(area, line)
    assert span is not None
    assert 0 < span[0] < span[1] < line.length


def test_points_of_a_plane_have_the_values_of_the_plane():
    grid = Grid(GeoBox((40, 50), Affine(30, 0, 500000, 0, -30, 4001200), "EPSG:4546"))
    coords = grid.coords()
    plane = 3 * coords["x"][None, :] + 2 * coords["y"][:, None]
    layer = grid.layer(plane, units="m", long_name="plane")
    left, bottom, right, top = grid.bounds
    line = section_line(box(left + 300, bottom + 300, right - 300, top - 300), azimuth_deg=45)
    distance, x, y = points_along(line, 30.0)
    got = values_at(layer, x, y)
    assert np.diff(distance) == pytest.approx(np.diff(distance)[0])
    # the nearest cell's centre is at most half a cell away on either axis
    half = grid.resolution_m / 2
    assert np.abs(got - (3 * x + 2 * y)).max() <= 5 * half + 1e-6
    assert np.isnan(values_at(layer, np.array([left - 1.0]), np.array([top - 1.0]))).all()


def test_line_without_direction_runs_west_to_east_and_misses_are_told():
    line = section_line(box(0, 0, 100, 100))
    assert [round(y, 6) for _, y in line.coords] == [50, 50]
    assert inside_span(box(5000, 5000, 5100, 5100), line) is None


def test_empty_area_and_no_spacing_are_refused():
    with pytest.raises(ValueError, match="empty area"):
        section_line(Polygon())
    with pytest.raises(ValueError, match="positive number"):
        points_along(section_line(box(0, 0, 10, 10)), float("nan"))
