"""Fields of foreign files: fetch one of the expected type, or say which field is wrong."""

import math
from collections.abc import Mapping
from typing import Any

from workbench.errors import RecordError, quoted


def require_text(record: Mapping[str, Any], field: str) -> str:
    """The text under `field`; RecordError naming it if it is missing or something else."""
    value = record.get(field)
    if not isinstance(value, str):
        raise RecordError(f"must be text, got {quoted(value)}", field=field, fix=_present(record))
    return value


def require_list(record: Mapping[str, Any], field: str) -> list[Any]:
    """The list under `field`; RecordError naming it if it is missing, empty or something else."""
    value = record.get(field)
    if not isinstance(value, list) or not value:
        raise RecordError(f"must be a filled list, got {quoted(value)}", field=field, fix=_present(record))
    return value


def require_object(record: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The object under `field`; RecordError naming it if it is missing or something else."""
    value = record.get(field)
    if not isinstance(value, dict):
        raise RecordError(f"must be an object, got {quoted(value)}", field=field, fix=_present(record))
    return value


def require_number(record: Mapping[str, Any], field: str) -> float:
    """The finite number under `field`; RecordError naming it if it is missing or something else."""
    value = record.get(field)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RecordError(f"must be a number, got {quoted(value)}", field=field, fix=_present(record))
    return float(value)


def _present(record: Mapping[str, Any]) -> str:
    return f"The line has the fields {', '.join(map(str, record))}"
