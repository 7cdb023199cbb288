"""Strict YAML: plain values with their lines, everything else refused (FAULTS 22)."""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO

from geo_risk.core.errors import ConfigError
from geo_risk.flow.strictyaml import read_scalar, read_yaml

plain = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
values = st.recursive(
    plain | text, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3)
)


@given(st.dictionaries(text, values, max_size=4))
def test_reads_back_what_yaml_1_2_writes(document):
    # quoted strings and plain numbers: whatever another YAML 1.2 writer says of these values is read as they were
    import json

    got = read_yaml(json.dumps(document, ensure_ascii=False), where="x.yaml").values
    assert _same(got, document)


def _same(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, bool) or isinstance(b, bool) or a is None or isinstance(a, str):
        return a is b or (a == b and type(a) is type(b))
    return math.isclose(a, b, rel_tol=1e-15)


def test_agrees_with_ruamel_on_plain_yaml():
    source = (
        "a: 1\nb: [1.5, two, 'three', null]\nc:\n  d: true\n  e: 2024-07-20T00:00:00Z\n  f: |\n    two\n    lines\n"
    )
    ours = read_yaml(source, where="x.yaml").values
    theirs = YAML(typ="safe", pure=True).load(StringIO(source))
    assert ours["a"] == theirs["a"]
    assert ours["b"] == theirs["b"]
    assert ours["c"]["d"] is True
    assert ours["c"]["f"] == theirs["c"]["f"]
    # a time stays text: pydantic reads it, with its zone, where a time is meant
    assert ours["c"]["e"] == "2024-07-20T00:00:00Z"


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("a: 1\na: 2\n", 2, "given twice"),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", 4, "given twice"),
        ("a: &x [1]\nb: *x\n", 1, "anchors"),
        ("b: *x\n", 1, "anchors"),
        ("a: !!python/object/apply:os.system ['true']\n", 1, "tag"),
        ("a: !!str 3\n", 1, "tag"),
        ("a:\n  <<: {b: 1}\n", 2, "merge"),
        ("flag: no\n", 1, "true or false"),
        ("flag: On\n", 1, "true or false"),
        ("at: 12:30\n", 1, "base 60"),
        ("mode: 0777\n", 1, "octal"),
        ("n: 0x1F\n", 1, "another base"),
        ("n: 1_000\n", 1, "number"),
        ("x: .nan\n", 1, "infinite"),
        ("x: -.inf\n", 1, "infinite"),
        ("a: 1\n---\nb: 2\n", 2, "more than one document"),
        ("a: [1, 2\nb: 3\n", 2, "not valid YAML"),
        ("a:\n\t- 1\n", 2, "not valid YAML"),
        ("- 1\n- 2\n", None, "mapping"),
        ("[a, b]: 1\n", 1, "plain word"),
    ],
)
def test_refuses_with_the_line(source, line, words):
    with pytest.raises(ConfigError) as caught:
        read_yaml(source, where="x.yaml")
    assert words in caught.value.what
    assert caught.value.where == ("x.yaml" if line is None else f"x.yaml, line {line}")
    assert caught.value.exit_code == 2


def test_refuses_alias_bombs_and_depth_at_once():
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
    started = time.perf_counter()
    with pytest.raises(ConfigError, match="anchors"):
        read_yaml(bomb, where="x.yaml")
    with pytest.raises(ConfigError, match="deeper"):
        read_yaml("a: " + "[" * 60 + "]" * 60, where="x.yaml")
    with pytest.raises(ConfigError, match="longer"):
        read_yaml("a: " + "x" * 2_000_000, where="x.yaml")
    assert time.perf_counter() - started < 5


def test_remembers_lines_also_of_keys_within_lists():
    document = read_yaml("a:\n  - b: 1\n    c: 2\n  - b: 3\n", where="x.yaml")
    assert document.line(("a", 1, "b")) == 4
    assert document.line(("a", 0, "c")) == 3
    # a key that is not there has the line of the nearest one above it
    assert document.line(("a", 1, "zz")) == 4
    assert document.line(("nowhere",)) is None


@pytest.mark.parametrize(
    ("source", "value"), [("12.5", 12.5), ("true", True), ("[1, a]", [1, "a"]), ("", None), ("a b", "a b")]
)
def test_reads_single_values_as_the_command_line_gives_them(source, value):
    assert read_scalar(source, where="--set") == value


def test_an_empty_file_is_an_empty_mapping():
    assert read_yaml("# nothing\n", where="x.yaml").values == {}
