"""Words of others made fit to be shown: prompts and names are hostile input on a terminal as on a page."""

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Controls, formats (direction overrides, zero widths), surrogates, private and unassigned characters, separators."""
_JOINERS = "\u200c\u200d"
"""Zero width joiners, which words in Persian and in Indian scripts, and many emoji, are written with."""


def shown(text: str, limit: int = 160) -> str:
    """One line of at most `limit` characters: white space run together, what cannot be seen replaced by a mark.

    Escaping for HTML and Markdown is the page's own business; this keeps a text from steering a terminal, from turning
    the direction of what follows, and from filling the page.
    """
    # Far more than is shown is not looked at: a prompt may be megabytes long.
    words = " ".join(text[: 4 * limit].split())
    clean = "".join(
        "\ufffd" if unicodedata.category(character) in _HIDDEN and character not in _JOINERS else character
        for character in words
    )
    if len(clean) <= limit and len(text) <= 4 * limit:
        return clean
    return clean[: limit - 1].rstrip() + "…"


def listed(names: list[str], limit: int = 3) -> str:
    """The first names, and how many more there are."""
    said = ", ".join(shown(name, 40) for name in names[:limit])
    return said if len(names) <= limit else f"{said} and {len(names) - limit:,} more"
