"""Pushes that meet, and pushes that are cut short, on both databases; a real server is in `tests/end_to_end`."""

import threading

import pytest
from sqlalchemy import select

from annotation.label_studio.link import LinkSettings
from annotation.label_studio.push import push
from annotation.label_studio.tasks import key_of
from storage.importing import import_comparisons
from storage.locks import alone
from storage.projects import create_project
from storage.tables import LabelStudioProject, LabelStudioTask
from tests.storage.service_work import make_comparisons
from workbench.errors import DataError

SETTINGS = LinkSettings(tiers=4)


class Cut(Exception):
    """The push ends here, as if it had been killed."""


class Studio:
    """A server's projects and tasks in memory, with what a push asks of `Server`; it can be slow, or end a push."""

    url = "http://127.0.0.1:9"

    def __init__(self) -> None:
        self.projects: dict[int, str] = {}
        self.held: dict[int, list[dict]] = {}
        self.cut_after = ""
        self.busy, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def find_project(self, description: str) -> int | None:
        return next((number for number, text in self.projects.items() if text == description), None)

    def create_project(self, title, label_config, overlap, instruction, description) -> int:
        number = len(self.projects) + 1
        self.projects[number] = description
        self.held[number] = []
        self._end("create")
        return number

    def has_project(self, number: int) -> bool:
        return number in self.projects

    def update_project(self, number: int, overlap: int, instruction: str) -> None:
        assert number in self.projects

    def add_tasks(self, number: int, tasks) -> list[int]:
        self.busy.set()
        assert self.go_on.wait(60)
        first = len(self.held[number]) + 1
        self.held[number] += [{"id": first + n, **task} for n, task in enumerate(tasks)]
        self._end("add")
        return list(range(first, first + len(tasks)))

    def tasks(self, number: int, *, since=None):
        yield from self.held[number]

    def _end(self, where: str) -> None:
        if self.cut_after == where:
            self.cut_after = ""
            raise Cut(where)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request, new_database, home):
    home.mkdir()
    return new_database(request.param)


@pytest.fixture
def project(database):
    with database.writing() as session:
        project = create_project(session, "stories")
        rows = make_comparisons(6)
        import_comparisons(session, project.id, lambda _: enumerate(rows, start=1), source="test")
        return project


@pytest.fixture
def studio():
    return Studio()


def check_once(database, studio) -> None:
    """One project on the server, each comparison there once, and our rows name just those tasks."""
    assert len(studio.projects) == 1
    tasks = studio.held[1]
    keys = {key_of(task): task["id"] for task in tasks}
    assert len(tasks) == len(keys) == 6
    with database.reading() as session:
        assert session.scalars(select(LabelStudioProject.number)).all() == [1]
        assert dict(session.execute(select(LabelStudioTask.key, LabelStudioTask.number)).all()) == keys


def test_of_two_pushes_at_once_the_second_is_refused_and_nothing_is_there_twice(
    database, project, studio
) -> None:
    studio.go_on.clear()
    made = []
    first = threading.Thread(
        target=lambda: made.append(push(database, project, studio, SETTINGS, actor="test"))
    )
    first.start()
    assert studio.busy.wait(60)
    with pytest.raises(DataError, match="a push of 'stories' to Label Studio goes on elsewhere already"):
        push(database, project, studio, SETTINGS, actor="test")
    studio.go_on.set()
    first.join(60)
    assert made[0].sent == 6
    again = push(database, project, studio, SETTINGS, actor="test")
    assert (again.sent, again.known, again.created) == (0, 6, False)
    check_once(database, studio)


def test_many_pushes_at_once_leave_each_comparison_there_once(database, project, studio) -> None:
    outcomes = []

    def run() -> None:
        try:
            outcomes.append(push(database, project, studio, SETTINGS, actor="test").sent)
        except DataError:
            outcomes.append(None)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == 6 and sum(sent or 0 for sent in outcomes) == 6
    check_once(database, studio)


@pytest.mark.parametrize("where", ["create", "add"])
def test_a_push_that_is_cut_short_is_taken_up_again(database, project, studio, where) -> None:
    """The server made the project, or took the tasks, and the push ends before that is written down here."""
    studio.cut_after = where
    with pytest.raises(Cut):
        push(database, project, studio, SETTINGS, actor="test")
    with database.reading() as session:
        rows = session.scalars(select(LabelStudioTask.number)).all()
        assert not any(rows), "nothing is known here to be there"
    report = push(database, project, studio, SETTINGS, actor="test")
    assert report.sent + report.known == 6
    assert report.sent == (6 if where == "create" else 0)
    check_once(database, studio)


def test_a_lock_ends_with_its_block_and_tells_names_apart(database) -> None:
    with alone(database, "one", what="this") as check:
        check()
        with (
            alone(database, "two", what="that"),
            pytest.raises(DataError, match="this goes on elsewhere"),
            alone(database, "one", what="this"),
        ):
            pass
    with pytest.raises(Cut), alone(database, "one", what="this"):
        raise Cut
    with alone(database, "one", what="this"):
        pass
