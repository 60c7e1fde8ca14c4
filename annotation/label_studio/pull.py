"""Pull: annotations into submissions, each once, an edited one as a new revision, a bad one rejected with a reason."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from annotation.label_studio.results import Label, Rejected, read_annotation
from annotation.label_studio.tasks import Shown, key_of
from storage import audit
from storage.database import Database
from storage.label_studio import (
    add_label,
    annotations_of,
    ensure_person,
    get_link,
    guideline_at,
    hide_address,
    pseudonym_of,
    standing_rejections,
    tasks_by_key,
)
from storage.projects import lock_project
from storage.tables import LabelStudioAnnotation, LabelStudioPerson, LabelStudioProject, LabelStudioTask
from storage.votes import recount
from storage.withdrawals import withdraw_submission
from workbench import records
from workbench.errors import RecordError
from workbench.identity import content_hash

_PAGE = 200


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """An annotation that did not become a label."""

    task: int | None
    annotation: int | None
    annotator: str | None
    """Pseudonym."""
    problem: str

    def __str__(self) -> str:
        who = f" by {self.annotator}" if self.annotator else ""
        return f"task {self.task}, annotation {self.annotation}{who}: {self.problem}"

    def to_json(self) -> dict[str, Any]:
        """The rejection as plain values."""
        return {
            "task": self.task,
            "annotation": self.annotation,
            "annotator": self.annotator,
            "problem": self.problem,
        }


@dataclass(kw_only=True)
class PullReport:
    """What a pull did."""

    counts: Counter[str] = field(
        default_factory=lambda: Counter(
            dict.fromkeys(("tasks", "foreign_tasks", "ranked", "skipped", "revised", "known", "deleted"), 0)
        )
    )
    """`ranked` and `skipped` are new; `revised` are new contents of known ones; `known` said nothing new."""
    rejected: list[Rejection] = field(default_factory=list)
    """All whose present content is rejected, those of earlier pulls included."""

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {**self.counts, "rejected": [rejection.to_json() for rejection in self.rejected]}


def take_tasks(
    database: Database,
    link_id: int,
    tasks: Iterable[Mapping[str, Any]],
    *,
    actor: str,
    complete: bool,
) -> PullReport:
    """Bring the annotations of these tasks, as Label Studio exports them, into the link's project.

    A page of tasks is one transaction, and no page waits for the network while it holds the database. `complete` says
    that each task comes with all its annotations, so that a known one that is missing was deleted there.
    """
    report = PullReport()
    strange: list[Rejection] = []
    page: list[Mapping[str, Any]] = []
    for task in tasks:
        page.append(task)
        if len(page) == _PAGE:
            _take_page(database, link_id, page, report, strange, actor, complete)
            page = []
    if page:
        _take_page(database, link_id, page, report, strange, actor, complete)
    with database.writing() as session:
        link = get_link(session, link_id)
        report.rejected = [
            Rejection(
                task=task.number,
                annotation=annotation.number,
                annotator=pseudonym_of(session, annotation.person_id),
                problem=annotation.problem or "",
            )
            for annotation, task in standing_rejections(session, link_id)
        ] + strange
        audit.record(session, actor, "pull from label studio", f"project:{link.project_id}", report.to_json())
    return report


def _take_page(
    database: Database,
    link_id: int,
    page: list[Mapping[str, Any]],
    report: PullReport,
    strange: list[Rejection],
    actor: str,
    complete: bool,
) -> None:
    counts: Counter[str] = Counter()
    changed: list[int] = []
    with database.writing() as session:
        link = get_link(session, link_id)
        lock_project(session, link.project_id)
        known = tasks_by_key(session, link_id, [key for task in page if (key := key_of(task))])
        for task in page:
            ours = known.get(key_of(task) or "")
            if ours is None:
                counts["foreign_tasks"] += 1
                continue
            counts["tasks"] += 1
            ours.number = _integer(task.get("id")) or ours.number
            before = counts.copy()
            strange += _Task(session, link, ours, counts, actor).take(task.get("annotations"), complete)
            if any(counts[name] > before[name] for name in ("ranked", "skipped", "revised")):
                changed.append(ours.comparison_id)
        if changed:
            recount(session, changed)
    report.counts.update(counts)


class _Task:
    """One task's annotations on their way in."""

    def __init__(
        self,
        session: Session,
        link: LabelStudioProject,
        task: LabelStudioTask,
        counts: Counter[str],
        actor: str,
    ) -> None:
        self.session, self.link, self.task, self.counts, self.actor = session, link, task, counts, actor
        self.shown = Shown(key=task.key, order=tuple(task.order), item_ids=tuple(task.item_ids))
        self.rows = annotations_of(session, task.id)

    def take(self, annotations: Any, complete: bool) -> list[Rejection]:
        """Take them in the order they were made; returns those too strange to be remembered."""
        strange: list[Rejection] = []
        numbered: dict[int, tuple[Mapping[str, Any], str]] = {}
        for annotation in annotations if isinstance(annotations, list) else []:
            number = _integer(annotation.get("id")) if isinstance(annotation, Mapping) else None
            person = _person_name(annotation.get("completed_by")) if number is not None else None
            if number is None or person is None:
                strange.append(
                    Rejection(
                        task=self.task.number,
                        annotation=number,
                        annotator=None,
                        problem="it has no id, or does not say who made it. Export the project again as JSON",
                    )
                )
            else:
                numbered[number] = (annotation, person)
        if complete:
            self._delete_missing(numbered)
        for number, (annotation, name) in sorted(numbered.items()):
            self._take_one(number, annotation, ensure_person(self.session, self.link.url, name))
        return strange

    def _delete_missing(self, numbered: Mapping[int, object]) -> None:
        for number, row in self.rows.items():
            if number in numbered or row.state == "deleted":
                continue
            if row.submission_id is not None:
                withdraw_submission(
                    self.session, row.submission_id, reason="deleted in Label Studio", actor=self.actor
                )
                self.counts["deleted"] += 1
            row.state, row.problem = "deleted", None

    def _take_one(self, number: int, annotation: Mapping[str, Any], person: LabelStudioPerson) -> None:
        content = _fingerprint(annotation, person)
        row = self.rows.get(number)
        if row is not None and row.content_hash == content and row.state == "taken":
            self.counts["known"] += 1
            return
        if row is None:
            row = LabelStudioAnnotation(
                task_id=self.task.id,
                number=number,
                person_id=person.id,
                content_hash=content,
                state="rejected",
            )
            self.session.add(row)
            self.rows[number] = row
        before = row.submission_id if row.submission_id is not None else self._given_up(person)
        row.content_hash = content
        try:
            self._refuse_second(number, person)
            label = read_annotation(annotation, self.shown, self.link.layout, self.link.tiers)
            row.submission_id = self._write(row, annotation, label, person, before)
        except Rejected as error:
            row.state, row.problem = "rejected", str(error)
        else:
            row.state, row.problem = "taken", None
            self.counts["revised" if before is not None else label.outcome] += 1
        row.seen_at = datetime.now(UTC)
        self.session.flush()

    def _refuse_second(self, number: int, person: LabelStudioPerson) -> None:
        for other in self.rows.values():
            stands = other.submission_id is not None and other.state != "deleted"
            if stands and other.number != number and other.person_id == person.id:
                raise Rejected(
                    f"the same person has annotated this task already (annotation {other.number})",
                    "Delete one of the two in Label Studio, and pull again",
                )

    def _given_up(self, person: LabelStudioPerson) -> int | None:
        """The submission of an annotation that this person deleted: what they make now corrects it."""
        made = [
            row.submission_id
            for row in self.rows.values()
            if row.person_id == person.id and row.state == "deleted" and row.submission_id is not None
        ]
        return max(made, default=None)

    def _write(
        self,
        row: LabelStudioAnnotation,
        annotation: Mapping[str, Any],
        label: Label,
        person: LabelStudioPerson,
        before: int | None,
    ) -> int:
        at = annotation.get("created_at" if before is None else "updated_at")
        moment = _moment(at)
        guideline = guideline_at(self.session, self.link, moment) if moment else None
        name = ["label studio", self.task.key, row.number, before, row.content_hash]
        try:
            ranking = records.Ranking(
                id="r-" + content_hash(name)[:32],
                annotator=pseudonym_of(self.session, person.id),
                annotator_kind="person",
                ranks=label.ranks,
                order=self.shown.order,
                criterion=self.link.criterion,
                guideline=guideline.version if guideline else None,
                outcome=label.outcome,
                at=at if moment else None,
                strength=label.strength,
                seconds=label.seconds,
                note=label.note,
            )
            records.check_ranking(ranking, len(self.shown.order))
        except RecordError as error:
            raise Rejected(str(error), "Annotate the task again in Label Studio") from error
        return add_label(
            self.session,
            self.task,
            person.annotator_id,
            ranking,
            guideline_id=guideline.id if guideline else None,
            supersedes=before,
        )


def _fingerprint(annotation: Mapping[str, Any], person: LabelStudioPerson) -> str:
    """Equal for annotations that say the same; region ids and times differ each time someone presses Update."""
    result = annotation.get("result")
    parts = [
        [part.get("from_name"), part.get("value")] if isinstance(part, Mapping) else part
        for part in (result if isinstance(result, list) else [result])
    ]
    # Not canonical JSON, which refuses what a strange annotation may hold: NaN, halves of surrogate pairs.
    text = json.dumps([parts, bool(annotation.get("was_cancelled")), person.person], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _person_name(completed_by: Any) -> str | None:
    """Who made an annotation: a number in lists and exports, an object in single tasks and interpolated exports."""
    given = completed_by.get("id") if isinstance(completed_by, Mapping) else completed_by
    number = _integer(given)
    if number is not None:
        return f"user:{number}"
    address = completed_by.get("email") if isinstance(completed_by, Mapping) else None
    return hide_address(address) if isinstance(address, str) and address.strip() else None


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63 else None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
