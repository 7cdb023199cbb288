"""Sentences for the report in English that carry their Chinese."""

from __future__ import annotations


class Sentence(str):
    """An English sentence with its Chinese beside it: a text to all who do not ask for the Chinese.

    What is made of it by formatting or cutting is plain text again and has lost the Chinese.
    """

    __slots__ = ("zh",)
    zh: str

    def __new__(cls, english: str, in_chinese: str) -> Sentence:
        """Join the two languages."""
        said = super().__new__(cls, english)
        said.zh = in_chinese
        return said

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        """Return what `__new__` needs, for pickle."""
        return (str(self), self.zh)


def chinese(text: str) -> str:
    """Return the Chinese of a sentence; one that carries none comes back as it is."""
    return text.zh if isinstance(text, Sentence) else text
