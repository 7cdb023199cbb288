"""The ladder: up at once, down with a margin or after several issues, never down for want of knowledge."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.errors import CorruptFileError, DataError
from geo_risk.flow.issues import recorded
from geo_risk.products.ladder import CHANGES, Rung, move
from geo_risk.sources.issues import issue_name, issue_time, issues, last_before, read_issue

levels = st.integers(-1, 4)


def margins(judged: int, above: float) -> np.ndarray:
    """Reached levels have no margin left; those above are `above` mm away, and 1 mm more a level."""
    return np.array([-1.0 if k <= judged else above + k - judged - 1 for k in range(1, 5)])


def climb(before: Rung | None, judged: int, above: float = 0.5):
    return move(before, judged, margins(judged, above), lower_margin_mm=10, lower_after=2)


def test_by_hand():
    first = climb(None, 2)
    assert (first.level, first.change) == (2, "first")
    up = climb(first.rung, 4)
    assert (up.level, up.change) == (4, "raised")
    held = climb(up.rung, 3)
    assert (held.level, held.change, held.rung.below) == (4, "held", 1)
    down = climb(held.rung, 3)
    assert (down.level, down.change) == (3, "lowered")
    far = climb(up.rung, 0, above=50)
    assert (far.level, far.change) == (0, "cleared")
    gone = climb(up.rung, -1)
    assert (gone.level, gone.change) == (-1, "now_unknown")
    still = climb(gone.rung, -1)
    assert (still.level, still.change) == (-1, "still_unknown")
    back = climb(still.rung, 3)
    assert (back.level, back.change) == (4, "held")  # the red of two issues ago is not forgotten
    # unknown from the start, then a warning: that is news; then none: it is not
    assert climb(climb(None, -1).rung, 4).change == "raised"
    assert climb(climb(None, -1).rung, 0).change == "first"


def test_issues_in_a_row_do_not_count_across_unknown_ones():
    rung = climb(Rung(4, 4), 3).rung
    for _ in range(2):
        rung = climb(rung, -1).rung
    assert rung == Rung(-1, 4)
    back = climb(rung, 0)
    assert (back.level, back.change, back.rung.below) == (4, "held", 1)


def test_a_margin_from_the_upper_levels_only_lowers_to_the_one_it_is_near():
    got = move(Rung(4, 4), 1, np.array([-5.0, 4.0, 25.0, 60.0]), lower_margin_mm=10, lower_after=3)
    assert (got.level, got.change) == (2, "lowered")


@given(st.lists(st.tuples(levels, st.floats(0, 40)), min_size=1, max_size=20), st.integers(1, 4))
def test_laws_of_the_ladder(path, after):
    rung: Rung | None = None
    for judged, above in path:
        got = move(rung, judged, margins(judged, above), lower_margin_mm=10, lower_after=after)
        assert got.change in CHANGES
        assert (got.level == -1) == (judged == -1)
        assert got.level >= judged
        if rung is not None and judged >= 0:
            if judged > rung.known >= 0:
                assert (got.level, got.change) == (judged, "raised")  # at once
            if 0 <= got.level < rung.known:
                assert got.change in ("lowered", "cleared")
            if got.change == "held":
                assert got.rung.below < after
        if rung is not None and judged == -1:
            assert got.rung.known == rung.known  # unknown forgets nothing
            assert got.rung.below == 0
        if rung is not None and rung.known < 0 < judged:
            assert got.change == "raised"
        rung = got.rung


@given(st.integers(1, 4), st.integers(1, 5))
def test_a_lower_judgement_wins_after_so_many_issues(level, after):
    rung = Rung(level, level)
    for i in range(after):
        got = move(rung, level - 1, margins(level - 1, 0.1), lower_margin_mm=10, lower_after=after)
        assert got.level == (level - 1 if i == after - 1 else level)
        rung = got.rung


def test_states_are_found_by_time_and_a_broken_one_is_never_taken_for_calm(tmp_path):
    folder = tmp_path / "warnings" / "issues"
    folder.mkdir(parents=True)
    early = datetime(2024, 7, 25, 2, tzinfo=UTC)
    assert issue_name(early.astimezone(timezone(timedelta(hours=8)))) == "20240725T020000Z.json"
    state = {"format": 1, "issued": early.isoformat(), "places": {"zone:A:6": Rung(2, 2).to_dict()}}
    (folder / issue_name(early)).write_text(json.dumps(state), encoding="utf-8")
    (folder / "20240725T020000Z.replaced-aaaaaaaa.json").write_text("{}", encoding="utf-8")
    assert [issue_time(p) for p in issues(tmp_path)] == [early]
    assert last_before(tmp_path, early) is None
    assert read_issue(last_before(tmp_path, early + timedelta(hours=1))) == {"zone:A:6": Rung(2, 2)}
    head = f'{{"format": 1, "issued": "{early.isoformat()}", "places": '
    for broken in ("", "{", "[]", '{"format": 2, "places": {}}', head + '{"a": {"level": 9}}}',
                   head + '{"a": {"level": 1.5, "known": 1, "below": 0}}}',
                   head + '{"a": {"level": 4, "known": 0, "below": 0}}}',  # red was said, and nothing is remembered
                   json.dumps(state | {"issued": "2024-07-25T01:00:00+00:00"}), json.dumps(state | {"issued": None}),
                   json.dumps(state | {"issued": "2024-07-25T02:00:00"})):  # fmt: skip
        (folder / issue_name(early)).write_text(broken, encoding="utf-8")
        with pytest.raises(CorruptFileError, match="cannot be read"):
            read_issue(folder / issue_name(early))
    with pytest.raises(ValueError, match="zone"):
        issue_name(early.replace(tzinfo=None))


def test_strange_files_among_the_states_stop_or_are_none(tmp_path):
    folder = tmp_path / "out" / "warnings" / "issues"
    folder.mkdir(parents=True)
    state = {"format": 1, "issued": "2024-07-25T02:00:00+00:00", "places": {"zone:A:6": Rung(2, 2).to_dict()}}
    new = tmp_path / "state.json"
    new.write_text(json.dumps(state), encoding="utf-8")
    for name in ("notes.json", "20240725T010000Z.json.bak", "20240725T010000Z-broken.json"):
        (folder / name).write_text("{", encoding="utf-8")
    assert issues(tmp_path / "out") == []
    assert [row["path"] for row in recorded(tmp_path / "out", new).rows] == ["warnings/issues/20240725T020000Z.json"]
    (folder / "20241340T999999Z.json").write_text(json.dumps(state), encoding="utf-8")
    with pytest.raises(CorruptFileError, match="its name is no time"):
        last_before(tmp_path / "out", datetime(2024, 7, 25, 2, tzinfo=UTC))
    (folder / "20241340T999999Z.json").unlink()
    for name in ("20240725T010000Z.json", "20240725T010000Z.replaced-aaaaaaaa.json"):
        (folder / name).mkdir()
        with pytest.raises(CorruptFileError, match="cannot be read"):
            recorded(tmp_path / "out", new)
        (folder / name).rmdir()


def test_a_run_begins_anew_where_a_warning_may_not_and_keeps_the_replaced_state(tmp_path):
    early, late = "2024-07-25T02:00:00+00:00", "2024-07-25T03:00:00+00:00"
    folder = tmp_path / "out" / "warnings" / "issues"
    folder.mkdir(parents=True)

    def state(issued: str, level: int) -> str:
        return json.dumps({"format": 1, "issued": issued, "places": {"zone:A:6": Rung(level, level).to_dict()}})

    (folder / "20240725T020000Z.json").write_text(state(early, 2), encoding="utf-8")
    (folder / "20240725T030000Z.json").write_text(state(late, 3), encoding="utf-8")
    new = tmp_path / "state.json"
    new.write_text(state(early, 4), encoding="utf-8")
    with pytest.raises(DataError, match="stands on it"):
        recorded(tmp_path / "out", new)
    made = recorded(tmp_path / "out", new, is_run=True)
    assert made.files["warnings/issues/20240725T020000Z.json"] == new
    assert len([name for name in made.files if "replaced" in name]) == 1
    assert len(made.rows) == 3  # the new one, the later one, the replaced one
