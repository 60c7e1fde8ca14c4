"""Moments for readers: how long ago something was, and when, for a script to show in the reader's own time."""

from datetime import UTC, datetime

from markupsafe import Markup

from annotation.language import Translate


def aware(moment: datetime) -> datetime:
    """The moment in UTC, which is what a database without time zones means."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def age(moment: datetime, t: Translate, now: datetime | None = None) -> str:
    """How long ago, in one unit: "4 minutes ago"."""
    seconds = max(((now or datetime.now(UTC)) - aware(moment)).total_seconds(), 0)
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return t(f"age.{unit}", count=count)
    return t("age.now")


def ago(moment: datetime, t: Translate) -> Markup:
    """How long ago, with the moment itself where one points at it."""
    at = aware(moment)
    return Markup('<time datetime="{}" title="{:%Y-%m-%d %H:%M} UTC">{}</time>').format(
        at.isoformat(timespec="seconds"), at, age(at, t)
    )


def when(moment: datetime, how: str = "%Y-%m-%d %H:%M") -> Markup:
    """The moment in UTC and saying so; `static/rank/times.js` turns it into the reader's time."""
    at = aware(moment)
    return Markup('<time datetime="{}" data-local="{}">{} UTC</time>').format(
        at.isoformat(timespec="seconds"), "clock" if how == "%H:%M:%S" else "minute", at.strftime(how)
    )
