"""The form that makes a project's settings: what a lead typed into settings, and settings back into what is typed.

Lists are typed one entry a line, its parts between bars: `helpful | Helpful | Which one would help you more?`.
"""

import re
from collections.abc import Mapping
from typing import Any

from annotation.hours import DAYS
from annotation.project_settings import ProjectSettings, read_settings
from workbench.errors import ConfigError, quoted
from workbench.identity import content_hash

Fields = Mapping[str, str]

_SCALE = re.compile(r"(\d+)\s*-\s*(\d+)")


def settings_from_form(fields: Fields, before: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the fields say, on top of `before`, for what the form does not ask; ConfigError by name."""
    settings = dict(before)
    settings["criteria"] = [_criterion(parts) for parts in _lines(fields, "criteria")]
    settings["flags"] = [_flag(parts) for parts in _lines(fields, "flags")]
    settings["questions"] = [_question(parts) for parts in _lines(fields, "questions")]
    settings["rules"] = [{"name": _name(parts), "label": _label(parts)} for parts in _lines(fields, "rules")]
    settings["note"] = fields.get("note", "optional")
    settings["demonstration"] = fields.get("demonstration", "off")
    settings["strength"] = fields.get("strength") == "true"
    settings["policy"] = _policy(fields)
    settings["gold_share"] = _share(fields, "gold_share")
    settings["repeat_share"] = _share(fields, "repeat_share")
    settings["lease_seconds"] = _number(fields, "lease_minutes", 10) * 60
    settings["review_threshold"] = _share(fields, "review_threshold", 50)
    settings["qualification"] = _qualification(fields)
    settings["hours"] = _hours(fields)
    settings["pay"] = _pay(fields)
    settings["content_warning"] = fields.get("content_warning", "").strip() or None
    read_settings(settings)
    return settings


def version_of(settings: Mapping[str, Any], description: str) -> str:
    """What tells whether somebody has changed what the form shows; the status is changed elsewhere."""
    shown = {key: value for key, value in settings.items() if key != "status"}
    return content_hash({"settings": shown, "description": description})[:16]


def form_from_settings(settings: ProjectSettings) -> dict[str, str]:
    """What the form shows for these settings."""
    form, policy, rules = settings.form, settings.policy, settings.rules
    pay, hours = settings.pay, settings.hours
    return {
        "criteria": _text([(c.name, c.label, c.instruction) for c in form.criteria]),
        "flags": _text([(f.name, f.label, f.key) for f in form.flags]),
        "questions": _text([_question_parts(question) for question in form.questions]),
        "rules": _text([(rule.name, rule.label) for rule in form.rules]),
        "note": form.note,
        "demonstration": form.demonstration,
        "strength": "true" if form.strength else "",
        "policy": policy.kind,
        "overlap": str(policy.overlap),
        "share": _plain(100 * policy.share),
        "threshold": _plain(100 * policy.threshold),
        "most": str(policy.most),
        "gold_share": _plain(100 * rules.gold_share),
        "repeat_share": _plain(100 * rules.repeat_share),
        "lease_minutes": _plain(rules.lease_seconds / 60),
        "review_threshold": _plain(100 * settings.review_threshold),
        "practice": str(rules.qualification.comparisons if rules.qualification else 0),
        "practice_pass": _plain(100 * (rules.qualification.threshold if rules.qualification else 0.7)),
        "timezone": hours.timezone if hours else "",
        "from": hours.start.strftime("%H:%M") if hours else "",
        "to": hours.end.strftime("%H:%M") if hours else "",
        **{f"day_{day}": "true" for day in (hours.days if hours else DAYS)},
        "pay_by": "" if pay is None else "hour" if pay.per_hour is not None else "ranking",
        "pay_amount": "" if pay is None else _plain(pay.per_hour or pay.per_ranking or 0),
        "currency": pay.currency if pay else "",
        "content_warning": settings.content_warning or "",
    }


def _lines(fields: Fields, name: str) -> list[list[str]]:
    lines = (line.strip() for line in fields.get(name, "").splitlines())
    return [[part.strip() for part in line.split("|")] for line in lines if line]


def _name(parts: list[str]) -> str:
    """The name that labels carry; where a line has a label alone, made from it."""
    return re.sub(r"[^a-z0-9_-]+", "-", parts[0].lower()).strip("-")[:40] or parts[0]


def _label(parts: list[str]) -> str:
    return parts[1] if len(parts) > 1 and parts[1] else parts[0]


def _criterion(parts: list[str]) -> dict[str, Any]:
    return {"name": _name(parts), "label": _label(parts), "instruction": parts[2] if len(parts) > 2 else ""}


def _flag(parts: list[str]) -> dict[str, Any]:
    return {"name": _name(parts), "label": _label(parts), "key": parts[2] if len(parts) > 2 else ""}


def _question(parts: list[str]) -> dict[str, Any]:
    """`overall | Overall quality | 1-7 | poor | excellent`, `tone | Tone | warm, neutral, cold`, `why | Why | text`."""
    question: dict[str, Any] = {"name": _name(parts), "label": _label(parts)}
    rest = [part for part in parts[2:] if part != "required"]
    question["required"] = "required" in parts[2:]
    answer = rest[0] if rest else "1-7"
    scale = _SCALE.fullmatch(answer)
    if scale:
        question |= {"kind": "likert", "low": int(scale[1]), "high": int(scale[2])}
        question |= dict(zip(("low_label", "high_label"), rest[1:3], strict=False))
    elif answer == "text":
        question["kind"] = "text"
    else:
        question |= {
            "kind": "choice",
            "choices": [each.strip() for each in answer.split(",") if each.strip()],
        }
    return question


def _question_parts(question: Any) -> tuple[str, ...]:
    answer = {"text": "text", "choice": ", ".join(question.choices)}.get(
        question.kind, f"{question.low}-{question.high}"
    )
    ends = (question.low_label, question.high_label) if question.kind == "likert" else ()
    return (question.name, question.label, answer, *ends, *(["required"] if question.required else []))


def _policy(fields: Fields) -> dict[str, Any]:
    kind = fields.get("policy", "queue")
    asked: dict[str, dict[str, float]] = {
        "overlap": {"overlap": _whole(fields, "overlap", 3)},
        "share": {"overlap": _whole(fields, "overlap", 3), "share": _share(fields, "share", 15)},
        "uncertain": {"threshold": _share(fields, "threshold", 90), "most": _whole(fields, "most", 5)},
    }
    return {"kind": kind, **asked.get(kind, {})}


def _qualification(fields: Fields) -> dict[str, Any] | None:
    count = _whole(fields, "practice", 0)
    return {"comparisons": count, "pass": _share(fields, "practice_pass", 70)} if count else None


def _hours(fields: Fields) -> dict[str, Any] | None:
    zone, start, end = (fields.get(name, "").strip() for name in ("timezone", "from", "to"))
    if not (zone or start or end):
        return None
    days = [day for day in DAYS if fields.get(f"day_{day}")]
    return {"timezone": zone or "UTC", "days": days, "from": start or "00:00", "to": end or "00:00"}


def _pay(fields: Fields) -> dict[str, Any] | None:
    by = fields.get("pay_by", "")
    if not by:
        return None
    if by not in ("hour", "ranking"):
        raise ConfigError(f"pay must be by hour or by ranking, got {by!r}")
    return {f"per_{by}": _number(fields, "pay_amount", 0), "currency": fields.get("currency", "").strip()}


def _number(fields: Fields, name: str, default: float) -> float:
    text = fields.get(name, "").strip()
    try:
        return float(text) if text else float(default)
    except ValueError as error:
        raise ConfigError(f"{name.replace('_', ' ')} must be a number, got {quoted(text)}") from error


def _whole(fields: Fields, name: str, default: int) -> int:
    number = _number(fields, name, default)
    if not number.is_integer():
        raise ConfigError(f"{name.replace('_', ' ')} must be a whole number, got {number:g}")
    return int(number)


def _share(fields: Fields, name: str, default: float = 0) -> float:
    """A percentage of the form as a number from 0 to 1."""
    return round(_number(fields, name, default) / 100, 6)


def _text(entries: list[tuple[str, ...]]) -> str:
    lines = []
    for entry in entries:
        parts = list(entry)
        while parts and not parts[-1]:
            parts.pop()
        lines.append(" | ".join(parts))
    return "\n".join(lines)


def _plain(number: float) -> str:
    return f"{number:.6g}"
