"""Ranking without keys: drag, tap and menu do the same as a digit; on a phone too."""

from playwright.sync_api import expect

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def centre(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, source, target):
    page.mouse.move(*centre(source))
    page.mouse.down()
    page.mouse.move(*centre(target), steps=6)
    page.mouse.up()


def slot(page, name):
    return page.locator(f'[data-slot="{name}"]')


def chips(page, name):
    return slot(page, name).locator(".chip").all_text_contents()


def test_drag_letters_and_chips_onto_tiers(bench):
    b = bench(4)
    page = b.open()
    drag(page, page.locator(".card .letter").nth(2), slot(page, 1))
    drag(page, page.locator('[data-chip="0"]'), slot(page, 2))
    drag(page, page.locator('[data-chip="1"]'), slot(page, 2))
    drag(page, page.locator('[data-chip="3"]'), slot(page, "aside"))
    assert [chips(page, name) for name in ("", 1, 2, "aside")] == [[], ["C"], ["A", "B"], ["D"]]
    drag(page, page.locator('[data-chip="3"]'), slot(page, ""))
    expect(page.locator("#submit")).to_be_disabled()
    drag(page, page.locator('[data-chip="3"]'), slot(page, 4))
    page.click("#submit")
    (found,) = b.submissions(1)
    assert b.shown_tiers(found) == [2, 2, 1, 4]
    assert found.timings["input"] == "pointer"


def test_a_drag_that_ends_elsewhere_changes_nothing(bench):
    b = bench(2)
    page = b.open()
    drag(page, page.locator(".card .letter").first, page.locator("#prompt"))
    page.mouse.move(*centre(page.locator(".card .letter").first))
    page.mouse.down()
    page.mouse.move(*centre(slot(page, 1)), steps=4)
    page.keyboard.press("Escape")
    page.mouse.up()
    assert chips(page, "") == ["A", "B"]
    expect(page.locator(".ghost")).to_have_count(0)


def test_tap_a_card_then_a_tier(bench):
    b = bench(3)
    page = b.open()
    page.locator(".card .text-of").nth(1).click()
    for tier in ("1", "3", "aside"):
        slot(page, tier).locator("button.slot-name").click()
    assert [chips(page, name) for name in (1, 3, "aside")] == [["B"], ["C"], ["A"]]
    page.click("#submit")
    (found,) = b.submissions(1)
    assert b.shown_tiers(found) == [None, 1, 3]


def test_menu(bench):
    b = bench(2)
    page = b.open()
    page.get_by_label("Place of A").select_option("tier 2")
    page.get_by_label("Place of B").select_option("set aside")
    page.get_by_label("Place of B").select_option("not placed")
    expect(page.locator("#submit")).to_be_disabled()
    page.get_by_label("Place of B").select_option("tier 1")
    page.click("#submit")
    (found,) = b.submissions(1)
    assert b.shown_tiers(found) == [2, 1]


def test_flags_and_undo_by_button(bench):
    b = bench(2)
    page = b.open()
    page.locator('.card[data-card="1"] [data-flag="untrue"]').click()
    page.locator('.card[data-card="1"] [data-flag="bad"]').click()
    page.click("#command-undo")
    expect(page.locator('.card[data-card="1"] [data-flag="untrue"]')).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.locator('.card[data-card="1"] [data-flag="bad"]')).to_have_attribute("aria-pressed", "false")


def test_on_a_phone_by_taps(bench):
    b = bench(4, **PHONE)
    page = b.open()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator("#submit")).to_be_in_viewport()
    for i, tier in enumerate((2, 1, 3, 4)):
        page.locator(".card .text-of").nth(i).tap()
        slot(page, tier).locator("button.slot-name").tap()
    b.read_all()
    page.locator("#submit").tap()
    (found,) = b.submissions(1)
    assert b.shown_tiers(found) == [2, 1, 3, 4]


def test_targets_are_large_enough_to_tap(bench):
    """WCAG 2.2 SC 2.5.8: 24 by 24 pixels."""
    b = bench(9, **PHONE)
    page = b.open()
    small = page.evaluate(
        """() => [...document.querySelectorAll("button, select, .chip, [data-drag]")]
            .map(node => [node.id || node.className, node.getBoundingClientRect()])
            .filter(([, box]) => box.width && (box.width < 24 || box.height < 24) )
            .map(([name, box]) => `${name} ${box.width}x${box.height}`)"""
    )
    assert [name for name in small if not name.startswith("link")] == []
