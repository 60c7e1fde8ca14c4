"""The beginnings of very many texts, end to end: a string of its own each would take half as much memory again."""

from array import array
from collections.abc import Iterable

EXCERPT = 280
"""Characters that are kept of a text for showing it."""


def excerpt(text: str) -> str:
    """The beginning of a text."""
    return text if len(text) <= EXCERPT else text[: EXCERPT - 1].rstrip() + "…"


class Excerpts:
    """A list of excerpts that only grows."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("q", [0])

    def append(self, text: str) -> None:
        """Keep the beginning of `text`."""
        self._bytes += excerpt(text).encode()
        self._ends.append(len(self._bytes))

    def extend(self, others: "Excerpts", chosen: Iterable[int]) -> None:
        """Keep those of `others` that are chosen by their place."""
        for i in chosen:
            self._bytes += others._bytes[others._ends[i] : others._ends[i + 1]]
            self._ends.append(len(self._bytes))

    def __getitem__(self, i: int) -> str:
        return self._bytes[self._ends[i] : self._ends[i + 1]].decode()

    def __len__(self) -> int:
        return len(self._ends) - 1
