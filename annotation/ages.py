"""How long ago something was, in words."""

from datetime import UTC, datetime


def age(moment: datetime, now: datetime | None = None) -> str:
    """How long ago, in one unit: "4 minutes ago"."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = max(((now or datetime.now(UTC)) - aware).total_seconds(), 0)
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
