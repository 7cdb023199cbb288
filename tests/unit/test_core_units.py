"""Units: every conversion has a number that is known from elsewhere."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import UnitError
from geo_risk.core.units import factor, in_units


@pytest.mark.parametrize(
    ("have", "want", "number"),
    [
        ("m", "mm", 1000),
        ("cm", "m", 0.01),
        ("in", "mm", 25.4),  # international inch, exact
        ("ft", "m", 0.3048),  # international foot, exact
        ("m/yr", "mm/yr", 1000),
        ("kg m-2", "mm", 1),  # water of 1000 kg/m3
        ("kg m-2 s-1", "mm/h", 3600),
        ("mm s-1", "mm/h", 3600),
        ("mm day-1", "mm/h", 1 / 24),
        ("mm h-1", "mm/day", 24),
        ("m s-1", "mm/h", 3.6e6),
        ("kg/m2/s", "mm/h", 3600),
        ("g m^-2 s^-1", "mm/h", 3.6),
        ("m of water equivalent", "mm", 1000),
        ("毫米", "mm", 1),
        ("0.1 mm", "mm", 0.1),
        ("0.1 mm/h", "mm/h", 0.1),
        ("1e-3 kg m-2 s-1", "mm/h", 3.6),
        ("mm/h", "mm/day", 24),
        ("rad", "degree", 180 / np.pi),
        ("1", "1", 1),
        ("m3/s", "m3/s", 1),
    ],
)
def test_known_factors(have, want, number):
    assert factor(have, want) == pytest.approx(number, rel=1e-12)


@pytest.mark.parametrize("have", [None, "", "  ", "bananas", "mm/h", "degC", "m**", "0.1", "0.1 s", "3 h"])
def test_absent_unknown_or_incompatible_units_stop(have):
    with pytest.raises(UnitError):
        factor(have, "mm")


@given(st.floats(-1e6, 1e6) | st.just(np.nan))
def test_there_and_back(value):
    layer = xr.DataArray([value], dims="x", name="a", attrs={"units": "m"})
    back = in_units(in_units(layer, "mm"), "m")
    np.testing.assert_allclose(back.values, layer.values, rtol=1e-12)
    assert layer.attrs == {"units": "m"}


def test_lazy_stays_lazy_and_float32_stays_float32():
    layer = xr.DataArray(np.ones(4, "float32"), dims="x", name="a", attrs={"units": "m"}).chunk()
    out = in_units(layer, "mm")
    assert out.chunks is not None
    assert out.dtype == np.float32
    assert float(out[0]) == 1000


def test_error_names_layer_and_both_units():
    with pytest.raises(UnitError, match=r"rain.*None.*mm"):
        in_units(xr.DataArray([1.0], dims="x", name="rain"), "mm")


def test_own_units_are_units_of_the_registry_and_themselves():
    from geo_risk.core import units

    for unit in units._OWN:
        parsed = units._parse(unit, where="here", wanted=unit)
        assert float(units.registry().Quantity(1.0, parsed).to(parsed).magnitude) == units.factor(unit, unit) == 1.0
