"""Ranking by keyboard: how many keys it takes, which keys count when, and what each does."""

from playwright.sync_api import expect

PAIR = ["A short one.", "A short one, but better."]


def count_keys(page):
    page.evaluate("window.keys = 0; addEventListener('keydown', () => (window.keys += 1), true)")


def send_key(page, code, key, **more):
    """A key as a keyboard of another layout sends it."""
    event = {"code": code, "key": key, "bubbles": True, "cancelable": True, **more}
    page.evaluate(
        """event => { for (const type of ["keydown", "keyup"])
            document.activeElement.dispatchEvent(new KeyboardEvent(type, event)); }""",
        event,
    )


def place_of(page, card):
    return page.locator(f"#place-{'ABCDEFGHI'.index(card)}").text_content()


def test_k_completions_take_k_plus_one_keys(bench):
    """K=4 in 5 keys, K=9 in 10: a digit for each, and Enter. The first card has the focus."""
    b = bench([[f"Completion {i}" for i in range(k)] for k in range(2, 10)])
    page = b.open()
    count_keys(page)
    for done, k in enumerate(range(2, 10)):
        expect(page.locator(".card")).to_have_count(k)
        expect(page.locator(".card").first).to_be_focused()
        expect(page.locator(".card[data-unread]")).to_have_count(0)
        page.wait_for_timeout(220)
        before = page.evaluate("window.keys")
        b.press(*[str(tier + 1) for tier in range(k)], "Enter")
        found = b.submissions(done + 1)[-1]
        assert page.evaluate("window.keys") - before == k + 1
        assert b.shown_tiers(found) == list(range(1, k + 1))
        assert found.timings["input"] == "keyboard"
        assert all(seconds is not None for seconds in found.timings["seen"])


def test_a_digit_ties_and_moves_on_to_the_next_unplaced(bench):
    b = bench(4)
    page = b.open()
    b.press("c", "1")
    expect(page.locator('.card[data-card="3"]')).to_be_focused()
    b.press("2")
    expect(page.locator('.card[data-card="0"]')).to_be_focused()
    b.press("1", "2")
    assert [place_of(page, card) for card in "ABCD"] == [
        "tier 1, tied with C",
        "tier 2, tied with D",
        "tier 1, tied with A",
        "tier 2, tied with B",
    ]
    b.press("Enter")
    (found,) = b.submissions(1)
    assert b.shown_tiers(found) == [1, 2, 1, 2]


def test_zero_sets_aside_and_backspace_takes_out(bench):
    b = bench(3)
    page = b.open()
    b.press("1", "0", "2")
    assert place_of(page, "B") == "set aside"
    b.press("a", "Backspace")
    assert place_of(page, "A") == ""
    expect(page.locator("#submit")).to_be_disabled()
    b.press("1", "Enter")
    (found,) = b.submissions(1)
    assert b.shown_tiers(found) == [1, None, 2]


def test_all_set_aside_is_no_ranking(bench):
    b = bench(2)
    page = b.open()
    b.press("0", "0", "Enter")
    expect(page.locator("#submit")).to_be_disabled()
    expect(page.locator("#lacks")).to_contain_text("rank one or more, or skip")
    assert b.submissions() == []


def test_a_tier_beyond_k_is_refused_with_a_word(bench):
    b = bench(2)
    page = b.open()
    b.press("3")
    expect(page.locator("#live")).to_have_text("There are 2 tiers")
    assert place_of(page, "A") == ""


def test_keys_are_read_by_position(bench):
    """AZERTY has & é " ' where QWERTY has 1 2 3 4, and digits with Shift; the numpad counts too; Cyrillic C is с."""
    b = bench(5)
    page = b.open()
    send_key(page, "Digit2", "é")
    send_key(page, "Numpad1", "1")
    send_key(page, "Digit3", "3", shiftKey=True)
    assert [place_of(page, card) for card in "ABC"] == ["tier 2", "tier 1", "tier 3"]
    send_key(page, "KeyC", "с")
    expect(page.locator('.card[data-card="2"]')).to_be_focused()
    send_key(page, "KeyQ", "a")
    expect(page.locator('.card[data-card="0"]')).to_be_focused()
    send_key(page, "Digit1", "!", shiftKey=True)
    assert place_of(page, "A") == "tier 2"


def test_composing_and_modified_keys_are_left_alone(bench):
    b = bench(2)
    page = b.open()
    for more in (
        {"isComposing": True},
        {"ctrlKey": True},
        {"metaKey": True},
        {"altKey": True},
        {"repeat": True},
    ):
        send_key(page, "Digit1", "1", **more)
        assert place_of(page, "A") == "", more
    send_key(page, "Digit1", "1")
    assert place_of(page, "A") == "tier 1"


def test_keys_are_dead_until_key_up_and_a_moment_after_the_task_changes(bench):
    b = bench(2)
    page = b.open()
    b.press("1", "2")
    first = page.locator("#prompt").text_content()
    page.keyboard.down("Enter")
    expect(page.locator("#prompt")).not_to_have_text(first)
    page.wait_for_timeout(300)
    b.press("1")
    assert place_of(page, "A") == "", "Enter is still held down"
    page.keyboard.up("Enter")
    b.press("1")
    assert place_of(page, "A") == "tier 1"
    b.press("2")
    # In one turn of the page, so that no time passes between the two keys.
    page.evaluate(
        """() => { for (const code of ["Enter", "Digit1"]) for (const type of ["keydown", "keyup"])
            document.activeElement.dispatchEvent(new KeyboardEvent(type, {code, key: "x", bubbles: true})); }"""
    )
    page.wait_for_timeout(50)
    assert place_of(page, "A") == "", "within 200 ms"


