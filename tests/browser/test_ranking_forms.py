"""All that a form can ask, the guideline, and the question to the lead."""

from playwright.sync_api import expect
from sqlalchemy import select

from storage.tables import GuidelineVersion, Question

CRITERIA = ["helpful", "honest", {"name": "harmless", "instruction": "Would it hurt anyone?"}]


def test_several_criteria_in_one_submission(bench):
    """Enter leads through them, and sends when all are ranked."""
    b = bench(3, settings={"criteria": CRITERIA})
    page = b.open()
    b.press("1", "2", "3", "Enter")
    expect(page.locator("#live")).to_have_text("Now ranking by Honest")
    expect(page.locator("#criteria [aria-pressed=true]")).to_have_text("Honest")
    expect(page.locator(".card").first).to_be_focused()
    b.press("3", "2", "1", "t")
    expect(page.locator("#instruction")).to_have_text("Would it hurt anyone?")
    b.press("1", "1")
    expect(page.locator("#lacks")).to_have_text("Harmless, still to place: C")
    b.press("0", "Enter")
    (found,) = b.submissions(1)
    tiers = {name: b.shown_tiers(found, name) for name in ("helpful", "honest", "harmless")}
    assert tiers == {"helpful": [1, 2, 3], "honest": [3, 2, 1], "harmless": [1, 1, None]}


def test_questions_rules_and_a_note_that_is_needed(bench):
    settings = {
        "questions": [
            {
                "name": "overall",
                "label": "Overall",
                "low_label": "poor",
                "high_label": "great",
                "required": True,
            },
            {"name": "tone", "label": "Tone", "kind": "choice", "choices": ["warm", "cold"]},
            {"name": "why", "label": "What is missing?", "kind": "text"},
        ],
        "rules": [{"name": "cites", "label": "Names a source"}],
        "note": "required",
    }
    b = bench(2, settings=settings)
    page = b.open()
    b.read_all()
    b.press("1", "2")
    for lack, group, value in (("Names a source", "Names a source", "unsure"), ("Overall", "Overall", "6")):
        for card in (0, 1):
            expect(page.locator("#lacks")).to_contain_text(lack)
            place = page.locator(f'.card[data-card="{card}"]').get_by_role("group", name=group, exact=True)
            place.get_by_role("radio", name=value, exact=True).check(force=True)
    page.locator('.card[data-card="1"]').get_by_role("radio", name="cold").check(force=True)
    page.get_by_label("What is missing? (optional)").nth(1).fill("an end")
    expect(page.locator("#lacks")).to_have_text("A note is needed.")
    page.fill("#note", "because")
    b.press("Escape", "Enter")
    (found,) = b.submissions(1)
    shown = {name: [values[i] for i in found.order] for name, values in found.answers.items()}
    assert shown == {
        "overall": [6, 6],
        "tone": [None, "cold"],
        "why": [None, "an end"],
        "rule:cites": ["unsure", "unsure"],
    }
    assert found.note == "because"


def test_radios_by_keyboard_alone(bench):
    b = bench(2, settings={"rules": [{"name": "cites", "label": "Names a source"}], "flags": []})
    page = b.open()
    b.press("Tab", "Tab", "Space", "ArrowRight")
    expect(page.locator('.card[data-card="0"] input[value=no]')).to_be_checked()
    b.press("Tab", "Tab", "Tab", "Space")
    expect(page.locator('.card[data-card="1"] input[value=yes]')).to_be_checked()
    b.press("a", "1", "2", "Enter")
    (found,) = b.submissions(1)
    assert [found.answers["rule:cites"][i] for i in found.order] == ["no", "yes"]


def test_edit_the_best_into_the_ideal_completion(bench):
    b = bench(["The *first* text.", "The second text."], settings={"demonstration": "edit"})
    page = b.open()
    best = page.locator('.card[data-card="1"] .text-of').text_content().strip()
    b.press("2", "1")
    page.locator("#sources button").nth(1).click()
    assert page.input_value("#demonstration").replace("*", "") == best
    page.locator("#demonstration").press("End")
    page.keyboard.type("\n\n- with **more**")
    expect(page.locator("#preview li strong")).to_have_text("more")
    b.open()
    assert page.input_value("#demonstration").endswith("- with **more**")
    page.click("#submit")
    (found,) = b.submissions(1)
    assert found.demonstration.endswith("\n\n- with **more**")


