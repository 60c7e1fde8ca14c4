"""Agreement on real judgements with published or recomputed answers: PandaLM, WMT16 and MQM."""

import csv
import gzip
import json
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from annotation.agreement import measure_agreement
from storage.importers.pandalm import read_pandalm
from storage.importers.rated import read_rated
from storage.importers.wmt import read_wmt
from workbench.statistics.agreement import count_units, raw_agreement
from workbench.statistics.alpha import krippendorff_alpha
from workbench.statistics.kappa import (
    brennan_prediger,
    cohen_kappa,
    conger_kappa,
    count_table,
    fleiss_kappa,
    gwet_ac,
)
from workbench.statistics.pair_reader import expand_pairs
from workbench.statistics.pairs import PairLabels
from workbench.statistics.ranks import kendall_tau_b
from workbench.statistics.wmt import order_free, published_inter, published_intra


def test_pandalm(shared: Path) -> None:
    """999 comparisons, three annotators; nominal alpha .8642 as stored and .8646 symmetrised."""
    known = json.loads((shared / "known_answers/agreement.json").read_text())["pandalm"]
    found = measure_agreement(
        read_pandalm(shared / "pandalm/pandalm_3annotators.jsonl.gz"), source="PandaLM", draws=200
    ).to_json()
    assert found["counts"]["comparisons"] == found["counts"]["units_with_overlap"] == 999
    assert found["counts"]["empty_completions"] == 54
    assert found["counts"]["prompts"] == 170 and found["counts"]["meetings"] == 2997
    assert found["alpha"]["nominal_as_stored"] == pytest.approx(known["alpha_nominal"], abs=1e-6)
    assert found["alpha"]["nominal"]["value"] == pytest.approx(0.8646, abs=5e-5)
    assert found["alpha"]["nominal"]["low"] < 0.8646 < found["alpha"]["nominal"]["high"]
    assert found["raw"]["with_ties"]["value"] == pytest.approx(known["agreement"]["pair_micro"], abs=1e-6)
    assert found["gwet_ac1"]["value"] == pytest.approx(known["gwet_ac1"], abs=1e-3)
    kappas = {
        "-".join(name[-1] for name in pair["annotators"]): pair["cohen_kappa"]["value"]
        for pair in found["annotator_pairs"]
    }
    # Ours is symmetrised, the known answers are as stored: equal to three digits, as published.
    assert kappas == {key: pytest.approx(value, abs=5e-4) for key, value in known["cohen_kappa"].items()}
    assert [f"{kappas[key]:.3f}" for key in ("1-2", "1-3", "2-3")] == ["0.852", "0.879", "0.862"]
    assert found["position_bias"]["value"] is None and "order" in found["position_bias"]["reason"]


