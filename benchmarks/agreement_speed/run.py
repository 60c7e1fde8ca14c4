"""Agreement speed: alpha beside evalica and krippendorff on the same table, and the whole report on many rankings.

The table holds pair labels (-1, 0, 1) of many annotators, three of whom judged each unit. Every repeat times all ways
of computing alpha in alternating order, in CPU time, so that other work on the machine counts little; evalica takes
the table as a DataFrame, which is made outside the timing.
krippendorff is GPL, so it lives in a virtual environment of its own: `--krippendorff PYTHON` names its interpreter,
and a process of it stands by, holds the same table, and times itself when its turn comes.
The report is measured as its user runs it: `accord agreement` on a comparisons.jsonl, or on a project of a database
that was imported from it, in a process of its own, until the page is written. Rankings of four completions, overlap
three, with the order shown and times. `--alone` gives every prompt one ranking, so that no two annotators ever meet.

    python -m venv /tmp/k && /tmp/k/bin/pip install krippendorff
    python benchmarks/agreement_speed/run.py --units 20000 --rankings 1000000 --krippendorff /tmp/k/bin/python
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas
from evalica import alpha as evalica_alpha

from workbench.jsonl import write_comparisons
from workbench.records import Comparison, Completion, Ranking
from workbench.seeds import numpy_generator
from workbench.statistics.alpha import alpha_of_values, krippendorff_alpha

ROOT = Path(__file__).parents[2]
OVERLAP = 3
K = 4
TEXT = "The lighthouse keeper counted the ships, and the ships counted the lighthouse. " * 5


def main() -> None:
    """Measure both and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--annotators", type=int, default=100)
    parser.add_argument("--units", type=int, default=20_000, help="0 leaves alpha out")
    parser.add_argument("--dense", action="store_true", help="every annotator judges every unit")
    parser.add_argument("--krippendorff", type=Path, help="a Python that has krippendorff")
    parser.add_argument("--rankings", type=int, default=100_000, help="0 leaves the report out")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument(
        "--file", type=Path, help="write the rankings here, or take them from here if it exists"
    )
    parser.add_argument("--project", action="store_true", help="from a database too")
    parser.add_argument("--alone", action="store_true", help="one ranking a prompt, so that nobody meets")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    if arguments.units:
        make = make_dense_table if arguments.dense else make_table
        table = make(arguments.annotators, arguments.units)
        compare_alpha(table, arguments.repeats, arguments.krippendorff)
    if arguments.rankings:
        with tempfile.TemporaryDirectory() as folder:
            time_report(arguments, Path(folder))


class Krippendorff:
    """The krippendorff package in an environment of its own, timing itself on the same table."""

    CODE = (
        "import sys, time, numpy, krippendorff\n"
        "table = numpy.load(sys.argv[1])\n"
        "for line in sys.stdin:\n"
        "    began = time.process_time()\n"
        "    value = krippendorff.alpha(reliability_data=table, level_of_measurement=line.strip())\n"
        "    print(value, time.process_time() - began, flush=True)\n"
    )

    def __init__(self, python: Path, table: np.ndarray, folder: str) -> None:
        path = Path(folder) / "table.npy"
        np.save(path, table)
        command = [python, "-c", self.CODE, path]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.seconds = 0.0

    def alpha(self, level: str) -> float:
        """Alpha as it computes it; `seconds` is then its own time."""
        print(level, file=self.process.stdin, flush=True)
        value, seconds = self.process.stdout.readline().split()
        self.seconds = float(seconds)
        return float(value)


def compare_alpha(table: np.ndarray, repeats: int, python: Path | None) -> None:
    """Alpha of one table by every way, timed in turn; all must agree."""
    annotators, units = table.shape
    frame = pandas.DataFrame(table)
    annotator, unit = np.nonzero(np.isfinite(table))
    value = table[annotator, unit]
    ways: dict[str, Callable[[str], float]] = {
        "accord, from the table": lambda level: krippendorff_alpha(table, level),
        "accord, from a list of labels": lambda level: alpha_of_values(unit, value, level),
        "evalica, Rust": lambda level: evalica_alpha(frame, distance=level, solver="pyo3").alpha,
        "evalica, numpy": lambda level: evalica_alpha(frame, distance=level, solver="naive").alpha,
    }
    with tempfile.TemporaryDirectory() as folder:
        peer = Krippendorff(python, table, folder) if python else None
        if peer:
            ways["krippendorff"] = peer.alpha
        _time_levels(ways, peer, f"{annotators} annotators x {units:,} units, {len(value):,} labels", repeats)
        if peer:
            peer.process.stdin.close()
            peer.process.wait()


def _time_levels(
    ways: dict[str, Callable[[str], float]], peer: Krippendorff | None, what: str, repeats: int
) -> None:
    for level in ("nominal", "ordinal"):
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        answers = {}
        for repeat in range(repeats):
            for name in list(ways)[:: 1 if repeat % 2 else -1]:
                began = time.process_time()
                answers[name] = ways[name](level)
                took = time.process_time() - began
                seconds[name].append(peer.seconds if peer and name == "krippendorff" else took)
        assert max(answers.values()) - min(answers.values()) < 1e-9, answers
        print(f"\nalpha {level}, {what}, {repeats} repeats")
        print(
            "| way | CPU-ms, median (min to max) | over accord's from the table | over accord's from the list |\n"
            "|---|---|---|---|"
        )
        for name, found in seconds.items():
            milliseconds = [1000 * second for second in found]
            middle = (
                f"{statistics.median(milliseconds):.1f} ({min(milliseconds):.1f} to {max(milliseconds):.1f})"
            )
            over = [
                statistics.median(a / b for a, b in zip(found, seconds[base], strict=True))
                for base in ("accord, from the table", "accord, from a list of labels")
            ]
            print(f"| {name} | {middle} | {over[0]:.1f} | {over[1]:.1f} |", flush=True)


