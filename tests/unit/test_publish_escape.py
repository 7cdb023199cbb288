import csv
import io
import json
import math
from html.parser import HTMLParser

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.publish import escape
from tests.support import payloads


class _Collector(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))

    def handle_data(self, data):
        self.text += data


@pytest.mark.parametrize("text", payloads.ALL)
def test_html_text_is_one_text_node_that_reads_back_the_same(text):
    page = _Collector()
    page.feed(f"<p>{escape.html_text(text)}</p>")
    page.close()
    assert page.tags == [("p", [])]
    assert page.text == escape.clean_text(text)


@pytest.mark.parametrize("text", payloads.ALL)
@pytest.mark.parametrize("quote", ["'", '"'])
def test_html_text_stays_inside_a_quoted_attribute(text, quote):
    page = _Collector()
    page.feed(f"<p title={quote}{escape.html_text(text)}{quote}>x</p>")
    page.close()
    assert page.tags == [("p", [("title", escape.clean_text(text))])]


@pytest.mark.parametrize("text", payloads.ALL)
def test_script_json_cannot_end_the_script_and_reads_back_the_same(text):
    out = escape.script_json({text: [text]})
    assert not set(out) & set("<>&'\u2028\u2029")
    clean = escape.clean_text(text)
    assert json.loads(out) == {clean: [clean]}


def test_template_escapes_exactly_once():
    template = escape.html_environment().from_string('<p title="{{ t }}">{{ t }}</p>{{ d | script_json }}')
    out = template.render(t="a<b & 'c'", d="</script>")
    assert out == '<p title="a&lt;b &amp; &#39;c&#39;">a&lt;b &amp; &#39;c&#39;</p>"\\u003c/script\\u003e"'


def test_template_refuses_an_unknown_name_and_prints_nothing_for_missing():
    environment = escape.html_environment()
    assert environment.from_string("[{{ a }}{{ b }}]").render(a=None, b=float("nan")) == "[]"
    with pytest.raises(Exception, match="undefined"):
        environment.from_string("{{ nobody }}").render()


def test_script_json_turns_missing_into_null_and_keeps_numbers():
    value = {
        "a": math.nan,
        "b": pd.NA,
        "c": np.float32(0.5),
        "d": np.int8(-1),
        "e": np.bool_(True),
        "f": math.inf,
        "g": 1,
    }
    assert json.loads(escape.script_json(value)) == {
        "a": None, "b": None, "c": 0.5, "d": -1, "e": True, "f": None, "g": 1}  # fmt: skip


def test_script_json_refuses_what_has_no_json_form():
    with pytest.raises(TypeError, match="object has no JSON form"):
        escape.script_json({"a": object()})


@pytest.mark.parametrize("text", payloads.FORMULAS)
def test_formulas_are_text_in_a_workbook_and_prefixed_in_csv(text, tmp_path):
    book = openpyxl.Workbook()
    escape.set_cell(book.active["A1"], text)
    book.save(tmp_path / "a.xlsx")
    cell = openpyxl.load_workbook(tmp_path / "a.xlsx").active["A1"]
    assert cell.data_type == "s"
    assert cell.quotePrefix
    assert str(escape.csv_value(text)).startswith("'")


@pytest.mark.parametrize("number", [-5, -5.25, 0, 1e-7, np.int64(-3), np.float32(-0.5)])
def test_numbers_stay_numbers(number):
    assert escape.csv_value(number) == number
    assert escape.sheet_value(number) == number
    assert type(escape.csv_value(number)) in (int, float)


def test_missing_is_empty_and_long_text_is_cut():
    for missing in (None, math.nan, pd.NA, pd.NaT):
        assert escape.csv_value(missing) == ""
        assert escape.sheet_value(missing) is None
        assert escape.html_text(missing) == ""
    assert len(escape.sheet_value("x" * 40_000)) == escape.CELL_LIMIT


@given(st.text())
def test_any_text_survives_html_csv_and_json(text):
    clean = escape.clean_text(text)
    page = _Collector()
    page.feed(f'<i a="{escape.html_text(text)}"></i>')
    page.close()
    assert page.tags == [("i", [("a", clean)])]
    assert json.loads(escape.script_json(text)) == clean
    stream = io.StringIO(newline="")
    csv.writer(stream).writerow([escape.csv_value(text), "end"])
    stream.seek(0)
    row = next(csv.reader(stream))
    assert row[1] == "end"
    assert row[0].removeprefix("'") == clean.removeprefix("'")
    assert not row[0].lstrip(" ").startswith(escape.FORMULA_STARTS)
