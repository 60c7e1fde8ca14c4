"""Write docs/commands.md from the commands' own --help; `--check` only says whether it is up to date."""

import io
import os
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path

# Read by rich when it is imported: the page must not depend on the terminal it is made in.
os.environ.update(COLUMNS="100", TERM="dumb", NO_COLOR="1")

from cli.main import COMMANDS, main

PAGE = Path(__file__).with_name("commands.md")
HEAD = """# Commands

Made by `python docs/make_commands.py` from the commands themselves.

Every command prints what it did and where the result is, and exits with 0, with 1 when it failed, or with 2 when it
was used wrongly. Where a command measures something, `--json` makes stdout one JSON object and nothing else. A
trainer's run has a name: the same command resumes it while it is unfinished, says so when it is finished, and refuses
other settings under the same name.
"""


def help_text(name: str) -> str:
    """What `accord NAME --help` prints on a terminal of 100 columns."""
    output = io.StringIO()
    with redirect_stdout(output), suppress(SystemExit):
        main([*name.split(), "--help"])
    return "\n".join(line.rstrip() for line in output.getvalue().strip().splitlines())


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
