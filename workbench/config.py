"""Settings: YAML files to frozen dataclasses and back, with errors that name file and key."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml

from workbench.artifacts import write_file_aside
from workbench.errors import ConfigError
from workbench.identity import content_hash

C = TypeVar("C")


def load_config(cls: type[C], path: str | Path) -> C:
    """The settings of a YAML file as a `cls`; keys it does not name keep their defaults.

    Raises ConfigError naming the file for YAML that cannot be read, an unknown key (with the nearest known one), a
    value of the wrong type and a value that `cls` refuses.
    """
    return _build(cls, read_settings(cls, path), str(path))


def read_settings(cls: type[Any], path: str | Path) -> dict[str, Any]:
    """The settings that a YAML file gives, by name and of the types of `cls`; others are left to the caller."""
    path = Path(path)
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    return _settings(cls, document or {}, str(path))


def config_from_dict(cls: type[C], values: Any, place: str) -> C:
    """A `cls` from plain values; `place` (a file) begins every error message."""
    return _build(cls, _settings(cls, values, place), place)


def _build(cls: type[C], settings: dict[str, Any], place: str) -> C:
    try:
        return cls(**settings)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{place}: {error}") from error


def _settings(cls: type[Any], values: Any, place: str) -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{place}: {cls.__name__} needs settings by name, got {values!r:.80}")
    hints = typing.get_type_hints(cls)
    known = [field.name for field in dataclasses.fields(cls)]
    arguments = {}
    for key, value in values.items():
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"{cls.__name__} has {', '.join(known)}"
            raise ConfigError(f"{place}: unknown setting '{key}'; {hint}")
        arguments[key] = _convert(hints[key], value, f"{place}: {key}")
    return arguments


def config_to_dict(config: Any) -> dict[str, Any]:
    """The settings as plain values, ready for YAML and JSON."""
    return {field.name: _plain(getattr(config, field.name)) for field in dataclasses.fields(config)}


def dump_config(config: Any, path: str | Path) -> None:
    """Write the resolved settings as YAML, whole or not at all."""
    text = yaml.safe_dump(config_to_dict(config), sort_keys=False, allow_unicode=True)
    with write_file_aside(path) as file:
        file.write(text.encode())


def config_hash(config: Any) -> str:
    """A hash of the settings' values, 64 hexadecimal digits."""
    return content_hash(config_to_dict(config))


def config_differences(a: Mapping[str, Any], b: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The dotted keys in which two dictionaries of settings differ, each with both values."""
    differences = []
    for key in [*a, *(key for key in b if key not in a)]:
        old, new = a.get(key), b.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            differences += config_differences(old, new, f"{prefix}{key}.")
        elif old != new:
            differences.append(f"{prefix}{key} ({old!r} became {new!r})")
    return differences


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return config_to_dict(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _convert(hint: Any, value: Any, place: str) -> Any:
    """`value` as the annotated type, or ConfigError; numbers written like 3e-4, which YAML reads as text, count."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        return _convert_union(parts, value, place)
    if origin is typing.Literal:
        if value not in parts:
            raise ConfigError(f"{place} must be one of {', '.join(map(repr, parts))}, got {value!r}")
        return value
    if origin is tuple and isinstance(value, list | tuple):
        kinds = [parts[0]] * len(value) if len(parts) == 2 and parts[1] is Ellipsis else list(parts)
        if len(kinds) != len(value):
            raise ConfigError(f"{place} must have {len(kinds)} entries, got {value!r}")
        return tuple(_convert(kind, item, place) for kind, item in zip(kinds, value, strict=True))
    if origin in (dict, Mapping) and isinstance(value, Mapping):
        return {key: _convert(parts[1], item, f"{place}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return config_from_dict(hint, value, place)
    return _convert_plain(hint, value, place)


def _convert_union(parts: tuple[Any, ...], value: Any, place: str) -> Any:
    if value is None and type(None) in parts:
        return None
    errors = []
    for part in parts:
        if part is type(None):
            continue
        try:
            return _convert(part, value, place)
        except ConfigError as error:
            errors.append(error)
    raise errors[0]


def _convert_plain(hint: Any, value: Any, place: str) -> Any:
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is float and isinstance(value, int | str) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass  # Falls through to the error that names the value.
    if hint is int and isinstance(value, float) and value.is_integer():
        return int(value)
    if (
        isinstance(hint, type)
        and isinstance(value, hint)
        and not (isinstance(value, bool) and hint is not bool)
    ):
        return value
    raise ConfigError(f"{place} must be {getattr(hint, '__name__', hint)}, got {value!r}")
