"""Write docs/commands.md from the commands' own --help; `--check` only says whether it is up to date."""

import os
import subprocess
import sys
from pathlib import Path

from cli.main import COMMANDS

PAGE = Path(__file__).with_name("commands.md")
HEAD = """# Commands

Made by `python docs/make_commands.py` from the commands themselves.

Every command prints what it did and where the result is, and exits with 0, with 1 when it failed, or with 2 when it was
used wrongly. Where a command measures something, `--json` makes stdout one JSON object and nothing else. A trainer's run
has a name: the same command resumes it while it is unfinished, says so when it is finished, and refuses other settings
under the same name.
"""


def help_text(name: str) -> str:
    """What `accord NAME --help` prints on a terminal of 100 columns."""
    environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "cli", *name.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for name, command in COMMANDS.items():
        parts.append(
            f"## accord {name}\n\n{command.help[0].upper()}{command.help[1:]}.\n\n```text\n{help_text(name)}\n```\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    text = page()
    if "--check" in sys.argv:
        sys.exit(
            0 if PAGE.read_text() == text else f"{PAGE.name} is out of date: run python docs/make_commands.py"
        )
    PAGE.write_text(text)
