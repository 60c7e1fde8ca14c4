"""Nothing is lost: drafts, reloads, lost connections, lost leases, and a submission that is sent twice."""

from datetime import timedelta

from playwright.sync_api import expect
from sqlalchemy import delete, select, update

from storage.tables import Comparison, Draft, Lease, Project
from storage.tables.base import utc_now
from tests.browser.conftest import story


def texts(page):
    return page.locator(".card .text-of").all_text_contents()


def places(page):
    return page.locator(".card .place").all_text_contents()


def wait_for_draft(b, step):
    for _ in range(60):
        with b.site.database.reading() as session:
            query = select(Draft.content).where(Draft.annotator_id == b.annotator_id)
            if any(content.get("step") == step for content in session.scalars(query)):
                return
        b.page.wait_for_timeout(50)
    raise AssertionError(f"no draft with step {step} on the server")


def test_a_reload_brings_back_task_order_and_draft(bench):
    b = bench(5)
    page = b.open()
    b.press("2", "1", "0", "b", "m", "u", "Escape", "n")
    page.keyboard.type("half a note")
    shown, placed, prompt = texts(page), places(page), page.locator("#prompt").text_content()
    b.open()
    assert (texts(page), places(page), page.locator("#prompt").text_content()) == (shown, placed, prompt)
    assert page.input_value("#note") == "half a note"
    expect(page.locator('.card[data-card="1"]')).to_be_focused()
    expect(page.locator('.card[data-card="1"] [data-flag="untrue"]')).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.locator(".card[data-unread]")).to_have_count(0)


def test_the_service_keeps_the_draft_for_another_browser(bench):
    b = bench(3)
    page = b.open()
    b.press("2", "1")
    wait_for_draft(b, 2)
    shown = texts(page)
    page.evaluate("localStorage.clear()")
    b.open()
    assert texts(page) == shown
    assert places(page)[:2] == ["tier 2", "tier 1"]


def test_steps_made_without_a_connection_outlive_a_reload(bench):
    """The browser's own draft is later than the service's, and wins."""
    b = bench(3)
    page = b.open()
    b.press("1")
    wait_for_draft(b, 1)
    b.context.set_offline(True)
    b.press("2", "3")
    page.wait_for_timeout(400)
    b.context.set_offline(False)
    b.open()
    assert places(page) == ["tier 1", "tier 2", "tier 3"]


def test_work_goes_on_without_a_connection_and_is_sent_after(bench):
    b = bench(2, count=3)
    page = b.open()
    page.wait_for_timeout(300)  # the next task is fetched ahead
    b.context.set_offline(True)
    b.press("1", "2", "Enter")
    expect(page.locator("#connection")).to_contain_text("No connection")
    b.next_task()
    b.press("2", "1", "Enter")
    assert b.submissions() == []
    b.context.set_offline(False)
    first, second = b.submissions(2)
    assert [b.shown_tiers(one) for one in (first, second)] == [[1, 2], [2, 1]]
    expect(page.locator("#connection")).to_have_text("")
    page.wait_for_selector(".card")


def test_an_answer_that_was_not_sent_outlives_a_reload(bench):
    b = bench(2, count=2)
    page = b.open()
    page.wait_for_timeout(300)
    page.route("**/submit", lambda route: route.abort())
    b.press("1", "2", "Enter")
    expect(page.locator("#connection")).to_contain_text("No connection")
    page.unroute("**/submit")
    first = page.locator("#prompt").text_content()
    b.open()
    (found,) = b.submissions(1)
    assert b.shown_tiers(found) == [1, 2]
    assert page.locator("#prompt").text_content() == first


def test_a_lost_answer_is_asked_for_again_and_counts_once(bench):
    """The service has the submission, and its answer never arrives: the page sends the same key again."""
    b = bench(2, count=2)
    keys = []

    def lose_the_first(route):
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    # Before the page is opened: of one that is open a request may still get past.
    b.page.route("**/submit", lose_the_first)
    page = b.open()
    b.press("1", "2", "Enter")
    expect(page.locator("#connection")).to_have_attribute("data-state", "idle")
    assert len(b.submissions()) == 1
    assert len(keys) == 2
    assert keys[0] == keys[1]


