"""Practice: the feedback comes before the next task."""

from playwright.sync_api import expect

from workbench.records import Ranking


def test_practice_gives_feedback_before_the_next_task(bench):
    gold = Ranking(
        id="g",
        annotator="expert",
        annotator_kind="adjudicator",
        ranks=(1, 2, 3),
        order=(0, 1, 2),
        criterion="helpful",
    )
    settings = {"qualification": {"comparisons": 2, "pass": 0.5}}
    b = bench(["good", "middling", "bad"], kind="qualification", rankings=(gold,), settings=settings, count=2)
    page = b.open()
    expect(page.locator("#mode")).to_have_text("Practice")
    first = page.locator("#prompt").text_content()
    right = {"good": "1", "middling": "2", "bad": "3"}
    b.press(*[right[text.strip()] for text in page.locator(".card .text-of").all_text_contents()], "Enter")
    expect(page.locator("#feedback-score")).to_have_text(
        "You agree with the expected ranking on 100 % of the pairs."
    )
    expect(page.locator(".card .agreed").first).to_contain_text("Expected: tier")
    assert page.locator("#prompt").text_content() == first
    page.wait_for_timeout(250)
    b.press("1")
    expect(page.locator("#submit .label")).to_have_text("Next")
    b.press("Enter")
    expect(page.locator("#feedback")).to_be_hidden()
    expect(page.locator(".card .place").first).to_have_text("")
