"""Errors that a user can cause: each says what was wrong, with the value, and the way out.

AccordError            the command failed: exit code 1
├── ConfigError        a setting is unknown, missing or out of range
├── RecordError        a line of an input file breaks a rule of the format
├── DataError          the data are well formed but cannot be used as asked
├── SnapshotError      a snapshot is absent, changed or incomplete
├── CheckpointError    a checkpoint is absent, changed or incomplete
└── RunError           a run cannot be opened: other settings, or in use
UsageError             the command line was wrong: exit code 2
"""

from pathlib import Path


class AccordError(Exception):
    """Base of all errors that a user can cause; the command line prints the message and exits with 1."""


def quoted(value: object, limit: int = 80) -> str:
    """A value as an error quotes it: cut where it is long, and then saying so."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 2]}…{text[-1]}"


class ConfigError(AccordError):
    """A setting is unknown, missing or out of range."""


class DataError(AccordError):
    """The data are well formed but cannot be used as asked.

    With a `code`, an interface can say it in its reader's language, with `values` in the places of the message.
    """

    def __init__(self, message: str, *, code: str | None = None, **values: object) -> None:
        self.code = code
        self.values = values
        super().__init__(message)


class SnapshotError(AccordError):
    """A snapshot is absent, changed or incomplete."""


class CheckpointError(AccordError):
    """A checkpoint is absent, changed or incomplete."""


class RunError(AccordError):
    """A run cannot be opened: it has other settings, or another process is using it."""


class UsageError(Exception):
    """The command line was wrong; exit code 2."""


class RecordError(AccordError):
    """A line of an input file breaks a rule of the format.

    `problem` says what is wrong with the value, `fix` the way out; `file`, `line` (from 1) and `field` say where.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        field: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = str(file) if file is not None else None
        self.line = line
        self.field = field
        self.fix = fix
        super().__init__(problem)

    def at(self, file: str | Path, line: int) -> "RecordError":
        """The same error with its place filled in."""
        return RecordError(self.problem, file=file, line=line, field=self.field, fix=self.fix)

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        pieces = [
            f"{place}: " if place else "",
            f"field '{self.field}': " if self.field else "",
            self.problem,
        ]
        return "".join(pieces) + (f". {self.fix}" if self.fix else "")
