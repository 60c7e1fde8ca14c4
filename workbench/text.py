"""Measures on text: words, n-grams, distinct-n and repetition, with a character mode for text without spaces."""

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)

# Scripts that are written without spaces between words: a "word" of them is one character.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003134f]"
)
_WORD = re.compile(r"\w+(?:['’\-]\w+)*", re.UNICODE)


def is_unspaced(text: str) -> bool:
    """Whether most letters belong to scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese)."""
    letters = [character for character in text if character.isalpha()]
    return bool(letters) and sum(map(bool, map(_UNSPACED.match, letters))) > len(letters) / 2


def words(text: str) -> list[str]:
    """The words in lower case, NFKC-normalised; in unspaced scripts every character is a word of its own."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        found.extend(_split_unspaced(word))
    return found


def characters(text: str) -> list[str]:
    """The letters and digits one by one, NFKC-normalised, in lower case: the character mode for any script."""
    return [c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum()]


def ngrams(items: Sequence[T], n: int) -> list[tuple[T, ...]]:
    """All runs of `n` neighbours, in order; none if there are fewer than `n` items."""
    if n < 1:
        raise ValueError(f"n must be 1 or more, got {n}")
    return [tuple(items[i : i + n]) for i in range(len(items) - n + 1)]


def distinct_n(sequences: Iterable[Sequence[Hashable]], n: int = 2) -> float:
    """Distinct over total n-grams, counted over all sequences together (Li et al. 2016, section 5.1); 0 without any.

    It falls as text is added, so only figures over equally many sequences can be compared.
    """
    counts: Counter[tuple[Hashable, ...]] = Counter()
    for sequence in sequences:
        counts.update(ngrams(sequence, n))
    total = counts.total()
    return len(counts) / total if total else 0.0


def repetition(items: Sequence[Hashable], n: int = 3) -> float:
    """The share of a sequence's n-grams that came before in it: 0 says nothing twice; 0 if shorter than `n`."""
    grams = ngrams(items, n)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def _split_unspaced(word: str) -> list[str]:
    """A run of word characters cut so that each unspaced character stands alone: "第3章abc" -> 第, 3, 章, abc."""
    if not _UNSPACED.search(word):
        return [word]
    return [part for part in re.split(f"({_UNSPACED.pattern})", word) if part]
