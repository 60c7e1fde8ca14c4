"""For everyone: axe finds nothing in any state, in light, dark, on a phone and in Chinese; a live region tells all."""

import pytest
from playwright.sync_api import expect

from annotation.language import messages
from tests.browser.looking import PHONE, violations

LOOKS = {"light": {}, "dark": {"color_scheme": "dark"}, "phone": PHONE}
EVERYTHING = {
    "criteria": ["helpful", "honest"],
    "questions": [
        {"name": "overall", "label": "Overall", "low_label": "poor", "high_label": "great"},
        {"name": "why", "label": "Why?", "kind": "text"},
    ],
    "rules": [{"name": "cites", "label": "Names a source"}],
    "strength": True,
    "demonstration": "edit",
    "content_warning": "Strong words.",
}


def test_axe_would_find_something(bench):
    page = bench(2).open()
    page.evaluate("document.getElementById('submit').textContent = ''")
    assert [one.split(":")[0] for one in violations(page)] == ["button-name"]


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_in_any_state_of_the_page(bench, look):
    b = bench(
        [
            "# One\n\n- a list\n\n```\ncode\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |",
            "> Two https://example.com",
        ],
        settings=EVERYTHING,
        guideline="# Read\n\nthis",
        count=2,
        **LOOKS[look],
    )
    page = b.page
    page.goto(f"{b.site.url}/projects/{b.project}/rank")
    expect(page.locator("#guideline-dialog")).to_be_visible()
    assert violations(page) == [], "guideline"
    page.click("#guideline-read")
    assert violations(page) == [], "veiled"
    page.click("#unveil")
    page.wait_for_timeout(250)
    assert violations(page) == [], "untouched"
    b.read_all()
    b.press("a", "1", "0", "a", "m")
    assert violations(page) == [], "flagging"
    b.press("Escape", "b", "2", "y", "t", "1", "1")
    assert violations(page) == [], "placed"
    for key, dialog in (("s", "skip"), ("l", "question"), ("j", "history"), ("?", "keys")):
        b.press(key)
        expect(page.locator(f"#{dialog}-dialog")).to_be_visible()
        assert violations(page) == [], dialog
        b.press("Escape")
        expect(page.locator(f"#{dialog}-dialog")).to_be_hidden()
    for card in page.locator(".card").all():
        card.get_by_role("radio", name="no", exact=True).check(force=True)
    page.click("#submit")
    b.submissions(1)
    page.wait_for_timeout(250)
    assert violations(page) == [], "sent"
    b.context.set_offline(True)
    page.click("#unveil")
    b.press("s", "1")
    expect(page.locator("#connection")).not_to_have_text("")
    assert violations(page) == [], "offline"
    b.context.set_offline(False)
    expect(page.locator("#nothing-title")).to_have_text("All done")
    assert violations(page) == [], "done"


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing_on_the_pages_around(bench, look):
    b = bench(2, guideline="# Read\n\nthis | that", **LOOKS[look])
    page = b.page
    page.goto(f"{b.site.url}/projects/{b.project}/rank")
    page.click("#guideline-read")
    page.wait_for_timeout(250)
    b.press("1", "2", "Enter")
    b.submissions(1)
    for place in (
        "",
        f"projects/{b.project}/history",
        f"projects/{b.project}/guideline",
        f"projects/{b.project}/my-questions",
    ):
        page.goto(f"{b.site.url}/{place}")
        assert violations(page) == [], place
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
    b.context.clear_cookies()
    page.goto(f"{b.site.url}/sign-in")
    assert violations(page) == []


def test_the_live_region_says_what_happened(bench):
    b = bench(4)
    page = b.open()
    live = page.locator("#live")
    assert live.get_attribute("aria-live") == "polite"
    expect(live).to_contain_text("New task, 4 completions")
    b.press("b", "2", "d", "2")
    expect(live).to_have_text("D tier 2, tied with B. ")
    b.press("a", "0")
    expect(live).to_have_text("A set aside. ")
    b.press("c", "1")
    expect(live).to_have_text("C tier 1. Ready to submit.")
    b.press("u")
    expect(live).to_have_text("Undone")
    b.press("m", "u")
    expect(live).to_contain_text("flagged: Untrue")


def test_a_screen_reader_hears_where_each_card_is(bench):
    b = bench(2)
    page = b.open()
    b.press("2", "2")
    card = page.get_by_role("group", name="A", exact=True)
    expect(card).to_have_accessible_description("tier 2, tied with B")
    expect(page.get_by_role("button", name="Card A")).to_be_visible()


def test_everything_by_keyboard_with_tab_alone(bench):
    """With single keys off: Tab, arrows, Space and Enter rank, flag and submit."""
    b = bench(2)
    page = b.open()
    b.press("?")
    page.uncheck("#shortcuts")
    b.press("Escape")
    page.locator(".card").first.focus()
    b.press("Tab")
    expect(page.get_by_label("Place of A")).to_be_focused()
    page.keyboard.type("tier 2")
    b.press("Tab", "Space")
    expect(page.locator('.card[data-card="0"] .flag').first).to_have_attribute("aria-pressed", "true")
    page.locator(".card").nth(1).focus()
    page.locator('[data-slot="1"] button.slot-name').focus()
    b.press("Enter")
    page.locator("#submit").focus()
    b.press("Enter")
    (found,) = b.submissions(1)
    assert b.shown_tiers(found) == [2, 1]
    assert [found.flags[i] for i in found.order] == [["bad"], []]


def test_the_focus_is_seen_and_nothing_lies_over_it(bench):
    b = bench(["word " * 400, "word " * 300])
    page = b.open()
    b.press("ArrowRight")
    style = (
        page.locator(".card")
        .nth(1)
        .evaluate("n => [getComputedStyle(n).outlineStyle, getComputedStyle(n).outlineWidth]")
    )
    assert style == ["solid", "2px"]
    page.locator(".card .flag").last.focus()
    box, tray = page.locator(".card .flag").last.bounding_box(), page.locator("#tray").bounding_box()
    assert box["y"] + box["height"] <= tray["y"]


def test_no_motion_where_none_is_wanted(bench):
    b = bench(2)
    page = b.open()
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter(n => parseFloat(getComputedStyle(n).transitionDuration) > 0)
            .map(n => n.className)"""
    )
    assert moving == []


def test_the_page_in_chinese(bench):
    b = bench(3, locale="zh-CN")
    page = b.open()
    page.get_by_role("button", name="中文").click()
    page.wait_for_selector(".card")
    page.wait_for_timeout(250)
    assert page.evaluate("document.documentElement.lang") == "zh"
    expect(page.locator("#submit .label")).to_have_text("提交")
    b.press("2", "1", "2")
    expect(page.locator("#live")).to_contain_text("第 2 档，与 A 并列")
    assert violations(page) == []
    b.press("?")
    expect(page.locator("#keys-title")).to_have_text("快捷键")
    b.press("Escape")
    english = [
        text
        for key, text in messages("en").items()
        if key.startswith(("rank.", "command.")) and len(text) > 4
    ]
    body = page.locator("body").inner_text()
    assert [text for text in english if text in body] == []
    b.press("Enter")
    (found,) = b.submissions(1)
    assert b.shown_tiers(found) == [2, 1, 2]