def test_write_the_ideal_completion(bench):
    b = bench(2, settings={"demonstration": "write"})
    page = b.open()
    expect(page.locator("#sources button")).to_have_count(0)
    page.fill("#demonstration", "All my own words")
    b.press("Escape", "1", "2", "Enter")
    (found,) = b.submissions(1)
    assert found.demonstration == "All my own words"


def test_a_content_warning_veils_the_text_until_it_is_wanted(bench):
    b = bench(2, settings={"content_warning": "Violent language ahead."})
    page = b.open()
    expect(page.locator("#veil-text")).to_have_text("Violent language ahead.")
    assert (
        page.locator("#cards").evaluate("node => node.inert && getComputedStyle(node).filter") == "blur(14px)"
    )
    b.press("1", "Enter")
    assert page.locator(".card .place").first.text_content() == ""
    expect(page.locator(".card[data-unread]")).to_have_count(2)
    page.click("#unveil")
    expect(page.locator("#veil")).to_be_hidden()
    b.press("1", "2", "v")
    expect(page.locator("#submit")).to_be_disabled()
    b.press("v", "Enter")
    b.submissions(1)


def test_hide_the_text_on_demand(bench):
    b = bench(2)
    page = b.open()
    b.press("v")
    expect(page.locator("#veil-text")).to_have_text("The text is hidden.")
    b.press("v")
    expect(page.locator("#veil")).to_be_hidden()
    expect(page.locator("#live")).to_have_text("Text shown")


def test_a_question_to_the_lead_and_its_answer(bench):
    b = bench(2)
    page = b.open()
    b.press("l")
    page.keyboard.type("Do typos count? 1")
    page.click("#question-form button[type=submit]")
    expect(page.locator("#question-dialog")).to_be_hidden()
    with b.site.database.writing() as session:
        question = session.scalars(select(Question).where(Question.annotator_id == b.annotator_id)).one()
        assert question.text == "Do typos count? 1"
        assert question.comparison_id is not None
        question.answer = "Only in names."
    page.goto(f"{b.site.url}/projects/{b.project}/my-questions")
    expect(page.locator("main")).to_contain_text("Only in names.")


def test_a_question_that_cannot_be_sent_stays(bench):
    b = bench(2)
    page = b.open()
    b.press("l")
    page.keyboard.type("Anyone there?")
    b.context.set_offline(True)
    page.click("#question-form button[type=submit]")
    expect(page.locator("#question-problem")).to_contain_text("not sent")
    assert page.input_value("#question-text") == "Anyone there?"
    b.context.set_offline(False)
    page.click("#question-form button[type=submit]")
    expect(page.locator("#question-dialog")).to_be_hidden()


def test_a_changed_guideline_is_announced_and_bound_to_the_submission(bench):
    b = bench(2, guideline="# Rank well\n\nRead **everything**.")
    page = b.page
    page.goto(f"{b.site.url}/projects/{b.project}/rank")
    dialog = page.locator("#guideline-dialog")
    expect(dialog).to_contain_text("Read everything.")
    b.press("Escape")
    expect(dialog).to_be_visible()
    page.click("#guideline-read")
    expect(dialog).to_be_hidden()
    expect(page.locator(".card").first).to_be_focused()
    b.open()
    expect(dialog).to_be_hidden()
    b.press("1", "2", "Enter")
    with b.site.database.writing() as session:
        newer = GuidelineVersion(
            project_id=b.project_id, version="v2", text="Read twice.", changes="Now *twice*."
        )
        session.add(newer)
        session.flush()
        newest = newer.id
    b.page.goto(f"{b.site.url}/projects/{b.project}/rank")
    expect(dialog).to_contain_text("version v2")
    expect(dialog).to_contain_text("Now twice.")
    page.click("#guideline-read")
    page.wait_for_timeout(250)
    b.press("1", "2", "Enter")
    first, second = b.submissions(2)
    assert first.guideline_version_id != newest
    assert second.guideline_version_id == newest
    b.next_task()
    b.press("r")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("Read twice.")
    b.press("Escape")
    expect(dialog).to_be_hidden()


def test_own_history_page_leads_back_to_a_submission(bench):
    b = bench(2)
    page = b.open()
    b.press("2", "1", "Enter")
    b.submissions(1)
    page.goto(f"{b.site.url}/projects/{b.project}/history")
    expect(page.locator("main")).to_contain_text("B > A")
    page.get_by_role("link", name="Change").click()
    expect(page.locator("#mode")).to_have_text("You are changing an earlier ranking")
