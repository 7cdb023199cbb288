"""What the free text of a product says: which way is positive, and whether a correction has been made already."""

from __future__ import annotations

import re
from typing import Literal

Way = Literal["toward", "away"]

_OF_RANGE = r"\w* (?:in |of )?(?:the )?(?:slant )?range\b"
_WAYS: dict[Way, re.Pattern[str]] = {
    "toward": re.compile(r"\btowards?\b|\brange (?:decreas|shorten)|\b(?:decreas|shorten)" + _OF_RANGE),
    "away": re.compile(r"\baway\b|\brange (?:increas|lengthen)|\b(?:increas|lengthen)" + _OF_RANGE),
}
_POLES = {"+": re.compile(r"\bpositive\b"), "-": re.compile(r"\bnegative\b")}
_CLAUSE = re.compile(r"[.;:,()\n]|\b(?:and|while|whereas|but)\b")
_TURNED = re.compile(
    r"\b(?:not|no|nor|neither|never|opposite|revers\w*|invert\w*|unlike|rather|instead|contrary|except)\b|n't\b"
)

_TO_BE_MADE = re.compile(
    r"\b(?:should|must|may|can|needs? to|has to|have to|is to|are to|to) be (?:subtracted|removed)\b"
    r"|(?<!not )(?<!n't )\bsubtract\b|\bmay be used to correct\b"
    r"|\bnot (?:yet |been |already )*(?:subtracted|removed|applied|corrected)\b"
)
_MADE = re.compile(
    r"\b(?:has|have|had|was|were|is|are)(?: already| been)* (?:subtracted|removed|corrected)\b"
    r"|\balready (?:been )?(?:subtracted|removed|applied|corrected)\b|(?<!be )\bused to correct\b|\bapplied to\b"
)
_NOT_TO_BE = re.compile(r"(?:\bnot|n't) (?:be )?subtract(?:ed)?\b")


def positive_way(text: str) -> Way | None:
    """Return which motion a description calls positive; None where it does not say, or says it in two ways.

    Parameters
    ----------
    text : such as "Positive values are motion toward the satellite, negative values away from it."

    Notes
    -----
    Each clause that names one of positive and negative and one of toward and away (or a range that shortens or
    lengthens) is an answer. Without such a clause the whole text is one, or it is read as a row of pairs. Answers must
    agree; a text that denies or turns anything is left to the user.
    """
    plain = " ".join(text.lower().replace("_", " ").split())
    if _TURNED.search(plain):
        return None
    answers = {a for clause in _CLAUSE.split(plain) if (a := _answer(clause)) is not None}
    if not answers:
        answers = {a for part in _pairs(plain) if (a := _answer(part)) is not None}
    return answers.pop() if len(answers) == 1 else None


def speaks_of_sign(text: str) -> bool:
    """Return whether a description says anything of a sign: a pole, or a motion away."""
    plain = text.lower().replace("_", " ")
    return any(p.search(plain) for p in (*_POLES.values(), _WAYS["away"]))


def correction_state(text: str) -> Literal["subtract", "made", "both", "unsaid"]:
    """Return whether a correction is still to be subtracted by what is written of it, has been, or both are said.

    What is not to be subtracted counts as made: either way nothing is left to do.
    """
    plain = " ".join(text.lower().split())
    made = bool(_MADE.search(plain)) or bool(_NOT_TO_BE.search(plain) and not _TO_BE_MADE.search(plain))
    to_be = bool(_TO_BE_MADE.search(plain))
    if re.search(r"(?:should|must|may|can|do|does)(?: not|n't) (?:be )?subtract", plain):
        to_be, made = False, True
    return "both" if made and to_be else "subtract" if to_be else "made" if made else "unsaid"


def _answer(part: str) -> Way | None:
    """Return what is positive by a part of a text that names one pole and one way; None for any other."""
    poles = [k for k, p in _POLES.items() if p.search(part)]
    ways = [w for w, p in _WAYS.items() if p.search(part)]
    if len(poles) != 1 or len(ways) != 1:
        return None
    other: dict[Way, Way] = {"toward": "away", "away": "toward"}
    return ways[0] if poles[0] == "+" else other[ways[0]]


def _pairs(plain: str) -> list[str]:
    """Return the whole text, or where it names both poles or both ways, its words for them two by two."""
    if _answer(plain) is not None:
        return [plain]
    found = sorted(m.span() for p in (*_POLES.values(), *_WAYS.values()) for m in p.finditer(plain))
    words = [plain[a:b] for a, b in found]
    pairs = [" ".join(words[i : i + 2]) for i in range(0, len(words), 2)]
    return pairs if all(_answer(p) is not None for p in pairs) else []
