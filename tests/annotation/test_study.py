"""The study simulator: what is put in comes out, and its command writes what it says."""

import json
from pathlib import Path

import pytest

from annotation.study import mean_of_studies, simulate_study
from annotation.study_design import StudyDesign
from annotation.study_report import study_page
from cli.main import main
from workbench.jsonl import read_comparisons
from workbench.statistics.simulated import SimulatedAnnotator


def design(**changes: object) -> StudyDesign:
    given = {"prompts": 60, "completions": 3, "annotators": 4, "replicates": 2, "draws": 20, **changes}
    return StudyDesign(**given)  # type: ignore[arg-type]


def value(study: object, name: str) -> float:
    found = study.figures[name].value  # type: ignore[attr-defined]
    assert found is not None
    return float(found)


def test_less_noise_gives_more_agreement_and_a_better_consensus() -> None:
    clear, noisy = (simulate_study(design(noise=noise)) for noise in (0.2, 3.0))
    for name in ("decisive", "alpha", "consensus_best", "consensus_pairs", "single_best"):
        assert value(clear, name) > value(noisy, name) + 0.1
    assert value(clear, "rankings") == 180
    assert value(clear, "consensus_best") >= value(clear, "single_best") - 0.02


def test_sequential_overlap_asks_less_where_winners_are_clear() -> None:
    fixed, sequential = (
        simulate_study(design(noise=0.2, policy=policy, overlap=4, prompts=50, replicates=1))
        for policy in ("fixed", "sequential")
    )
    assert value(fixed, "rankings") == 200
    assert value(sequential, "rankings") < 0.75 * 200
    assert value(sequential, "consensus_best") > value(fixed, "consensus_best") - 0.1
    most = max(len(c.rankings) for c in sequential.comparisons)
    assert most <= 4 and all(
        len({r.annotator for r in c.rankings}) == len(c.rankings) for c in sequential.comparisons
    )


def test_time_and_cost_by_hand() -> None:
    """180 rankings of 3 completions, 12 s each in the median; log-normal with sigma 0.35 means exp(0.06125) more."""
    study = simulate_study(design(pay=30.0))
    expected = 180 * 3 * 12 * 1.0632 / 3600
    assert value(study, "hours") == pytest.approx(expected, rel=0.08)
    assert value(study, "cost") == pytest.approx(30 * value(study, "hours"))
    free = simulate_study(design(replicates=1))
    assert free.figures["cost"].value is None and free.figures["cost"].reason == "no pay was given"
    assert free.figures["hours"].low is None, "one study has no interval"


def test_the_mean_of_few_studies_by_hand() -> None:
    """70, 72, 74 and 76 hours: mean 73, s^2 = (9 + 1 + 1 + 9) / 3 = 20 / 3, error of the mean sqrt(20 / 3 / 4) = 1.29099.

    Student's t with 3 degrees of freedom is 3.18245 at 97.5 % (not 1.96): 73 -+ 4.10852. Shares are cut at 0 and 1.
    """
    found = mean_of_studies("hours", [70, 72, 74, 76])
    assert (found.value, found.n) == (73, 4)
    assert (found.low, found.high) == pytest.approx((68.89148, 77.10852), abs=1e-5)
    share = mean_of_studies("consensus_best", [0.7, 0.72, 0.74, 0.76])
    assert (share.low, share.high) == pytest.approx((0.6889148, 0.7710852), abs=1e-7)
    two = mean_of_studies("decisive", [0.9, 1.0])  # t with 1 degree is 12.7062: 0.95 -+ 0.635
    assert two.low == pytest.approx(0.95 - 12.7062 * 0.05, abs=1e-5) and two.high == 1
    assert mean_of_studies("decisive", [0.9, "no overlap"]).reason == "no overlap"


def test_who_learns_gets_no_noisier_than_none() -> None:
    annotator = SimulatedAnnotator(name="a", noise=0.5, drift=-1.0, tie_width=0.0)
    for number in (500, 5000):
        ranked = annotator.rank([0.0, 0.3, 0.1, 0.2], comparison=f"c{number}", seed=number, number=number)
        assert ranked.ranks == (4, 1, 3, 2)


def test_careless_annotators_are_named() -> None:
    study = simulate_study(
        design(replicates=1, prompts=150, spammers=1, straight_liners=1, annotators=6, noise=0.4)
    )
    assert value(study, "careless_named") == 1.0
    assert value(study, "others_named") <= 0.25


def test_no_overlap_says_why() -> None:
    study = simulate_study(design(overlap=1, replicates=1))
    assert "judgements by two annotators" in str(study.figures["decisive"].reason)
    assert "there is no interval" in study_page(study).to_text()
    json.dumps(study.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"overlap": 9}, "overlap is 9, but there are 4"),
        ({"policy": "random"}, "fixed, sequential"),
        ({"spammers": 3, "straight_liners": 2}, "more than the 4"),
        ({"overlap_share": 1.5}, "share from 0 to 1"),
        ({"prompts": 0}, "prompts must be 1 or more"),
        ({"noise": -1}, "noise must be 0 or more"),
        ({"spread": -0.5}, "spread must be 0 or more, got -0.5"),
        ({"clear": 1.0}, "from 0.5 to below 1"),
    ],
)
def test_designs_that_cannot_be_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        design(**changes)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, page = tmp_path / "study.jsonl", tmp_path / "study.html"
    flags = [
        "--prompts",
        "20",
        "--completions",
        "3",
        "--replicates",
        "1",
        "--draws",
        "20",
        "--annotators",
        "3",
    ]
    arguments = ["study", "simulate", *flags, "--comparisons", str(file), "--html", str(page), "--json"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["simulated"] is True and found["figures"]["rankings"]["value"] == 60
    written = list(read_comparisons(file))
    assert len(written) == 20 and {r.annotator_kind for c in written for r in c.rankings} == {"simulated"}
    assert "Simulated: the figures are those of a program" in page.read_text()
    assert main(["study", "simulate", *flags]) == 0
    assert "WHAT IT GIVES" in capsys.readouterr().out
    assert main(["study", "simulate", "--overlap", "50"]) == 2
    assert "overlap is 50, but there are 6 annotators" in capsys.readouterr().err
