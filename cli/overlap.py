"""`accord overlap plan`: which comparisons get another vote."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from cli.arguments import parse_plain
from workbench.errors import UsageError

if TYPE_CHECKING:
    from workbench.records import Comparison
    from workbench.statistics.overlap_plan import OverlapPlan


@dataclass(frozen=True, kw_only=True)
class OverlapPlanArguments:
    """Plan more votes: until winners are clear, until agreement is known well enough, or while a budget lasts.

    Without --half-width the goal is clear winners: one more vote wherever the winner is not clear; run it again once
    the votes are in.
    """

    file: Annotated[Path | None, tyro.conf.Positional] = None
    """A comparisons.jsonl file (.gz too)."""
    project: str | None = None
    """A project of the database, in place of a file: its overlap and priorities are set by the plan."""
    out: Path | None = None
    """Write the plan as JSON lines: comparison, rankings, overlap, priority, reason."""
    winner: float = 0.9
    """Stop asking once the probability of some completion being the best reaches this."""
    at_least: int = 1
    """Rankings that every comparison gets."""
    at_most: int = 5
    """Rankings after which a comparison is left as it is."""
    half_width: float | None = None
    """Plan for the interval of an agreement figure instead: half its wanted width, 0.03 for ±3 points."""
    measure: Literal["decisive", "with_ties", "alpha_nominal", "alpha_ordinal"] = "decisive"
    """Which figure half_width is of."""
    budget: int | None = None
    """Plan no more rankings than this."""
    criterion: str | None = None
    """The criterion; needed where the rankings have more than one."""
    label_model: Literal["crowdbt", "davidson"] = "crowdbt"
    """How votes make a winner: by annotators of different reliability, or equal ones."""
    bootstrap: int = 1000
    """Resamples of the prompts behind the interval of agreement."""
    seed: int = 0
    """Of resamples, and of which comparisons are drawn for agreement."""
    dry_run: bool = False
    """With --project: change nothing."""
    json: bool = False
    """Print one JSON object."""


def plan(arguments: list[str]) -> None:
    """Handle `accord overlap plan`."""
    options = parse_plain(
        OverlapPlanArguments,
        arguments,
        command="overlap plan",
        example="accord overlap plan comparisons.jsonl --budget 500 --out plan.jsonl",
    )
    if (options.file is None) == (options.project is None):
        raise UsageError("give a file or --project NAME, one of the two")
    if options.file is not None and options.out is None:
        raise UsageError("give --out plan.jsonl, the file to write the plan to")
    from workbench.artifacts import write_file_aside
    from workbench.console import print_json

    made = _make(options)
    if options.out is not None:
        with write_file_aside(options.out) as file:
            for item in made.planned:
                file.write((json.dumps(item.to_json(), ensure_ascii=False) + "\n").encode())
    applied = options.project is not None and not options.dry_run
    if options.json:
        print_json(
            {
                **made.summary,
                "comparisons": len(made.planned),
                "votes": made.votes,
                "path": str(options.out) if options.out else None,
                "applied": applied,
            }
        )
        return
    print(_told(made))
    if options.out is not None:
        print(f"plan: {options.out}")
    if applied:
        print(f"project '{options.project}': overlap and priority of {len(made.planned)} comparisons set")


def _make(options: OverlapPlanArguments) -> "OverlapPlan":
    from workbench.jsonl import read_comparisons as read_file

    if options.file is not None:
        return _plan(options, list(read_file(options.file)))
    from storage.comparisons import read_comparisons
    from storage.database import open_database
    from storage.overlap import apply_plan
    from storage.projects import get_project

    database = open_database()
    with database.reading() as session:
        project = get_project(session, str(options.project))
        comparisons = list(read_comparisons(session, project.id))
    made = _plan(options, comparisons)
    if not options.dry_run:
        with database.writing() as session:
            apply_plan(session, project.id, made.planned)
    return made


def _plan(options: OverlapPlanArguments, comparisons: "list[Comparison]") -> "OverlapPlan":
    from workbench.statistics.overlap import StoppingRule
    from workbench.statistics.overlap_plan import plan_agreement, plan_winners, plannable
    from workbench.statistics.preferences.label_model import fit_label_model

    comparisons = plannable(comparisons, options.criterion)
    if options.half_width is not None:
        return plan_agreement(
            comparisons,
            options.half_width,
            measure=options.measure,
            draws=options.bootstrap,
            seed=options.seed,
            budget=options.budget,
        )
    rule = StoppingRule(probability=options.winner, at_least=options.at_least, at_most=options.at_most)
    model = fit_label_model(comparisons, options.label_model, seed=options.seed)
    return plan_winners(comparisons, model, rule, options.budget)


def _told(made: "OverlapPlan") -> str:
    found, size = made.summary, len(made.planned)
    asked = f"{made.votes} more ranking{'' if made.votes == 1 else 's'} on {size} comparison{'' if size == 1 else 's'}"
    if "clear" in found:
        return (
            f"{found['clear']} winners are clear (P >= {found['probability']:g}), {found['unclear']} are not, "
            f"{found['at_most']} have all the rankings they may get. Planned: {asked}"
        )
    from workbench.statistics.estimates import Estimate

    now = Estimate.from_json(found["now"]).format(3)
    shared, needed = found["shared"], found["shared_needed"]
    lines = [f"now {now}; {shared} comparisons are shared by two annotators, {needed} are needed"]
    if found["assumed"]:
        lines.append(
            f"no interval yet: an agreement of {found['assumed']:g} and one pair a comparison are assumed"
        )
    if found["missing"]:
        lines.append(
            f"{found['missing']} comparisons are missing: more must be collected, or the budget raised"
        )
    return "\n".join([*lines, f"Planned: {asked}"])
