"""Published agreement, measured again: PandaLM's panel and the 24 rows of WMT16, from real rankings in the database."""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotation.agreement import Agreement, measure_agreement
from annotation.report import agreement_page
from storage.comparisons import read_comparisons
from storage.database import Database
from storage.importers.pandalm import read_pandalm
from storage.importers.wmt import read_wmt
from storage.importing import ImportReport, import_comparisons
from storage.projects import create_project, find_project
from workbench.artifacts import write_file_aside
from workbench.records import Comparison
from workbench.statistics.pair_reader import expand_pairs
from workbench.statistics.pairs import PairLabels
from workbench.statistics.wmt import WMTAgreement, order_free, published_inter, published_intra

SYMMETRISED_ALPHA = 0.8646
"""PandaLM's nominal alpha, as it is known, when each pair counts in both directions, however it is stored."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One published figure beside ours."""

    source: str
    """Whose figure: PandaLM, or a row of WMT16's tables."""
    name: str
    published: float
    measured: float
    digits: int
    """Decimals in which the two must be equal."""

    @property
    def agrees(self) -> bool:
        """Whether the figures are equal when rounded as published."""
        return bool(abs(self.measured - self.published) <= 0.5 * 10.0**-self.digits + 1e-9)

    def to_json(self) -> dict[str, Any]:
        """The check as plain values."""
        return {**vars(self), "agrees": self.agrees}


def check_pandalm(database: Database, data: Path, folder: Path) -> tuple[list[Check], dict[str, Any]]:
    """Import PandaLM's 999 comparisons, measure the panel of three, write its report into `folder`."""
    published = json.loads((data / "known_answers" / "agreement.json").read_text(encoding="utf-8"))["pandalm"]
    file = data / "pandalm" / "pandalm_3annotators.jsonl.gz"
    report = _import(database, "pandalm", file, read_pandalm(file))
    result = _measure(database, "pandalm")
    page = agreement_page(result)
    with write_file_aside(folder / "pandalm.html") as out:
        out.write(page.to_html().encode())
    checks = [
        Check(
            source="PandaLM",
            name="alpha, nominal, as stored",
            published=published["alpha_nominal"],
            measured=_number(result.alpha_as_stored["nominal"]),
            digits=4,
        ),
        Check(
            source="PandaLM",
            name="alpha, nominal, symmetrised",
            published=SYMMETRISED_ALPHA,
            measured=_number(result.panel.alpha_nominal.value),
            digits=4,
        ),
        Check(
            source="PandaLM",
            name="raw agreement with ties",
            published=published["agreement"]["pair_micro"],
            measured=_number(result.panel.with_ties.value),
            digits=4,
        ),
    ]
    for pair in result.annotator_pairs:
        names = [result.annotators[i].judge.name for i in (pair.one, pair.two)]
        numbers = "-".join(name.removeprefix("pandalm-annotator") for name in names)
        checks.append(
            Check(
                source="PandaLM",
                name=f"Cohen's kappa, annotators {numbers}",
                published=published["cohen_kappa"][numbers],
                measured=_number(pair.kappa.value),
                digits=3,
            )
        )
    return checks, {"import": report.to_json(), "agreement": result.to_json()}


def check_wmt(database: Database, data: Path) -> tuple[list[Check], dict[str, Any]]:
    """Import WMT16's rankings and compute every row of both tables: as WMT defined it, and free of order."""
    file = data / "wmt16" / "rankings.jsonl.gz"
    report = _import(database, "wmt16", file, read_wmt(file))
    labels = dict(_labels_by_pair(database, "wmt16"))
    checks = []
    for row in _rows(data / "wmt16" / "known_agreement.csv"):
        pair = f"{row['src']}-{row['trg']}"
        measure = published_inter if row["mode"] == "inter" else published_intra
        checks += _compare(f"WMT16 {pair}, {row['mode']}", row, measure(labels[pair]))
    for row in _rows(data / "wmt16" / "our_agreement_orderfree.csv"):
        pair = f"{row['src']}-{row['trg']}"
        checks += _compare(f"WMT16 {pair}, order-free", row, order_free(labels[pair]))
    return checks, {"import": report.to_json()}


def _import(database: Database, name: str, file: Path, comparisons: Iterator[Comparison]) -> ImportReport:
    with database.writing() as session:
        project = find_project(session, name) or create_project(session, name)
        return import_comparisons(
            session, project.id, lambda _: ((None, c) for c in comparisons), source=file
        )


def _measure(database: Database, name: str) -> Agreement:
    with database.reading() as session:
        project = find_project(session, name)
        assert project is not None
        return measure_agreement(read_comparisons(session, project.id), source=f"project {name}")


def _labels_by_pair(database: Database, name: str) -> Iterator[tuple[str, PairLabels]]:
    """The judgements of each language pair."""
    with database.reading() as session:
        project = find_project(session, name)
        assert project is not None
        by_pair: dict[str, list[Comparison]] = {}
        for comparison in read_comparisons(session, project.id):
            by_pair.setdefault(comparison.tags["language"], []).append(comparison)
    for pair, comparisons in sorted(by_pair.items()):
        yield pair, expand_pairs(comparisons)


def _compare(source: str, row: dict[str, str], measured: WMTAgreement) -> list[Check]:
    figures = (("pA", measured.observed), ("pE", measured.expected), ("kappa", measured.kappa))
    return [
        Check(source=source, name=column, published=float(row[column]), measured=value, digits=3)
        for column, value in figures
    ]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _number(value: float | None) -> float:
    assert value is not None, "a full panel has every figure"
    return value
