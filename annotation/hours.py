"""Hours: when a project's annotators may work, in its own time zone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from workbench.errors import ConfigError, quoted

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, kw_only=True)
class Hours:
    """Days of the week and the hours of each; an end before the beginning is on the next day."""

    timezone: str = "UTC"
    days: tuple[str, ...] = DAYS
    start: time = time(0, 0)
    end: time = time(0, 0)

    def are_open(self, now: datetime) -> bool:
        """Whether work may be given out at that moment."""
        local = now.astimezone(ZoneInfo(self.timezone))
        today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
        clock = local.time()
        if self.start < self.end:
            return today in self.days and self.start <= clock < self.end
        return (today in self.days and clock >= self.start) or (yesterday in self.days and clock < self.end)


def local_day(hours: Hours | None, now: datetime) -> str:
    """The date in the project's time zone; UTC where it has none."""
    return now.astimezone(ZoneInfo(hours.timezone) if hours else UTC).date().isoformat()


def read_hours(value: Any) -> Hours | None:
    """{"timezone": "Europe/Berlin", "days": ["mon"], "from": "08:00", "to": "18:00"}, or None; ConfigError by key."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise ConfigError(f"hours must be an object or null, got {quoted(value)}")
    for key in value:
        if key not in ("timezone", "days", "from", "to"):
            raise ConfigError(f"hours.{key} is unknown; there are timezone, days, from, to")
    zone = value.get("timezone", "UTC")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        raise ConfigError(f"hours.timezone must be a name like Europe/Berlin, got {quoted(zone)}") from error
    days = value.get("days", list(DAYS))
    if not isinstance(days, list) or not days or any(day not in DAYS for day in days):
        raise ConfigError(f"hours.days must be a list of {', '.join(DAYS)}, got {quoted(days)}")
    return Hours(
        timezone=zone,
        days=tuple(days),
        start=_read_time("from", value.get("from", "00:00")),
        end=_read_time("to", value.get("to", "00:00")),
    )


def _read_time(key: str, value: Any) -> time:
    try:
        return time.fromisoformat(value).replace(tzinfo=None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"hours.{key} must be a time like 08:30, got {quoted(value)}") from error
