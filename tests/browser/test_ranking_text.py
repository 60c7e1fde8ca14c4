"""What people and models write is shown as they meant it, and can never act."""

from playwright.sync_api import expect

from tests.browser.conftest import story

PAYLOADS = [
    "<script>window.hurt = 1</script>",
    "<img src=x onerror='window.hurt = 1'>",
    "<svg onload=window.hurt=1></svg>",
    "[click](javascript:window.hurt=1) and [data](data:text/html,<script>window.hurt=1</script>)",
    "![alt](x\" onerror=\"window.hurt=1) <iframe srcdoc='<script>parent.hurt=1</script>'></iframe>",
    '[a](https://example.com/"onmouseover="window.hurt=1) </script><script>window.hurt=1</script>',
    '```html"><img src=x onerror=window.hurt=1>\n</code></pre><script>window.hurt=1</script>\n```',
    "| <b onclick=window.hurt=1>x</b> | b |\n|---|---|\n| <math><mtext></form><form><mglyph><style></math><img src onerror=window.hurt=1> | y |",
    "{{ 7*7 }} ${7*7} <template><script>window.hurt=1</script></template>",
]


def is_unhurt(page):
    dangerous = page.evaluate(
        """() => [...document.querySelectorAll("#work script, #work img, #work iframe, #work svg, #work object, #work style,"
            + " dialog script, dialog img, dialog iframe, dialog svg, main svg, main iframe")].map(n => n.outerHTML)
            .concat([...document.querySelectorAll("#work *, dialog *, main *")].filter(
                n => [...n.attributes].some(a => a.name.startsWith("on"))).map(n => n.outerHTML))
            .concat([...document.querySelectorAll("a")].filter(a => !/^https?:/.test(a.href)).map(a => a.outerHTML))"""
    )
    assert dangerous == []
    assert page.evaluate("window.hurt") is None


def test_hostile_text_in_prompt_completion_note_guideline_and_names(bench):
    settings = {
        "criteria": [{"name": "helpful", "label": PAYLOADS[1], "instruction": PAYLOADS[2]}],
        "flags": [{"name": "bad", "label": PAYLOADS[1]}],
        "questions": [{"name": "q", "label": PAYLOADS[0], "kind": "choice", "choices": [PAYLOADS[1], "b"]}],
        "rules": [{"name": "r", "label": PAYLOADS[2]}],
        "skip_reasons": [{"name": "s", "label": PAYLOADS[1]}],
        "demonstration": "edit",
        "content_warning": PAYLOADS[1],
    }
    turns = [
        ["system", PAYLOADS[0]],
        ["user", PAYLOADS[3]],
        ["tool", PAYLOADS[8]],
    ]
    b = bench(PAYLOADS, prompt=turns, settings=settings, guideline="\n\n".join(PAYLOADS), count=2)
    page = b.page
    page.goto(f"{b.site.url}/projects/{b.project}/rank")
    is_unhurt(page)
    page.click("#guideline-read")
    page.click("#unveil")
    page.wait_for_timeout(250)
    b.read_all()
    texts = page.locator(".card .text-of").all_text_contents()
    assert any("<script>window.hurt = 1</script>" in text for text in texts)
    page.fill("#note", PAYLOADS[1])
    page.locator("#sources button").nth(0).click()
    page.fill("#demonstration", "\n\n".join(PAYLOADS))
    b.press("Escape", "m", "1", "Escape", "s", "Escape")
    is_unhurt(page)
    for card in page.locator(".card").all():
        card.get_by_role("radio", name="yes").check(force=True)
    b.press("a", *"123456789", "Enter")
    (found,) = b.submissions(1)
    assert found.note == PAYLOADS[1]
    b.next_task()
    b.press("j")
    expect(page.locator("#history-list button")).to_have_count(1)
    is_unhurt(page)
    for place in ("history", "guideline", "my-questions"):
        page.goto(f"{b.site.url}/projects/{b.project}/{place}")
        is_unhurt(page)


MARKDOWN = """# A heading
A **strong** and *soft* word, `code <b>`, ~~gone~~ and __bold__ snake_case_name 2 * 3 * 4.
Second line of the same paragraph.

1. one
2. two
   - inner
   - inner two

   and more of two
3. three

> quoted
> twice

| left | right |
|:-----|------:|
| a \\| b | **c** |

```python
def f(x):
    return "<b>" * x  # not **bold**
```

---
See [the page](https://example.com/a_(b)) or https://example.com/x?y=1&z=2. Escaped \\*star\\*."""


