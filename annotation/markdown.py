"""Markdown to HTML that cannot do harm: no raw HTML, no pictures, links to http and https alone."""

from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

LONGEST_TEXT = 1_000_000
"""Characters; a longer text is shown as it was written."""
DEEPEST_NESTING = 50
"""Quotes in quotes, lists in lists; a deeper text is shown as it was written, since the parser would drop the rest."""


def to_html(text: str) -> str:
    """The text as HTML; line breaks are kept, since people and models write them on purpose."""
    if len(text) > LONGEST_TEXT:
        return _as_written(text)
    environment: dict[str, Any] = {}
    tokens = _markdown().parse(text, environment)
    if any(token.level >= DEEPEST_NESTING for token in tokens):
        return _as_written(text)
    return str(_markdown().renderer.render(tokens, _markdown().options, environment))


def _as_written(text: str) -> str:
    return f"<pre>{escape(text)}</pre>\n"


@cache
def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": DEEPEST_NESTING + 2})
    markdown.enable(["table", "strikethrough"]).disable(["image", "html_block", "html_inline"])
    markdown.validateLink = _is_web_link  # type: ignore[method-assign]  # the library's own way to set it
    markdown.add_render_rule("link_open", _open_link)
    return markdown


def _is_web_link(url: str) -> bool:
    return urlsplit(url.strip()).scheme.lower() in ("http", "https")


def _open_link(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    tokens[index].attrSet("target", "_blank")
    return renderer.renderToken(tokens, index, options, env)
