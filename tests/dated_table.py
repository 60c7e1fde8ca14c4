"""A dated table of a test run: `--table FILE` writes date, hardware, and each test with its repetitions and result.

A test says how often it repeated its fault with `record_property("repetitions", n)`; others count once.
"""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption("--table", type=Path, help="write a dated table of the results to this Markdown file")
    parser.addoption("--table-title", default="Results", help="what the table is called")


def pytest_configure(config):
    path = config.getoption("--table")
    if path is not None and not hasattr(
        config, "workerinput"
    ):  # pytest-xdist's workers report to the first process
        config.pluginmanager.register(DatedTable(path, config.getoption("--table-title")))


class DatedTable:
    """Collects the outcome of each test and writes the table when the session ends."""

    def __init__(self, path: Path, title: str) -> None:
        self.path, self.title = path, title
        self.rows: dict[str, dict[str, object]] = {}
        self.began = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        row = self.rows.setdefault(report.nodeid, {"result": "passed", "seconds": 0.0, "repetitions": 1})
        row["seconds"] = float(row["seconds"]) + report.duration
        row["repetitions"] = dict(report.user_properties).get("repetitions", row["repetitions"])
        if report.failed:
            row["result"] = "FAILED" if report.when == "call" else f"ERROR in {report.when}"
        elif report.skipped:
            row["result"] = f"not run: {_reason(report)}"

    def pytest_sessionfinish(self) -> None:
        if not self.rows:
            return
        results = [str(row["result"]) for row in self.rows.values()]
        passed, left_out = results.count("passed"), sum(result.startswith("not run") for result in results)
        lines = [
            f"# {self.title}",
            "",
            f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, on {hardware()}.",
            f"{passed} passed, {len(results) - passed - left_out} failed, {left_out} not run, in "
            f"{time.monotonic() - self.began:.0f} s.",
            "",
            "| test | repetitions | seconds | result |",
            "| --- | --- | --- | --- |",
            *(
                f"| `{name.removeprefix('tests/')}` | {row['repetitions']} | {row['seconds']:.1f} | {row['result']} |"
                for name, row in sorted(self.rows.items())
            ),
            "",
        ]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("\n".join(lines), encoding="utf-8")


def hardware() -> str:
    """Processor, cores, memory and versions in words."""
    cpuinfo = Path("/proc/cpuinfo")
    names = [
        line.partition(":")[2].strip()
        for line in (cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else [])
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processor = names[0] if names else platform.machine()
    return (
        f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB memory, {platform.system()}, Python "
        f"{platform.python_version()}, torch {version('torch')}"
    )


def _reason(report: pytest.TestReport) -> str:
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return said.removeprefix("Skipped: ").replace("|", "/").replace("\n", " ")[:120]
