"""A strict reader of YAML 1.2: plain values and their lines, and nothing a reader could mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from geo_risk.core.errors import ConfigError

MAX_BYTES = 1_000_000
"""No configuration is longer; a longer file is refused before it is parsed."""

MAX_DEPTH = 20
"""Levels of nesting that are read."""

Key = tuple[int | str, ...]

_NULL = re.compile(r"(null|Null|NULL|~|)\Z")
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_SURPRISES = (
    (re.compile(r"(y|n|yes|no|on|off)\Z", re.IGNORECASE), "other readers take it for true or false"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?\Z"), "other readers take it for a number of base 60"),
    (re.compile(r"[-+]?0[0-9_]+\Z"), "other readers take it for an octal number"),
    (re.compile(r"[-+]?0[bBoOxX][0-9a-fA-F_]+\Z"), "it is a number of another base"),
    (re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?\Z"), "other readers take it for a number"),
    (re.compile(r"[-+]?\.(inf|nan)\Z", re.IGNORECASE), "no parameter may be infinite or NaN"),
)


@dataclass
class Document:
    """The values of a YAML file, and the line each key stands on (counted from 1)."""

    values: dict[str, Any]
    lines: dict[Key, int] = field(default_factory=dict)

    def line(self, key: Key) -> int | None:
        """Return the line of a key, or of the nearest key above it that has one."""
        for end in range(len(key), 0, -1):
            if key[:end] in self.lines:
                return self.lines[key[:end]]
        return None


def read_yaml(text: str, *, where: str) -> Document:
    """Return the mapping a YAML text holds.

    Raises
    ------
    ConfigError : not YAML, not a mapping, too long or too deep; or it has duplicate keys, anchors, aliases, tags,
        merge keys, several documents, or plain words that YAML 1.1 and 1.2 read differently.
    """
    if len(text.encode()) > MAX_BYTES:
        what = f"the file is longer than {MAX_BYTES} bytes"
        raise ConfigError(what, where=where, fix="a configuration is a few pages; give data as input files")
    events = _events(text, where=where)
    reader = _Reader(events, where)
    value = reader.document()
    if value is None:
        value = {}
    if not isinstance(value, dict):
        what = f"the file holds a {type(value).__name__}; a mapping of keys to values needed"
        raise ConfigError(what, where=where, fix="start it with `pipeline: dual_control`")
    return Document(value, reader.lines)


def read_scalar(text: str, *, where: str) -> Any:
    """Return the value that a text such as `12.5`, `true`, `[1, 2]` or `some words` stands for."""
    reader = _Reader(_events(text, where=where), where)
    return reader.document()


def _events(text: str, *, where: str) -> Iterator[Any]:
    try:
        yield from YAML(typ="safe", pure=True).parse(StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = f"not valid YAML: {error.problem or error.context}"
        line = f", line {mark.line + 1}" if mark is not None else ""
        fix = "check indentation, colons and quotes; tabs are not allowed"
        raise ConfigError(what, where=f"{where}{line}", fix=fix) from error
    except YAMLError as error:
        what = f"not valid YAML: {str(error).splitlines()[0]}"
        raise ConfigError(what, where=where, fix="save the file as UTF-8 text without control characters") from error


class _Reader:
    """Builds plain values from parser events, so that aliases and tags are seen and nothing is constructed."""

    def __init__(self, events: Iterator[Any], where: str) -> None:
        self.events, self.where = events, where
        self.lines: dict[Key, int] = {}
        self._documents = 0

    def document(self) -> Any:
        value: Any = None
        for event in self.events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    self._refuse("the file holds more than one document", event, "keep one document a file")
                value = self._value(next(self.events), ())
        return value

    def _value(self, event: Any, key: Key) -> Any:
        kind = type(event).__name__
        if kind == "AliasEvent" or getattr(event, "anchor", None) is not None:
            self._refuse("anchors and aliases (&x, *x) are not allowed", event, "write the value out where it is meant")
        if getattr(event, "tag", None) is not None:
            self._refuse(
                f"the tag {event.tag!r} is not allowed", event, "remove the tag; quote the value if it is text"
            )
        if len(key) > MAX_DEPTH:
            self._refuse(f"nested deeper than {MAX_DEPTH} levels", event, "check the indentation")
        self.lines.setdefault(key, event.start_mark.line + 1)
        if kind == "MappingStartEvent":
            return self._mapping(key)
        if kind == "SequenceStartEvent":
            return self._sequence(key)
        return self._scalar(event)

    def _mapping(self, key: Key) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for event in self.events:
            if type(event).__name__ == "MappingEndEvent":
                return out
            if type(event).__name__ != "ScalarEvent" or event.tag is not None or event.anchor is not None:
                self._refuse("a key must be a plain word", event, "use the key names that `geo-risk schema` lists")
            name = str(event.value)
            if name == "<<" and event.style is None:
                self._refuse("merge keys (<<) are not allowed", event, "write the keys out")
            if name in out:
                self._refuse(f"the key {name!r} is given twice", event, "remove one of the two")
            self.lines[(*key, name)] = event.start_mark.line + 1
            out[name] = self._value(next(self.events), (*key, name))
        msg = "the file ends inside a mapping"
        raise ConfigError(msg, where=self.where, fix="complete it")

    def _sequence(self, key: Key) -> list[Any]:
        out: list[Any] = []
        for event in self.events:
            if type(event).__name__ == "SequenceEndEvent":
                return out
            out.append(self._value(event, (*key, len(out))))
        msg = "the file ends inside a list"
        raise ConfigError(msg, where=self.where, fix="complete it")

    def _scalar(self, event: Any) -> Any:
        text = str(event.value)
        if event.style is not None:
            return text
        for pattern, reason in _SURPRISES:
            if pattern.match(text):
                self._refuse(f"the plain word {text!r} is ambiguous: {reason}", event,
                             f'write true or false, a plain number, or "{text}" in quotes')  # fmt: skip
        if _NULL.match(text):
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INT.match(text):
            return int(text)
        return float(text) if _FLOAT.match(text) else text

    def _refuse(self, what: str, event: Any, fix: str) -> None:
        raise ConfigError(what, where=f"{self.where}, line {event.start_mark.line + 1}", fix=fix)
