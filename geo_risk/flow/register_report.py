"""What a file brought to the register, for the command that read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from geo_risk.core.sentence import chinese


@dataclass
class ImportReport:
    """What a file brought.

    Attributes
    ----------
    rows : by layer, as read. counts : what became of them. quarantine : {"layer", "id", "reason", "reason_zh"}.
    conflicts : {"object_id", "fields", "told"}: edits of values that somebody changed after the export.
    numbers : of the proposals made.
    """

    file: str
    rows: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    quarantine: list[dict[str, str]] = field(default_factory=list)
    conflicts: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        notes = [{"en": str(n), "zh": chinese(n)} for n in self.notes]
        return {**self.__dict__, "notes": notes, "proposals": [f"P-{n:06d}" for n in self.numbers]}

    def add(self, counts: Mapping[str, int]) -> None:
        """Add to the counts."""
        for key, n in counts.items():
            self.counts[key] = self.counts.get(key, 0) + n

    def aside(self, layer: str, name: object, why: str) -> None:
        """Set a row aside."""
        self.counts["set_aside"] = self.counts.get("set_aside", 0) + 1
        self.quarantine.append({"layer": layer, "id": str(name), "reason": str(why), "reason_zh": chinese(why)})
