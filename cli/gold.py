"""`accord gold damaged` and `accord gold accuracy`."""

import json
from dataclasses import dataclass

from cli.arguments import parse_plain


@dataclass(frozen=True, kw_only=True)
class DamagedArguments:
    """Make gold comparisons from a project's own data: one completion truncated, shuffled, or of another prompt.

    They are mixed into the work of annotators where the project's gold_share is above 0.
    """

    project: str
    """The project."""
    count: int = 30
    """How many at most."""
    seed: int = 0
    """The same seed on the same data adds nothing twice."""
    json: bool = False
    """Print one JSON object and nothing else."""


@dataclass(frozen=True, kw_only=True)
class AccuracyArguments:
    """How far each annotator agrees with gold, with 95 % intervals (Wilson)."""

    project: str
    """The project."""
    json: bool = False
    """Print one JSON object and nothing else."""


def damaged(arguments: list[str]) -> int:
    """Handle `accord gold damaged`."""
    options = parse_plain(
        DamagedArguments,
        arguments,
        command="gold damaged",
        example="accord gold damaged --project stories --count 50",
    )
    from annotation.damage import make_damaged_gold
    from storage.database import open_database
    from storage.projects import get_project

    with open_database().writing() as session:
        project = get_project(session, options.project)
        report = make_damaged_gold(
            session, project.id, options.count, seed=options.seed, actor="command line"
        )
    if options.json:
        print(json.dumps(report.to_json()))
        return 0
    added = report.added["comparisons"]
    print(
        f"{added} gold comparisons added to {options.project}, {report.known['comparisons']} were there already"
    )
    if project.settings.get("gold_share", 0) == 0:
        print("they are given out once the project's gold_share is above 0")
    return 0


def accuracy(arguments: list[str]) -> int:
    """Handle `accord gold accuracy`."""
    options = parse_plain(
        AccuracyArguments,
        arguments,
        command="gold accuracy",
        example="accord gold accuracy --project stories",
    )
    from storage.database import open_database
    from storage.gold import gold_accuracy
    from storage.projects import get_project

    with open_database().reading() as session:
        found = gold_accuracy(session, get_project(session, options.project).id)
    if options.json:
        rows = [
            {"annotator": one.pseudonym, "value": one.value, "low": one.low, "high": one.high, "n": one.n}
            for one in found
        ]
        print(json.dumps({"annotators": rows}))
        return 0
    for one in found:
        if one.value is None or one.low is None or one.high is None:
            print(f"{one.pseudonym}: no gold answered")
        else:
            share, low, high = (f"{100 * figure:.0f}" for figure in (one.value, one.low, one.high))
            print(f"{one.pseudonym}: {share} % ({low} to {high}; n={one.n})")
    if not found:
        print("nobody has worked in this project yet")
    return 0
