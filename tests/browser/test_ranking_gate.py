"""Submit opens when every card was read, from its first line to its last, and has a place."""

from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, story


def test_submit_waits_until_every_card_was_on_screen(bench):
    b = bench([story(1500, "a"), "short", story(40, "c")])
    page = b.open()
    b.press("1", "2", "3")
    expect(page.locator("#submit")).to_be_disabled()
    unread = page.locator(".card[data-unread]")
    expect(unread).to_have_count(1)
    name = unread.locator(".letter").text_content()
    expect(page.locator("#lacks")).to_have_text(f"Not read to the end: {name}")
    page.evaluate("window.scrollTo(0, 300)")
    page.wait_for_timeout(100)
    expect(page.locator("#submit")).to_be_disabled()
    b.press("Enter")
    assert b.submissions() == []
    # Enter has led to the end of what was not read.
    expect(unread).to_have_count(0)
    expect(page.locator("#submit")).to_be_enabled()
    b.press("Enter")
    b.submissions(1)


def test_the_foot_of_the_page_hides_what_lies_below_it(bench):
    """A last line behind the tray was not on screen."""
    b = bench(["one", "two"], prompt="line\n" * 30)
    page = b.open()
    # Their last lines on the screen, and behind the tray.
    page.evaluate(
        """() => {
            const end = document.querySelector("[data-end=last]").getBoundingClientRect().bottom;
            window.scrollBy(0, end - (innerHeight - 20));
        }"""
    )
    page.wait_for_timeout(150)
    expect(page.locator(".card[data-unread]")).to_have_count(2)
    b.read_all()
    expect(page.locator(".card[data-unread]")).to_have_count(0)


def test_one_screen_for_four_completions_of_120_words(bench):
    for k in (2, 3, 4):
        b = bench([story(120, "abcd"[i]) for i in range(k)])
        page = b.open()
        expect(page.locator(".card[data-unread]")).to_have_count(0)
        floor = page.locator("#tray").bounding_box()["y"]
        for card in page.locator(".card").all():
            box = card.bounding_box()
            assert box["y"] > 0
            assert box["y"] + box["height"] <= floor, f"K={k}"
        assert page.evaluate("scrollY") == 0
        tray = page.locator("#tray").bounding_box()
        assert tray["y"] + tray["height"] <= DESKTOP["height"]


def test_cards_have_no_scroll_areas_and_tiers_stay_in_view(bench):
    code = "```\n" + "x = " + "1 + " * 300 + "1\n```"
    b = bench([story(2000, "a"), code, "| a | b |\n|---|---|\n| " + "wide " * 80 + " | x |"])
    page = b.open()
    scrolling = page.evaluate(
        """() => [...document.querySelectorAll(".card, .card *")].filter(node =>
            ["auto", "scroll"].includes(getComputedStyle(node).overflowY)
            || ["auto", "scroll"].includes(getComputedStyle(node).overflowX)).map(node => node.className)"""
    )
    assert scrolling == []
    assert page.evaluate("document.documentElement.scrollWidth") <= DESKTOP["width"]
    for place in (0, 1000, 100000):
        page.evaluate(f"window.scrollTo(0, {place})")
        expect(page.locator("#submit")).to_be_in_viewport(ratio=1)
        expect(page.locator('[data-slot="1"]')).to_be_in_viewport(ratio=1)


def test_nothing_jumps_when_cards_are_placed(bench):
    b = bench([story(60, name) for name in "abcd"])
    page = b.open()
    measure = (
        "() => [...document.querySelectorAll('.card, #tray')].map(n => n.getBoundingClientRect().toJSON())"
    )
    before = page.evaluate(measure)
    b.press("1", "2", "3", "0")
    assert page.evaluate(measure) == before
