"""Arguments: flags over a dataclass, --config for its defaults, and the three options that every run has."""

import argparse
import dataclasses
import inspect
import io
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import tyro

from workbench.config import read_settings
from workbench.errors import ConfigError, UsageError

C = TypeVar("C")


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What the command line says of the run and not of its settings."""

    run: str | None = None
    """Name of the run; by default made from the stage and the settings."""
    fresh: bool = False
    """Begin anew where a run of this name exists; the old one is kept aside."""
    json: bool = False
    """Print the result as one JSON object on stdout and nothing else there."""


def parse(cls: type[C], arguments: list[str], *, command: str, example: str) -> tuple[C, RunOptions]:
    """The settings and run options of a trainer's command.

    `--config FILE` gives the defaults, a flag wins. Raises UsageError for flags that do not fit, ConfigError for a
    file that does not.
    """
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--config", type=Path)
    own.add_argument("--run")
    own.add_argument("--fresh", action="store_true")
    own.add_argument("--json", action="store_true")
    found, rest = _parse_known(own, arguments)
    default = _defaults(cls, found.config) if found.config else None
    config = _tyro(cls, rest, command, example, default, _RUN_HELP)
    return config, RunOptions(run=found.run, fresh=found.fresh, json=found.json)


def parse_plain(cls: type[C], arguments: list[str], *, command: str, example: str) -> C:
    """The arguments of a command that starts no run, as a `cls`; UsageError where they do not fit."""
    return _tyro(cls, arguments, command, example, None, "")


_RUN_HELP = (
    "\n\nEvery run also takes --config FILE (YAML; its settings are the defaults, a flag wins), --run NAME, --fresh "
    "(begin anew, keep the old run aside) and --json (the result as one JSON object)."
)


def _defaults(cls: type[C], path: Path) -> C:
    """The file's settings as tyro wants them: an unchecked `cls` whose missing required settings a flag must give."""
    settings = read_settings(cls, path)
    partial = object.__new__(cls)
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]  # C is a dataclass type
        if field.name in settings:
            value = settings[field.name]
        elif field.default is not dataclasses.MISSING:
            value = field.default
        elif field.default_factory is not dataclasses.MISSING:
            value = field.default_factory()
        else:
            value = tyro.MISSING
        object.__setattr__(partial, field.name, value)
    return partial


def _parse_known(
    parser: argparse.ArgumentParser, arguments: list[str]
) -> tuple[argparse.Namespace, list[str]]:
    def refuse(message: str) -> None:
        raise UsageError(message)

    parser.error = refuse  # type: ignore[method-assign,assignment]  # argparse would exit by itself
    return parser.parse_known_args(arguments)


def _tyro(cls: type[C], arguments: list[str], command: str, example: str, default: C | None, more: str) -> C:
    given: dict[str, Any] = {} if default is None else {"default": default}
    description = f"{inspect.getdoc(cls) or ''}{more}\n\nExample: {example}"
    output = io.StringIO()
    try:
        with redirect_stdout(output):
            config: C = tyro.cli(
                cls,
                args=arguments,
                prog=f"accord {command}",
                description=description,
                console_outputs=True,
                **given,
            )
    except ValueError as error:
        raise ConfigError(str(error)) from error
    except SystemExit as stop:
        if stop.code in (0, None):
            sys.stdout.write(output.getvalue())
            raise
        raise UsageError from stop  # tyro has said on stderr what was wrong.
    return config
