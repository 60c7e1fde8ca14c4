"""Agreement speed: alpha beside evalica and krippendorff on the same table, and the whole report on many rankings.

The table holds pair labels (-1, 0, 1) of many annotators, three of whom judged each unit. Every repeat times all ways
of computing alpha in alternating order, in CPU time, so that other work on the machine counts little; evalica takes
the table as a DataFrame, which is made outside the timing.
krippendorff is GPL, so it lives in a virtual environment of its own: `--krippendorff PYTHON` names its interpreter,
and a process of it stands by, holds the same table, and times itself when its turn comes.
The report is measured from records in memory to figures and page, on rankings of four completions with overlap three.

    python -m venv /tmp/k && /tmp/k/bin/pip install krippendorff
    python benchmarks/agreement_speed/run.py --units 20000 --rankings 1000000 --krippendorff /tmp/k/bin/python
"""

import argparse
import platform
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas
from evalica import alpha as evalica_alpha

from annotation.agreement import measure_agreement
from annotation.report import agreement_page
from workbench.records import Comparison, Completion, Ranking
from workbench.seeds import numpy_generator
from workbench.statistics.alpha import alpha_of_values, krippendorff_alpha

OVERLAP = 3
K = 4


def main() -> None:
    """Measure both and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--annotators", type=int, default=100)
    parser.add_argument("--units", type=int, default=20_000, help="0 leaves alpha out")
    parser.add_argument("--krippendorff", type=Path, help="a Python that has krippendorff")
    parser.add_argument("--rankings", type=int, default=100_000, help="0 leaves the report out")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}")
    if arguments.units:
        compare_alpha(arguments.annotators, arguments.units, arguments.repeats, arguments.krippendorff)
    if arguments.rankings:
        time_report(arguments.annotators, arguments.rankings, arguments.draws)


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


def compare_alpha(annotators: int, units: int, repeats: int, python: Path | None) -> None:
    """Alpha of one table by every way, timed in turn; all must agree."""
    table = make_table(annotators, units)
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


def time_report(annotators: int, rankings: int, draws: int) -> None:
    """The whole report on simulated rankings, from records to figures."""
    wall, cpu = time.perf_counter(), time.process_time()
    report = measure_agreement(make_comparisons(annotators, rankings), source="simulated", draws=draws)
    agreement_page(report).to_html()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    making = time.process_time()
    for _ in make_comparisons(annotators, rankings):
        pass
    making = time.process_time() - making
    print(f"\nreport on {report.counts['rankings']:,} rankings, K={K}, overlap {OVERLAP}, {draws} draws:")
    print(f"{cpu - making:.1f} CPU-s, and {making:.1f} to make the records ({wall:.1f} s by the clock)")
    print(f"peak memory {memory:.2f} GiB")
    print(
        f"alpha {report.panel.alpha_nominal.format(4)}, {len(report.annotator_pairs):,} pairs of annotators"
    )


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


def make_comparisons(annotators: int, rankings: int) -> Iterator[Comparison]:
    """Comparisons of four completions, each ranked by three annotators with noise of their own."""
    generator = numpy_generator(0, "benchmark rankings")
    noise = generator.uniform(0.3, 2, annotators)
    names = [f"a{i}" for i in range(annotators)]
    completions = tuple(Completion(text=text) for text in ("first", "second", "third", "fourth"))
    for c in range(rankings // OVERLAP):
        who = generator.choice(annotators, OVERLAP, replace=False)
        seen = np.arange(K) + noise[who][:, None] * generator.normal(size=(OVERLAP, K))
        ranks = (seen.argsort(1).argsort(1) // (1 + (c % 5 == 0)) + 1).tolist()
        yield Comparison(
            id=f"c{c}",
            prompt=f"prompt {c}",
            completions=completions,
            rankings=tuple(
                Ranking(id=f"{c}-{i}", annotator=names[w], annotator_kind="simulated", ranks=tuple(row))
                for i, (w, row) in enumerate(zip(who.tolist(), ranks, strict=True))
            ),
        )


if __name__ == "__main__":
    main()