def test_pandalm_kappas_as_stored(shared: Path) -> None:
    """Fleiss, Conger, Brennan-Prediger, AC1 and majorities of the raw table, to 1e-6."""
    known = json.loads((shared / "known_answers/agreement.json").read_text())["pandalm"]
    with gzip.open(shared / "pandalm/pandalm_3annotators.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    values = np.array([[row[f"annotator{i}"] for row in rows] for i in (1, 2, 3)], float)
    counts, _ = count_table(values)
    assert krippendorff_alpha(values) == pytest.approx(known["alpha_nominal"], abs=1e-6)
    for measured, key in (
        (fleiss_kappa(counts), "fleiss_kappa_missing_ok"),
        (gwet_ac(counts), "gwet_ac1"),
        (brennan_prediger(counts), "brennan_prediger"),
        (conger_kappa(values), "conger_kappa"),
    ):
        assert measured.value == pytest.approx(known[key], abs=1e-6), key
    for pair, expected in known["cohen_kappa"].items():
        one, two = (values[int(who) - 1].astype(int) for who in pair.split("-"))
        table = np.zeros((3, 3))
        np.add.at(table, (one, two), 1)
        assert float(cohen_kappa(table)) == pytest.approx(expected, abs=1e-6)


@pytest.fixture(scope="module")
def wmt(shared: Path) -> PairLabels:
    return expand_pairs(read_wmt(shared / "wmt16/rankings.jsonl.gz"))


def of_language(labels: PairLabels, row: dict[str, str]) -> PairLabels:
    language = np.array([tags["language"] for tags in labels.tags])[labels.comparison]
    return labels.where(language == f"{row['src']}-{row['trg']}")


def test_wmt16_in_its_own_definition(shared: Path, wmt: PairLabels) -> None:
    """All 24 published rows: the four counts exactly, pA, pE and kappa to the three digits printed."""
    rows = list(csv.DictReader((shared / "wmt16/known_agreement.csv").read_text().splitlines()))
    assert len(rows) == 24
    for row in rows:
        found = {"inter": published_inter, "intra": published_intra}[row["mode"]](of_language(wmt, row))
        check_wmt_row(found, row)


def test_wmt16_in_ours(shared: Path, wmt: PairLabels) -> None:
    """The twelve order-free rows with distinct judges, and the same numbers from the report's own functions."""
    rows = list(csv.DictReader((shared / "wmt16/our_agreement_orderfree.csv").read_text().splitlines()))
    assert len(rows) == 12
    for row in rows:
        part = of_language(wmt, row)
        check_wmt_row(order_free(part), row)
        with_ties, _ = raw_agreement(count_units(part))
        assert with_ties == pytest.approx(int(row["agree"]) / int(row["comparable"]))


def check_wmt_row(found, row: dict[str, str]) -> None:  # type: ignore[no-untyped-def]  # WMTAgreement
    counts = (found.agree, found.comparable, found.ties, found.total)
    assert counts == tuple(int(row[key]) for key in ("agree", "comparable", "ties", "total")), row
    assert found.observed == pytest.approx(float(row["pA"]), abs=5.01e-4)
    assert found.expected == pytest.approx(float(row["pE"]), abs=5.01e-4)
    assert found.kappa == pytest.approx(float(row["kappa"]), abs=5.01e-4)


@cache
def mqm_segments(path: Path) -> list[list[dict[str, float]]]:
    """Per segment, per system in the stored order, the score by rater."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [
            [
                {rater: rating["score"] for rater, rating in candidate["ratings"].items()}
                for candidate in json.loads(line)["candidates"]
            ]
            for line in file
        ]


def test_mqm_scores_and_implied_pairs(shared: Path) -> None:
    known = json.loads((shared / "known_answers/agreement.json").read_text())["mqm_zhen"]
    segments = mqm_segments(shared / "mqm_zhen/mqm_zhen_3raters.jsonl.gz")
    raters = sorted({rater for segment in segments for scores in segment for rater in scores})
    scores = np.array(
        [[scores.get(rater, np.nan) for segment in segments for scores in segment] for rater in raters]
    )
    assert krippendorff_alpha(scores, "interval") == pytest.approx(
        known["scores"]["alpha_interval"], abs=1e-6
    )
    assert krippendorff_alpha(scores, "ordinal") == pytest.approx(known["scores"]["alpha_ordinal"], abs=1e-6)
    pairs = np.array(
        [
            [
                np.sign(two[rater] - one[rater]) if rater in one else np.nan
                for segment in segments
                for one, two in combinations(segment, 2)
            ]
            for rater in raters
        ]
    )
    implied = known["implied_pairwise"]
    assert pairs.shape[1] == implied["agreement"]["units"]
    assert krippendorff_alpha(pairs) == pytest.approx(implied["alpha_nominal"], abs=1e-6)
    taus = [
        kendall_tau_b([scores[one] for scores in segment], [scores[two] for scores in segment])
        for segment in segments
        for one, two in combinations(sorted(segment[0]), 2)
    ]
    defined = [tau for tau in taus if tau is not None]
    assert len(defined) == known["kendall_tau_b_mean"]["defined_pairs"]
    assert np.mean(defined) == pytest.approx(known["kendall_tau_b_mean"]["value"], abs=1e-6)


def test_mqm_through_the_importer(shared: Path) -> None:
    """As rankings, 474 of the 16,965 pairs hold the same words and are no pair; the rest agrees as the scores do."""
    segments = mqm_segments(shared / "mqm_zhen/mqm_zhen_3raters.jsonl.gz")
    found = measure_agreement(
        read_rated(shared / "mqm_zhen/mqm_zhen_3raters.jsonl.gz", "mqm"), source="MQM", draws=0
    )
    assert found.counts["judgements"] + found.dropped[
        "pairs of completions with the same words"
    ] == 45 * 3 * len(segments)
    assert found.panel.alpha_nominal.value == pytest.approx(0.2496, abs=5e-3)
    assert found.tau_b.value == pytest.approx(0.3076, abs=1e-2)
    assert found.panel.alpha_nominal.low is None, "no draws, no interval"
