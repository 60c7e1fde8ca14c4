"""The lead's live figures, put together from counters and from what the worker counted last."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from annotation.agreement_store import last_agreement
from annotation.hours import local_day
from annotation.project_settings import read_settings
from storage.carried import Carried, carried
from storage.disputes import count_disputes
from storage.figures import (
    AnnotatorCounters,
    count_leases,
    count_open_questions,
    list_counters,
    work_by_day,
)
from storage.jobs import count_jobs
from storage.projects import ProjectRecord
from storage.votes import open_comparisons
from storage.withdrawals import withdrawn_annotators

DAYS = 14
AT_WORK = timedelta(minutes=15)
Z = 1.959963984540054


def live_figures(session: Session, project: ProjectRecord, now: datetime) -> dict[str, Any]:
    """All that the live page shows, as JSON. It reads counters: its time does not grow with the labels."""
    settings = read_settings(project.settings)
    today = local_day(settings.hours, now)
    first = (datetime.fromisoformat(today) - timedelta(days=DAYS - 1)).date().isoformat()
    known = carried(session, project.id)
    habits = known.habits if known else {}
    counters = list_counters(session, project.id)
    days = work_by_day(session, project.id, first)
    held, stale = count_leases(session, project.id, now=now)
    disputes = count_disputes(session, project.id)
    withdrawn = set(withdrawn_annotators(session, project.id))
    sent = sum(each.submissions for each in counters)
    progress = _progress(known, sent, open_comparisons(session, project.id), days, today)
    return {
        "status": settings.status,
        "at": now.isoformat(timespec="seconds"),
        "progress": progress | {"counted_at": (known.counted_at or now).isoformat() if known else None},
        "days": [{"day": day, "ranked": ranked, "hours": seconds / 3600} for day, ranked, seconds in days],
        "at_work": sum(each.last_at is not None and each.last_at > now - AT_WORK for each in counters),
        "agreement": _agreement(project.id),
        "queue": {
            "held": held,
            "stale": stale,
            "questions": count_open_questions(session, project.id),
            "disputes": disputes.get("open", 0),
            "jobs": {"queued": 0, "running": 0, "failed": 0, **count_jobs(session)},
        },
        "annotators": [
            _annotator(each, habits.get(each.pseudonym, {}), each.pseudonym in withdrawn) for each in counters
        ],
    }


def _progress(
    known: Carried | None, sent: int, left: int, days: list[tuple[str, int, float]], today: str
) -> dict[str, Any]:
    """How far the work is, and when it will be done at the pace of the past days."""
    missing = known.missing if known else 0
    past = [ranked for day, ranked, _ in days if day != today]
    pace = sum(past) / len(past) if past else None
    forecast = math.ceil(missing / pace) if pace and missing else 0 if known and not missing else None
    return {
        "comparisons": known.progress.comparisons if known else None,
        "left": left,
        "labels": known.progress.submissions if known else None,
        "wanted": known.progress.wanted if known else None,
        "sent": sent,
        "today": next((ranked for day, ranked, _ in days if day == today), 0),
        "per_working_day": pace,
        "working_days_left": forecast,
    }


def _agreement(project_id: int) -> dict[str, Any] | None:
    stored = last_agreement(project_id)
    if stored is None:
        return None
    raw = stored.figures["raw"]
    return {
        "computed_at": stored.computed_at.isoformat(),
        "with_ties": raw["with_ties"],
        "decisive": raw["decisive"],
        "alpha": stored.figures["alpha"]["nominal"],
        "simulated": bool(stored.figures.get("simulated")),
    }


def _annotator(each: AnnotatorCounters, habits: Mapping[str, Any], is_withdrawn: bool) -> dict[str, Any]:
    done = each.ranked + each.skipped
    return {
        "annotator": each.pseudonym,
        "withdrawn": is_withdrawn,
        "qualification": each.qualification,
        "submissions": each.submissions,
        "skipped": each.skipped / done if done else None,
        "seconds": each.seconds / done if done else None,
        "gold": share(each.gold_agreed, each.gold_answered),
        "first_won": share(habits.get("first_won", 0), habits.get("decided", 0)),
        "first_expected": habits["first_expected"] / habits["decided"] if habits.get("decided") else None,
        "ties": habits.get("ties"),
        "earlier_seconds": habits.get("earlier_seconds"),
        "latest_seconds": habits.get("latest_seconds"),
        "last_at": each.last_at.isoformat() if each.last_at else None,
    }


def share(hits: float, n: int) -> dict[str, Any]:
    """A share with Wilson's interval at 95 %; gold counts parts of a ranking, for which the interval is too wide."""
    if not n:
        return {"value": None, "low": None, "high": None, "n": 0}
    p = hits / n
    middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return {"value": p, "low": max(middle - half, 0.0), "high": min(middle + half, 1.0), "n": n}