def test_enter_in_the_note_is_a_new_line(bench):
    b = bench(2)
    page = b.open()
    b.press("1", "2", "n")
    expect(page.locator("#note")).to_be_focused()
    page.keyboard.type("first 1 a x")
    b.press("Enter")
    page.keyboard.type("second")
    b.press("Escape")
    expect(page.locator(".card").nth(1)).to_be_focused()
    b.press("Enter")
    (found,) = b.submissions(1)
    assert found.note == "first 1 a x\nsecond"
    assert b.shown_tiers(found) == [1, 2]


def test_both_bad_ties_and_flags_a_pair(bench):
    b = bench(PAIR)
    page = b.open()
    b.press("x")
    expect(page.locator("#live")).to_contain_text("Both bad")
    b.press("Enter")
    (found,) = b.submissions(1)
    assert b.shown_tiers(found) == [1, 1]
    assert found.flags == [["bad"], ["bad"]]


def test_both_bad_is_for_pairs(bench):
    b = bench(3)
    page = b.open()
    b.press("x")
    expect(page.locator("#live")).to_contain_text("for two completions")
    assert place_of(page, "A") == ""


def test_flags_by_key(bench):
    b = bench(2)
    page = b.open()
    b.press("b", "m")
    expect(page.locator("#live")).to_contain_text("Flags of B")
    b.press("u", "s", "u", "Escape", "a", "1", "2")
    assert [place_of(page, card) for card in "AB"] == ["tier 1", "tier 2"]
    b.press("Enter")
    (found,) = b.submissions(1)
    assert [found.flags[i] for i in found.order] == [[], ["unsafe"]]


def test_undo_takes_back_steps_and_then_the_submission(bench):
    b = bench(2)
    page = b.open()
    b.press("1", "2", "u")
    assert [place_of(page, card) for card in "AB"] == ["tier 1", ""]
    expect(page.locator('.card[data-card="1"]')).to_be_focused()
    b.press("2", "Enter")
    b.submissions(1)
    b.next_task()
    b.press("u")
    expect(page.locator("#mode")).to_have_text("You are changing an earlier ranking")
    page.wait_for_timeout(250)
    assert [place_of(page, card) for card in "AB"] == ["tier 1", "tier 2"]
    b.read_all()
    b.press("a", "2", "b", "1", "Enter")
    first, second = b.submissions(2)
    assert (second.supersedes_id, second.revision) == (first.id, 2)
    assert b.shown_tiers(second) == [2, 1]
    b.next_task()
    assert place_of(page, "A") == ""


def test_a_revision_can_be_left_as_it_was(bench):
    b = bench(2)
    page = b.open()
    b.press("1", "2", "Enter")
    b.submissions(1)
    b.next_task()
    second = page.locator("#prompt").text_content()
    b.press("u")
    expect(page.locator("#give-up")).to_be_visible()
    page.click("#give-up")
    expect(page.locator("#prompt")).to_have_text(second)
    assert len(b.submissions()) == 1


def test_skip_needs_a_reason_and_is_a_submission(bench):
    b = bench(2)
    page = b.open()
    first = page.locator("#prompt").text_content()
    b.press("s")
    expect(page.locator("#skip-dialog")).to_be_visible()
    b.press("Escape")
    expect(page.locator("#skip-dialog")).to_be_hidden()
    b.press("s")
    page.fill("#skip-note", "I know the author 1")
    page.locator("#skip-reasons button").nth(1).focus()
    b.press("2")
    (found,) = b.submissions(1)
    assert (found.outcome, found.reason, found.note) == ("skipped", "expertise", "I know the author 1")
    expect(page.locator("#prompt")).not_to_have_text(first)


def test_history_by_j_and_k(bench):
    b = bench(2, count=4)
    page = b.open()
    for keys in (("1", "2"), ("2", "1")):
        b.press(*keys, "Enter")
        b.next_task()
    b.submissions(2)
    b.press("j")
    expect(page.locator("#history-list [aria-current]")).to_contain_text("B > A")
    b.press("j")
    expect(page.locator("#history-list [aria-current]")).to_contain_text("A > B")
    b.press("k")
    expect(page.locator("#history-list [aria-current]")).to_contain_text("B > A")
    b.press("Enter")
    expect(page.locator("#mode")).to_have_text("You are changing an earlier ranking")
    assert [place_of(page, card) for card in "AB"] == ["tier 2", "tier 1"]


def test_single_key_shortcuts_can_be_turned_off(bench):
    b = bench(2)
    page = b.open()
    b.press("?")
    expect(page.locator("#keys-dialog")).to_be_visible()
    page.uncheck("#shortcuts")
    b.press("Escape")
    b.open()
    b.press("1", "x", "s")
    assert place_of(page, "A") == ""
    expect(page.locator("#skip-dialog")).to_be_hidden()
    b.press("ArrowRight")
    expect(page.locator(".card").nth(1)).to_be_focused()
    page.click("#command-keyMap")
    page.check("#shortcuts")
    b.press("Escape", "a", "1")
    assert place_of(page, "A") == "tier 1"


def test_how_much_better(bench):
    b = bench(PAIR, settings={"strength": True})
    page = b.open()
    expect(page.locator("#strength")).to_be_hidden()
    b.press("1", "2", "y", "y")
    expect(page.locator("#live")).to_have_text("clearly better")
    b.press("Enter")
    (found,) = b.submissions(1)
    assert found.by_criterion["helpful"].strength == 2
    b.next_task()
    b.press("1", "1")
    expect(page.locator("#strength")).to_be_hidden()
