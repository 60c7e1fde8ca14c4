"""Make the README's picture from a finished demo's report: `python docs/make_pictures.py [report.html] [picture.png]`.

It drives a Chromium by its command line; name another with CHROMIUM.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SIZE = "1100,1900"


def main(arguments: list[str]) -> int:
    """Take the picture; 1 with a reason where something is missing."""
    report = Path(arguments[0] if arguments else "accord-data/runs/demo/report.html").absolute()
    picture = Path(arguments[1] if len(arguments) > 1 else "docs/pictures/demo.png").absolute()
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not report.exists():
        print(f"no report at {report}; 'make demo' makes it", file=sys.stderr)
        return 1
    if browser is None:
        print("no Chromium found; install it, or name it in CHROMIUM", file=sys.stderr)
        return 1
    picture.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                f"--user-data-dir={profile}",
                "--hide-scrollbars",
                f"--window-size={SIZE}",
                f"--screenshot={picture}",
                report.as_uri(),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
        )
    print(picture)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
