"""What the report says to do, on simulated panels of which the truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from annotation.advice import give_advice
from annotation.agreement import Agreement, measure_agreement
from annotation.agreement_store import last_agreement, refresh_agreement
from annotation.report import agreement_page
from annotation.standing_out import critical, standard_error
from storage.importing import import_comparisons
from storage.projects import create_project, get_project
from workbench.records import Comparison, Completion
from workbench.statistics.estimates import Estimate
from workbench.statistics.simulated import SimulatedAnnotator, rank_all


def simulate(panel: list[SimulatedAnnotator], num: int = 250, overlap: int = 3) -> list[Comparison]:
    utilities = np.random.default_rng(3).normal(size=(num, 3)).tolist()
    texts = tuple(Completion("word " * (i + 1)) for i in range(3))
    comparisons = [Comparison(f"c{n}", f"prompt {n}", texts, tags={"half": str(n % 2)}) for n in range(num)]
    return rank_all(comparisons, utilities, panel, seed=5, overlap=overlap, overlap_share=1.0)


def measure(comparisons: list[Comparison]) -> Agreement:
    return measure_agreement(comparisons, source="a test", draws=300)


CAREFUL = [SimulatedAnnotator(name=f"careful{i}", noise=0.4) for i in range(5)]


def advised(agreement: Agreement, kind: str) -> dict[str, str]:
    return {
        str(item.refers_to.get("annotator", item.what)): item.why
        for item in give_advice(agreement)
        if item.kind == kind
    }


def test_careful_annotators_are_left_in_peace() -> None:
    assert advised(measure(simulate(CAREFUL)), "annotator") == {}


def test_those_who_stand_out_are_named_with_the_reason() -> None:
    odd = [
        SimulatedAnnotator(name="spam", spam=1.0),
        SimulatedAnnotator(name="first", noise=0.4, position_bias=1.5),
        SimulatedAnnotator(name="line", straight_line=1.0),
        SimulatedAnnotator(name="tying", noise=0.4, tie_width=1.5),
    ]
    # Fast ones would take nearly all the work, so all have the same pace here.
    odd = [
        replace(one, seconds_per_completion=12 / (0.15 if one.name in ("spam", "line") else 1)) for one in odd
    ]
    agreement = measure(simulate([*CAREFUL, *odd], num=400))
    found = advised(agreement, "annotator")
    assert set(found) == {"spam", "first", "line", "tying"}
    assert "reliability of 0." in found["spam"] and "agrees with the others" in found["spam"]
    assert "takes what is shown first" in found["first"]
    assert "times running" in found["line"]
    assert "ties" in found["tying"]
    reliability = {
        one.judge.name: r.follows.value
        for one, r in zip(agreement.annotators, agreement.reliability, strict=True)
    }
    assert all(float(reliability[c.name] or 0) > 0.85 > float(reliability["spam"] or 1) for c in CAREFUL)


def test_few_rankings_are_no_reason_to_speak_with_somebody() -> None:
    """Three rankings of which one side always wins have a narrow interval and prove nothing."""
    comparisons = simulate(CAREFUL)
    ranked = [
        replace(
            c, rankings=(*c.rankings, replace(c.rankings[0], id=f"new{i}", annotator="new", ranks=(1, 2, 3)))
        )
        for i, c in enumerate(comparisons[:3])
    ]
    assert advised(measure([*ranked, *comparisons[3:]]), "annotator") == {}


def test_where_many_tie_unlike_the_others_it_is_the_guideline() -> None:
    """Three of six tie much and three hardly: all are far from the panel, and nobody is named for it."""
    panel = [SimulatedAnnotator(name=f"a{i}", noise=0.4, tie_width=1.6 * (i % 2)) for i in range(6)]
    agreement = measure(simulate(panel))
    assert not any("ties" in why for why in advised(agreement, "annotator").values())
    why = advised(agreement, "guideline")["Say in the guideline when two completions tie."]
    assert "6 of 6 are far from" in why and "Annotators tie between" in why


def test_at_chance_no_prompt_is_worse_than_another() -> None:
    agreement = measure(
        simulate([SimulatedAnnotator(name=f"a{i}", noise=30.0, tie_width=0.0) for i in range(4)])
    )
    assert advised(agreement, "rerank") == {}
    assert any("no better than chance" in what for what in advised(agreement, "guideline"))
    assert "do not show that annotators agree any better than chance" in agreement_page(agreement).to_text()


def test_a_wide_interval_over_zero_asks_for_more_and_blames_nobody() -> None:
    agreement = measure(simulate([SimulatedAnnotator(name=f"a{i}", noise=1.5) for i in range(3)], num=6))
    alpha = agreement.panel.alpha_nominal
    assert alpha.low is not None and alpha.low <= 0 and alpha.high is not None and alpha.high > 0.2
    assert "Collect more rankings with overlap before concluding anything." in advised(agreement, "collect")


def test_who_pulls_a_panel_to_chance_is_said() -> None:
    odd = SimulatedAnnotator(name="upside", noise=0.3)
    turned = [
        replace(
            c,
            rankings=tuple(
                replace(r, ranks=tuple(4 - rank for rank in r.ranks or () if rank))
                if r.annotator == "upside"
                else r
                for r in c.rankings
            ),
        )
        for c in simulate([*CAREFUL[:2], odd])
    ]
    why = next(why for what, why in advised(measure(turned), "guideline").items() if "chance" in what)
    assert "Without upside it would be 0." in why


def test_prompts_to_rank_again_are_those_listed() -> None:
    agreement = measure(simulate(CAREFUL))
    (item,) = [item for item in give_advice(agreement) if item.kind == "rerank"]
    listed = [name for prompt in agreement.disputes.prompts for name in prompt.comparisons]
    assert item.refers_to["comparisons"] == listed and len(listed) == 20


def test_a_slice_that_is_worse_gets_a_line_in_the_guideline() -> None:
    clear, unclear = simulate(CAREFUL), simulate([replace(c, noise=3.0) for c in CAREFUL])
    mixed = [b if a.tags["half"] == "1" else a for a, b in zip(clear, unclear, strict=True)]
    agreement = measure(mixed)
    assert {part.tag for part in agreement.slices} == {"half"}, "a tag with two values is sliced unasked"
    assert "Clarify the guideline where half is 1." in advised(agreement, "guideline")


def test_a_figure_without_any_spread_is_no_proof_of_nothing() -> None:
    """1,800 judgements of 300 rankings say the same: at most 3 in 300 say otherwise, 1.96 standard errors of 0.0051."""
    assert standard_error(Estimate(1.0, 1.0, 1.0, 1800), 300) == pytest.approx(0.01 / 1.96)
    assert standard_error(Estimate(1.0, 1.0, 1.0, 5), 2) is None
    assert standard_error(Estimate(1.0, n=300), 300) is None
    assert standard_error(Estimate(0.5, 0.4, 0.6, 90), 30) == pytest.approx(0.2 / 3.92)


def test_bonferroni_by_hand() -> None:
    """5 %, two-sided, of the Normal: 1.96; of a hundred, 0.025 / 100 in the tail: 3.48; with three rankings, t: 4.30."""
    assert critical(1, 10**9) == pytest.approx(1.96, abs=0.001)
    assert critical(100, 10**9) == pytest.approx(3.4808, abs=0.001)
    assert critical(1, 3) == pytest.approx(4.303, abs=0.001)


@pytest.mark.parametrize(("noise", "low", "high"), [(30.0, -0.05, 0.1), (1.0, 0.15, 0.6), (0.02, 0.9, 1.0)])
def test_from_near_chance_to_near_perfect(noise: float, low: float, high: float) -> None:
    panel = [SimulatedAnnotator(name=f"a{i}", noise=noise, tie_width=0.0) for i in range(4)]
    agreement = measure(simulate(panel))
    assert low <= float(agreement.panel.alpha_nominal.value or 0) <= high
    text = agreement_page(agreement).to_text()
    assert "All labels here are simulated" in text
    assert ("agree no better than chance" in text) == (noise == 30.0)
    assert ("no more than coins" in text) or agreement.enough.ceiling.high.value is not None


def test_a_sparse_panel_is_no_wall_of_numbers() -> None:
    """132 annotators of whom 2 % of pairs met: the cells that exist as dots, and twenty pairs in words."""
    rng = np.random.default_rng(0)
    people = [SimulatedAnnotator(name=f"s{i}", noise=0.5) for i in range(132)]
    comparisons = simulate([people[0]], num=400, overlap=1)
    utilities = np.random.default_rng(3).normal(size=(400, 3)).tolist()
    done = []
    for n, (comparison, values) in enumerate(zip(comparisons, utilities, strict=True)):
        group = 4 * int(rng.integers(0, 33))
        rankings = tuple(people[group + j].rank(values, comparison=comparison.id, seed=1) for j in range(3))
        done.append(replace(comparison, id=f"d{n}", rankings=rankings))
    agreement = measure_agreement(done, source="sparse", draws=10)
    assert len(agreement.annotator_pairs) < 0.03 * 132 * 131 / 2
    page = agreement_page(agreement)
    text, html = page.to_text(), page.to_html()
    assert "The ten pairs that agree least" in text and "Which annotators met" in html
    assert len(text.splitlines()) < 300


def test_bca_intervals_are_chosen_by_name() -> None:
    comparisons = simulate(CAREFUL, num=60)
    plain, bca = (
        measure_agreement(comparisons, source="x", draws=400, method=method)
        for method in ("percentile", "bca")
    )
    assert plain.panel.decisive.value == bca.panel.decisive.value
    assert plain.panel.decisive.low != bca.panel.decisive.low
    assert plain.panel.decisive.low == pytest.approx(bca.panel.decisive.low, abs=0.02)
    assert "BCa" in agreement_page(bca).to_text()
    with pytest.raises(ValueError, match="percentile or bca"):
        measure_agreement(comparisons, source="x", method="normal")


def test_refresh_measures_a_project_and_keeps_it_for_the_page(database) -> None:  # type: ignore[no-untyped-def]
    records = simulate(CAREFUL, num=20)
    with database.writing() as session:
        project = create_project(session, "stories")
        import_comparisons(session, project.id, lambda on_bad: enumerate(records, 1), source="test")
    assert last_agreement(project.id) is None
    agreement = refresh_agreement(database, project.id, draws=20)
    stored = last_agreement(project.id)
    assert stored is not None and stored.figures == agreement.to_json()
    assert stored.figures["source"] == "stories" and "Who disagrees" in stored.fragment


def test_the_page_tells_its_age_and_what_came_since(service) -> None:  # type: ignore[no-untyped-def]
    records = simulate(CAREFUL, num=12)
    with service.database.writing() as session:
        project = get_project(session, "stories")
        import_comparisons(session, project.id, lambda on_bad: enumerate(records[:10], 1), source="test")
    refresh_agreement(service.database, project.id, draws=10)
    service.sign_in("lea")
    page = service.browser.get("/projects/stories/agreement").text
    assert "Computed" in page and "Who disagrees" in page and "come since" not in page
    with service.database.writing() as session:
        import_comparisons(session, project.id, lambda on_bad: enumerate(records[10:], 1), source="test")
    assert "6 rankings have come since" in service.browser.get("/projects/stories/agreement").text
