"""Annotators at work on a database: what the API does, without the web."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from storage.annotators import AnnotatorRecord, ensure_annotators, get_annotator
from storage.answering import Written, find_written, write_answer
from storage.answers import Answer
from storage.assignment import Nothing, Rules, next_lease
from storage.database import Database
from storage.history import own_submission
from storage.importing import import_comparisons
from storage.leases import LeaseRecord, find_lease, give_lease
from storage.projects import ProjectRecord, get_project
from storage.standing import lock_standing
from storage.tables import Project
from storage.voting import put_policy_in_force
from workbench.records import Comparison, Completion

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def make_comparisons(num: int, *, k: int = 4, **more: Any) -> list[Comparison]:
    return [
        Comparison(
            id=f"c{n:04}",
            prompt=f"prompt {n}",
            completions=tuple(Completion(text=f"completion {n}.{i}") for i in range(k)),
            **more,
        )
        for n in range(num)
    ]


@dataclass
class Work:
    """A project with comparisons, a clock, and the rules it is worked by."""

    database: Database
    project: ProjectRecord
    rules: Rules = field(default_factory=Rules)
    now: datetime = START
    sent: int = 0

    def load(self, comparisons: Iterable[Comparison]) -> None:
        with self.database.writing() as session:
            import_comparisons(
                session, self.project.id, lambda _: enumerate(comparisons, start=1), source="test"
            )

    def set_settings(self, *, apply: bool = True, **settings: Any) -> None:
        with self.database.writing() as session:
            session.get_one(Project, self.project.id).settings = settings
        if apply:
            self.put_in_force()

    def put_in_force(self) -> None:
        with self.database.writing() as session:
            put_policy_in_force(session, self.project.id)
            self.project = get_project(session, self.project.name)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def annotator(self, name: str) -> AnnotatorRecord:
        with self.database.writing() as session:
            ensure_annotators(session, {name: "person"})
            return get_annotator(session, name)

    def next(self, name: str, *, exclude: Iterable[str] = ()) -> LeaseRecord | Nothing:
        annotator = self.annotator(name)
        with self.database.writing() as session:
            standing = lock_standing(session, self.project.id, annotator.id, self.now.date().isoformat())
            return next_lease(
                session,
                self.project,
                annotator,
                self.rules,
                standing,
                exclude=list(exclude),
                now=self.now,
            )

    def revise(self, submission_id: int, name: str) -> LeaseRecord:
        annotator = self.annotator(name)
        with self.database.writing() as session:
            found = own_submission(session, submission_id, annotator.id, lock=True)
            return give_lease(
                session,
                self.project,
                comparison_id=found.comparison_id,
                annotator_id=annotator.id,
                kind=found.kind,
                num_completions=found.num_completions,
                order=found.order,
                expires_at=self.now,
                now=self.now,
                revises_id=found.id,
            )

    def take(self, name: str, *, exclude: Iterable[str] = ()) -> LeaseRecord:
        lease = self.next(name, exclude=exclude)
        assert isinstance(lease, LeaseRecord), lease
        return lease

    def submit(self, lease: LeaseRecord, *, key: str | None = None, **answer: Any) -> Written:
        self.sent += 1
        key = key or f"key-{self.sent:06}"
        name = answer.pop("annotator", None)
        with self.database.reading() as session:
            annotator = next_annotator(session, lease.annotator_id)
        if name is not None:
            annotator = self.annotator(name)
        with self.database.writing() as session:
            written = find_written(session, annotator.id, lease.token, key)
            if written is not None:
                return written
            held = find_lease(session, lease.token, annotator.id, lock=True)
            return write_answer(
                session,
                held,
                _answer(held, answer),
                annotator=annotator,
                key=key,
                day=self.now.date().isoformat(),
                now=self.now,
            )

    def skip(self, lease: LeaseRecord, **more: Any) -> Written:
        return self.submit(
            lease, outcome="skipped", reason="unclear", rankings={"helpful": (None, None)}, **more
        )

    def rank_all(self, name: str, limit: int = 1000) -> list[str]:
        """The comparisons that an annotator gets, ranked one after the other, as prompts."""
        done = []
        while len(done) < limit and isinstance(lease := self.next(name), LeaseRecord):
            done.append(self.record_id(lease))
            self.submit(lease)
        return done

    def record_id(self, lease: LeaseRecord) -> str:
        from storage.tables import Comparison as Row

        with self.database.reading() as session:
            return session.get_one(Row, lease.comparison_id).record_id


def next_annotator(session: Any, annotator_id: int) -> AnnotatorRecord:
    from storage.tables import Annotator

    row = session.get_one(Annotator, annotator_id)
    return AnnotatorRecord(id=row.id, pseudonym=row.pseudonym, kind=row.kind)


def _answer(lease: LeaseRecord, values: dict[str, Any]) -> Answer:
    ranks: tuple[int | None, ...] = tuple(range(1, lease.num_completions + 1))
    base = Answer(outcome="ranked", rankings={"helpful": (ranks, None)}, seconds=30.0)
    if "ranks" in values:
        values["rankings"] = {"helpful": (tuple(values.pop("ranks")), None)}
    return replace(base, **values)