def test_markdown(bench):
    b = bench([MARKDOWN, "plain"])
    page = b.open()
    card = page.locator(".card", has=page.locator("table"))
    assert card.locator("p.heading").text_content() == "A heading"
    assert card.locator("strong").all_text_contents() == ["strong", "bold", "c"]
    assert card.locator("em").all_text_contents() == ["soft"]
    assert card.locator("del").text_content() == "gone"
    assert card.locator("p > code").first.text_content() == "code <b>"
    assert "2 * 3 * 4.\nSecond line" in card.locator("p.text").first.text_content()
    assert card.locator("ol > li").count() == 3
    assert card.locator("ol > li ul > li").all_text_contents() == ["inner", "inner two"]
    assert "and more of two" in card.locator("ol > li").nth(1).text_content()
    assert card.locator("blockquote").text_content() == "quoted\ntwice"
    assert card.locator("td").all_text_contents() == ["a | b", "c"]
    assert card.locator("pre").text_content() == 'def f(x):\n    return "<b>" * x  # not **bold**'
    assert card.locator("hr").count() == 1
    links = card.locator("a").evaluate_all("all => all.map(a => [a.getAttribute('href'), a.rel, a.target])")
    assert links[-1] == ["https://example.com/x?y=1&z=2", "noopener noreferrer nofollow", "_blank"]
    assert "Escaped *star*." in card.locator("p.text").last.text_content()


TRICKY = [
    "Line one\nline two",
    "1) a\n2) b",
    "* not a list*",
    "a | b",
    "```\nnever closed",
    "> " * 200 + "deep",
    "- " * 200 + "deep",
    "*" * 500 + "x",
    "[" * 500 + "x",
    "\\x",
    "#hashtag",
    "| abc |\n|---",
    "\t\tindented",
    "****x",
    "_ _ _ x",
    "**open *and* `open",
]


def letters_of(text):
    return "".join(filter(str.isalpha, text))


def test_no_character_is_lost(bench):
    """Marks may become form, words stay: every letter and digit that was written is on the page, in its order."""
    b = bench([TRICKY[:8], TRICKY[8:]])
    page = b.open()
    for half in (TRICKY[:8], TRICKY[8:]):
        expect(page.locator(".card")).to_have_count(len(half))
        shown = page.locator(".card .text-of").all_text_contents()
        assert sorted(map(letters_of, shown)) == sorted(map(letters_of, half))
        b.read_all()
        b.press(*"12345678", "Enter")
        page.wait_for_timeout(250)


def test_right_to_left_and_cjk(bench):
    arabic = "كان يا ما كان حارس منارة يحب البحر.\n\n- أولا\n- ثانيا"
    chinese = "从前有一位守灯塔的人，他喜欢大海。" * 8
    b = bench([arabic, chinese, "English."], prompt="احك لي قصة")
    page = b.open()
    card = page.locator(".card", has_text="كان")
    directions = card.locator("p.text, li, ul").evaluate_all(
        "all => all.map(n => getComputedStyle(n).direction)"
    )
    assert set(directions) == {"rtl"}
    english = page.locator(".card", has_text="English")
    assert english.locator("p.text").evaluate("n => getComputedStyle(n).direction") == "ltr"
    assert page.locator("#prompt p").evaluate("n => getComputedStyle(n).direction") == "rtl"
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366


def test_multi_turn_prompts_tell_who_speaks(bench):
    turns = [["system", "Be brief."], ["user", "Hi"], ["assistant", "Hello"], ["user", "# And?"]]
    b = bench(2, prompt=turns)
    page = b.open()
    assert page.locator("#prompt .role").all_text_contents() == ["System", "User", "Assistant", "User"]
    expect(page.locator("#prompt .turn").last).to_contain_text("And?")


def test_very_long_completions_and_words(bench):
    """Half a million characters, and a word of ten thousand letters, are shown whole and leave the page quick."""
    b = bench([story(60000, "a"), "x" * 10000, "*a " * 5000, ""], count=2)
    page = b.open()
    texts = page.locator(".card .text-of").all_text_contents()
    assert max(map(len, texts)) > 350_000
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    expect(page.locator(".card .empty")).to_have_text("(an empty completion)")
    begin = page.evaluate("performance.now()")
    b.press("1", "2", "3", "4")
    assert page.evaluate("performance.now()") - begin < 2000
    assert "tier 4" in page.locator(".card .place").all_text_contents()