def test_the_next_task_is_there_at_once(bench):
    b = bench(2, count=3)
    page = b.open()
    page.wait_for_timeout(300)
    first = page.locator("#prompt").text_content()
    b.context.set_offline(True)
    b.press("1", "2", "Enter")
    expect(page.locator("#prompt")).not_to_have_text(first, timeout=100)
    b.context.set_offline(False)
    b.submissions(1)


def test_a_lease_that_others_took_is_told(bench):
    """The draft's answer tells it: the annotator gets another task and a word on why."""
    b = bench(2, count=2)
    page = b.open()
    first = page.locator("#prompt").text_content()
    with b.site.database.writing() as session:
        mine = (
            select(Lease.comparison_id)
            .where(Lease.annotator_id == b.annotator_id)
            .order_by(Lease.id)
            .limit(1)
        )
        taken = session.scalar(mine)
        session.execute(update(Comparison).where(Comparison.id == taken).values(votes=99))
        past = utc_now() - timedelta(hours=2)
        session.execute(update(Lease).where(Lease.comparison_id == taken).values(expires_at=past))
    b.press("1")
    expect(page.locator("#notices")).to_contain_text("ran out")
    expect(page.locator("#prompt")).not_to_have_text(first)


def test_a_refused_answer_is_told(bench):
    b = bench(2, count=2)
    page = b.open()
    page.wait_for_timeout(300)
    b.press("1", "2")
    wait_for_draft(b, 2)
    with b.site.database.writing() as session:
        session.execute(delete(Draft).where(Draft.annotator_id == b.annotator_id))
        session.execute(delete(Lease).where(Lease.annotator_id == b.annotator_id))
    b.press("Enter")
    expect(page.locator("#notices")).to_contain_text("was not accepted")


def test_signed_out_keeps_the_work(bench):
    b = bench(2, count=2)
    page = b.open()
    page.wait_for_timeout(300)
    cookies = b.context.cookies()
    b.context.clear_cookies()
    b.press("1", "2", "Enter")
    expect(page.locator("#notices")).to_contain_text("signed out")
    assert b.submissions() == []
    b.context.add_cookies(cookies)
    b.open()
    (found,) = b.submissions(1)
    assert b.shown_tiers(found) == [1, 2]


def test_nothing_left(bench):
    b = bench(2, count=1)
    page = b.open()
    b.press("1", "2", "Enter")
    expect(page.locator("#nothing-title")).to_have_text("All done")
    expect(page.locator("#tray")).to_be_hidden()
    b.press("1", "a", "Enter", "u")
    expect(page.locator("#mode")).to_have_text("You are changing an earlier ranking")
    assert places(page) == ["tier 1", "tier 2"]


def test_a_paused_project_says_so(bench):
    b = bench(2, settings={"status": "paused"})
    b.page.goto(f"{b.site.url}/projects/{b.project}/rank")
    expect(b.page.locator("#nothing-title")).to_have_text("Paused")


def test_a_draft_of_a_very_long_note_is_kept(bench):
    b = bench([story(10, "a"), story(10, "b")])
    page = b.open()
    page.fill("#note", "words " * 3000)
    b.open()
    assert page.input_value("#note") == "words " * 3000


def test_new_work_comes_by_itself_where_there_was_none(bench):
    """The page looks again each minute; here the minute is made to pass."""
    b = bench(2, count=2, settings={"status": "paused"})
    page = b.page
    page.clock.install()
    page.goto(f"{b.site.url}/projects/{b.project}/rank")
    expect(page.locator("#nothing-title")).to_have_text("Paused")
    with b.site.database.writing() as session:
        session.get_one(Project, b.project_id).settings = {}
    page.clock.fast_forward(61_000)
    expect(page.locator(".card")).to_have_count(2)
