"""Errors: three lines, stable codes, whole after a trip through a worker."""

import pickle

import pytest

from geo_risk.core import errors


def every_error():
    found, todo = [], [errors.GeoRiskError]
    while todo:
        cls = todo.pop()
        found.append(cls)
        todo += cls.__subclasses__()
    return found


def test_three_lines():
    text = str(errors.UnitError("layer 'rain' has units None", where="demo.yaml, inputs.rainfall", fix="add units"))
    assert text.splitlines() == [
        "[GR201] layer 'rain' has units None",
        "  where: demo.yaml, inputs.rainfall",
        "  fix:   add units",
    ]


def test_codes_are_unique_and_exit_codes_are_the_contracts():
    codes = [cls.code for cls in every_error()]
    assert len(codes) == len(set(codes))
    assert {cls.exit_code for cls in every_error()} == {1, 2, 3, 4}


@pytest.mark.parametrize("cls", every_error())
def test_survives_pickling(cls):
    error = cls("a", where="b", fix="c")
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is cls
    assert str(back) == str(error)


def test_all_problems_are_raised_at_once():
    errors.raise_all([])
    problems = [errors.UnitError(f"p{i}", where=f"w{i}", fix="f") for i in range(3)]
    with pytest.raises(errors.UnitError, match=r"3 problems.*p0.*p1.*p2"):
        errors.raise_all(problems)