def time_report(arguments: argparse.Namespace, folder: Path) -> None:
    """The command on a file and, if wanted, on the project that the same file becomes."""
    path = arguments.file or folder / "comparisons.jsonl"
    if not path.exists():
        overlap = 1 if arguments.alone else OVERLAP
        write_comparisons(path, make_comparisons(arguments.annotators, arguments.rankings, overlap))
    print(f"\n{path.stat().st_size / 1e6:,.0f} MB of rankings, K={K}, {arguments.draws} draws")
    print("| command | by the clock, s | CPU-s | peak memory of all processes, GiB |\n|---|---|---|---|")
    draws = ["--bootstrap", str(arguments.draws), "--html", str(folder / "report.html")]
    _run("agreement FILE", folder, "agreement", path, *draws)
    if arguments.project:
        _run("init", folder, "init")
        _run("project create", folder, "project", "create", "big")
        _run("import comparisons", folder, "import", "comparisons", path, "--project", "big")
        _run("agreement --project", folder, "agreement", "--project", "big", *draws)


def _run(name: str, home: Path, *arguments: str | Path) -> None:
    """One command in a process of its own, and what it took."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments],
        env={**os.environ, "ACCORD_HOME": str(home / "home"), "PYTHONPATH": str(ROOT)},
        cwd=home,
        stdout=subprocess.DEVNULL,
    )
    peak = 0
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        peak = max(peak, _resident(process.pid))
        time.sleep(0.05)
    _, status, usage = ended
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{name} failed"
    cpu = usage.ru_utime + usage.ru_stime
    print(f"| {name} | {wall:.1f} | {cpu:.1f} | {peak / 1024**3:.2f} |", flush=True)


def _resident(pid: int) -> int:
    """Bytes in memory of a process and all that it started, pages that they share counted for each."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # It has ended meanwhile.
    return pages * os.sysconf("SC_PAGE_SIZE") + sum(map(_resident, map(int, children)))


def make_table(annotators: int, units: int) -> np.ndarray:
    """Labels of `OVERLAP` annotators a unit, others NaN: a hidden side, kept with 0.6, else any label."""
    generator = numpy_generator(0, "benchmark table")
    table = np.full((annotators, units), np.nan)
    truth = generator.choice([-1, 1], units)
    for _ in range(OVERLAP):
        # Two draws may fall on the same annotator; such a unit has one label fewer.
        who = generator.integers(0, annotators, units)
        said = np.where(generator.random(units) < 0.6, truth, generator.integers(-1, 2, units))
        table[who, np.arange(units)] = said
    return table


def make_dense_table(annotators: int, units: int) -> np.ndarray:
    """The same where every annotator judges every unit."""
    generator = numpy_generator(0, "dense benchmark table")
    truth = generator.choice([-1, 1], units)
    kept = generator.random((annotators, units)) < 0.6
    return np.where(kept, truth, generator.integers(-1, 2, (annotators, units))).astype(float)


def make_comparisons(annotators: int, rankings: int, overlap: int) -> Iterator[Comparison]:
    """Comparisons of four completions, each ranked by some annotators with noise of their own, as a page records it."""
    generator = numpy_generator(0, "benchmark rankings")
    noise = generator.uniform(0.3, 2, annotators)
    names = [f"a{i}" for i in range(annotators)]
    words = generator.integers(20, 400, (rankings // overlap, K)).tolist()
    clock = np.full(annotators, datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp())
    for c in range(rankings // overlap):
        who = generator.choice(annotators, overlap, replace=False)
        seen = np.arange(K) + noise[who][:, None] * generator.normal(size=(overlap, K))
        ranks = (seen.argsort(1).argsort(1) // (1 + (c % 5 == 0)) + 1).tolist()
        orders = generator.random((overlap, K)).argsort(1).tolist()
        seconds = np.round(48 * np.exp(0.35 * generator.normal(size=overlap)), 1)
        clock[who] += seconds
        ends = clock[who].tolist()
        yield Comparison(
            id=f"c{c}",
            prompt=f"prompt {c}",
            completions=tuple(Completion(text=TEXT[: words[c][k]] + str(k)) for k in range(K)),
            rankings=tuple(
                Ranking(
                    id=f"{c}-{i}",
                    annotator=names[w],
                    annotator_kind="simulated",
                    ranks=tuple(row),
                    order=tuple(order),
                    seconds=took,
                    at=datetime.fromtimestamp(end, UTC).isoformat(timespec="seconds"),
                )
                for i, (w, row, order, took, end) in enumerate(
                    zip(who.tolist(), ranks, orders, seconds.tolist(), ends, strict=True)
                )
            ),
        )


if __name__ == "__main__":
    main()
