"""Markdown: what people write is shown, and nothing that a browser would run or fetch gets through."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.markdown import LONGEST_TEXT, to_html

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[press](javascript:alert(1))",
    "[press](JaVaScRiPt:alert(1))",
    "[press](data:text/html;base64,PHNjcmlwdD4=)",
    "[press](vbscript:x)",
    "[press](\x01javascript:alert(1))",
    "[press](//elsewhere.example)",
    "[press](/sign-out)",
    "<javascript:alert(1)>",
    "![picture](https://tracker.example/p.png)",
    '[a](https://x.example "onmouseover=alert(1)")',
    "[a](https://x.example/\"onmouseover='alert(1)')",
    '```"><script>alert(1)</script>\nx\n```',
    "[a]: javascript:alert(1)\n\n[a]",
    "<svg/onload=alert(1)>",
    "<iframe src='https://x.example'></iframe>",
)
TAGS = {
    "a",
    "blockquote",
    "br",
    "code",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
}
TAGS |= {"s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"}
ATTRIBUTES = {"href", "rel", "target", "title", "class", "start", "style"}


def check_harmless(html: str) -> None:
    for tag, rest in re.findall(r"</?([a-zA-Z][^\s/>]*)((?:\s+[a-z]+=\"[^\"]*\")*)\s*/?>", html):
        assert tag in TAGS, html
        for name, value in re.findall(r'([a-z]+)="([^"]*)"', rest):
            assert name in ATTRIBUTES, html
            if name == "href":
                assert value.lower().startswith(("http://", "https://")), html
            if name == "style":
                assert re.fullmatch(r"text-align:(left|right|center)", value), html
    left = re.sub(r"</?[a-zA-Z][^\s/>]*(?:\s+[a-z]+=\"[^\"]*\")*\s*/?>", "", html)
    assert "<" not in left, html


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_not_run(text: str) -> None:
    check_harmless(to_html(text))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from([*HOSTILE, "\n", "> ", "- ", "|a|b|\n|-|-|\n", "`", "*", '"', "'", "<", "&"]),
        max_size=8,
    )
)
def test_mixed_hostile_text_is_harmless(parts: list[str]) -> None:
    check_harmless(to_html("".join(parts)))


def test_what_people_write() -> None:
    html = to_html(
        "# Be *kind*\n\n- one\n- two\n\n| a | b |\n| - | -: |\n| 1 | 2 |\n\nline\nbreak ~~old~~\n\n```python\nx < 1\n```"
    )
    for part in ("<h1>Be <em>kind</em></h1>", "<li>one</li>", "<td", "line<br", "<s>old</s>", "x &lt; 1"):
        assert part in html


def test_links_leave_without_a_trace() -> None:
    html = to_html("[the paper](https://arxiv.org/abs/2203.02155)")
    assert 'href="https://arxiv.org/abs/2203.02155"' in html
    assert 'rel="noopener noreferrer nofollow"' in html and 'target="_blank"' in html


def test_deep_and_endless_text_comes_back() -> None:
    for deep in (
        ">" * 5000 + " text",
        "> " * 60 + "text",
        "".join("  " * i + "- x\n" for i in range(60)) + "text",
    ):
        html = to_html(deep)
        assert "text" in html
        check_harmless(html)
    long = to_html("*x* " * (LONGEST_TEXT // 4 + 1))
    assert "<em>" not in long and "*x*" in long
