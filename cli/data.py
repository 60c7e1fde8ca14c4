"""accord init, project, annotator and snapshot: a project from its first table to its frozen labels."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from cli.arguments import parse_plain
from workbench.console import print_json, say
from workbench.errors import UsageError


def actor() -> str:
    """Who is at the keyboard, for the audit trail."""
    return os.environ.get("USER") or f"uid:{os.getuid()}"


@dataclass(frozen=True, kw_only=True)
class InitArguments:
    """Make the database, or bring an older one up to date; what it holds is kept."""


def init(arguments: list[str]) -> None:
    """Make the database."""
    parse_plain(InitArguments, arguments, command="init", example="accord init")
    from storage.database import SCHEMA_REVISION, init_database

    database = init_database()
    print(f"{database.engine.url.render_as_string(hide_password=True)} is ready (schema {SCHEMA_REVISION})")
    database.dispose()


@dataclass(frozen=True, kw_only=True)
class ProjectCreateArguments:
    """Make a project: a name under which prompts, comparisons and labels are kept."""

    name: Annotated[str, tyro.conf.Positional]
    """The project's name."""
    description: str = ""
    """What it is for."""
    salt: str | None = None
    """Goes into the hash that decides each prompt's split; by default the name. It can never be changed."""


def project_create(arguments: list[str]) -> None:
    """Make a project."""
    config = parse_plain(
        ProjectCreateArguments, arguments, command="project create", example="accord project create helpful"
    )
    from storage.database import open_database
    from storage.projects import create_project

    with open_database().writing() as session:
        project = create_project(session, config.name, description=config.description, salt=config.salt)
    print(f"project '{project.name}' is made; next: accord import comparisons FILE --project {project.name}")


@dataclass(frozen=True, kw_only=True)
class ProjectShowArguments:
    """Show what a project holds, and its annotators with --annotators."""

    name: Annotated[str, tyro.conf.Positional]
    """The project's name."""
    annotators: bool = False
    """List everyone who made a label."""
    json: bool = False
    """Print one JSON object."""


def project_show(arguments: list[str]) -> None:
    """Show a project's counts."""
    config = parse_plain(
        ProjectShowArguments, arguments, command="project show", example="accord project show helpful"
    )
    from storage.annotators import list_annotators
    from storage.database import open_database
    from storage.projects import count_project, get_project
    from storage.snapshots import list_snapshots
    from storage.withdrawals import withdrawn_annotators

    with open_database().reading() as session:
        project = get_project(session, config.name)
        shown = {
            "name": project.name,
            "description": project.description,
            **count_project(session, project.id),
        }
        shown["snapshots"] = list_snapshots(session, project.id)
        shown["withdrawn"] = withdrawn_annotators(session, project.id)
        people = list_annotators(session, project.id) if config.annotators else []
    if config.annotators:
        shown["pseudonyms"] = [{"annotator": person.pseudonym, "kind": person.kind} for person in people]
    if config.json:
        print_json(shown)
        return
    for key, value in shown.items():
        print(f"{key:<20}{_in_words(value)}")


@dataclass(frozen=True, kw_only=True)
class AnnotatorWithdrawArguments:
    """Exclude all that an annotator made or will make, and list what has learned from it.

    Nothing is deleted: new snapshots, agreement and exports leave the labels out; what was made before stays, and is
    listed so that you can decide what to train again.
    """

    annotator: Annotated[str, tyro.conf.Positional]
    """The annotator's pseudonym."""
    reason: str
    """Why; whoever finds the withdrawal later will ask."""
    project: str | None = None
    """Withdraw from this project alone; by default from all."""
    dry_run: bool = False
    """List what has learned from the labels and withdraw nothing."""
    json: bool = False
    """Print one JSON object."""


def annotator_withdraw(arguments: list[str]) -> None:
    """Withdraw an annotator and list what their labels touched."""
    config = parse_plain(
        AnnotatorWithdrawArguments,
        arguments,
        command="annotator withdraw",
        example="accord annotator withdraw a7 --reason 'answered without reading'",
    )
    from storage.database import open_database
    from storage.projects import get_project
    from storage.withdrawals import recall_annotator, withdraw_annotator

    with open_database().writing() as session:
        project_id = get_project(session, config.project).id if config.project else None
        is_new = not config.dry_run and withdraw_annotator(
            session, config.annotator, reason=config.reason, actor=actor(), project_id=project_id
        )
        recall = recall_annotator(session, config.annotator, project_id=project_id)
    if config.json:
        print_json({"withdrawn": is_new, **recall.to_json()})
        return
    where = f"project '{config.project}'" if config.project else "all projects"
    state = "not withdrawn (dry run)" if config.dry_run else "withdrawn" if is_new else "withdrawn already"
    print(f"annotator '{config.annotator}', {where}: {state}; {recall.submissions} submissions")
    print(
        f"{len(recall.snapshots)} snapshots, {len(recall.runs)} runs, {len(recall.checkpoints)} checkpoints:"
    )
    for snapshot in recall.snapshots:
        print(
            f"  snapshot    {snapshot['content_hash'][:16]}  {snapshot['rankings']} rankings  {snapshot['path']}"
        )
    for run in recall.runs:
        print(f"  run         {run['name']}  {run['stage']}  {run['folder']}")
    for checkpoint in recall.checkpoints:
        print(f"  checkpoint  {checkpoint['hash'][:16]}  {checkpoint['stage']}  {checkpoint['path']}")


@dataclass(frozen=True, kw_only=True)
class SnapshotCreateArguments:
    """Freeze labels to disk under the hash of their content, for trainers.

    From a project: latest revisions, nothing withdrawn, ordinary comparisons and first repeats; an adjudication, where
    there is one, instead of the labels it settles. Or from a comparisons.jsonl, without a database.
    """

    project: str | None = None
    """The project to freeze."""
    file: Path | None = None
    """Or a comparisons.jsonl to freeze."""
    criterion: str | None = None
    """The criterion to take; needed where the labels have more than one."""
    kinds: tuple[str, ...] = ("ordinary", "repeat")
    """Kinds of comparison to take."""
    include_evaluation: bool = False
    """Take evaluation labels too. The manifest says so, and with it the lineage of whatever learns from them."""
    validation: float = 0.1
    """Share of opening turns in the validation split."""
    test: float = 0.1
    """Share of opening turns in the test split."""
    annotator_disjoint: bool = False
    """Give each annotator one split too; labels whose annotator and prompt are in different splits are left out."""
    out: Path | None = None
    """The folder of snapshots; by default the one in ACCORD_HOME."""
    json: bool = False
    """Print the manifest as one JSON object."""


def snapshot_create(arguments: list[str]) -> None:
    """Freeze labels."""
    config = parse_plain(
        SnapshotCreateArguments,
        arguments,
        command="snapshot create",
        example="accord snapshot create --project helpful --criterion helpful",
    )
    if (config.project is None) == (config.file is None):
        raise UsageError("give either --project NAME or --file comparisons.jsonl")
    from workbench.selection import LabelFilter, SplitRule
    from workbench.snapshots import snapshot_from_file

    labels = LabelFilter(
        criterion=config.criterion, kinds=config.kinds, include_evaluation=config.include_evaluation
    )
    splits = SplitRule(
        validation=config.validation, test=config.test, annotator_disjoint=config.annotator_disjoint
    )
    if config.file is not None:
        snapshot = snapshot_from_file(config.file, folder=config.out, labels=labels, splits=splits)
    else:
        from storage.database import open_database
        from storage.projects import get_project
        from storage.snapshots import create_snapshot

        with open_database().writing() as session:
            project = get_project(session, str(config.project))
            snapshot = create_snapshot(
                session, project, labels=labels, splits=splits, folder=config.out, actor=actor()
            )
    _show(snapshot.manifest, snapshot.path, as_json=config.json)


@dataclass(frozen=True, kw_only=True)
class SnapshotShowArguments:
    """Show what a snapshot holds, after checking that nothing in it was changed."""

    snapshot: Annotated[str, tyro.conf.Positional]
    """A snapshot's folder, or the start of its content hash."""
    recompute: bool = False
    """Also compute the content hash again from every row."""
    json: bool = False
    """Print the manifest as one JSON object."""


def snapshot_show(arguments: list[str]) -> None:
    """Show and verify a snapshot."""
    config = parse_plain(
        SnapshotShowArguments, arguments, command="snapshot show", example="accord snapshot show 3f9a2c81"
    )
    from workbench.errors import SnapshotError
    from workbench.snapshots import open_snapshot, recompute_content_hash

    snapshot = open_snapshot(config.snapshot)
    if config.recompute and recompute_content_hash(snapshot) != snapshot.content_hash:
        raise SnapshotError(f"{snapshot.path}: the rows do not give the content hash; make the snapshot anew")
    say("files are as they were made" + (", rows give the content hash" if config.recompute else ""))
    _show(snapshot.manifest, snapshot.path, as_json=config.json)


def _show(manifest: object, path: Path, *, as_json: bool) -> None:
    assert isinstance(manifest, dict)
    if as_json:
        print_json({"path": str(path), **manifest})
        return
    counts = manifest["counts"]
    print(f"snapshot     {manifest['content_hash']}")
    print(f"path         {path}")
    print(f"holds        {counts['rankings']} rankings of {counts['comparisons']} comparisons")
    for name, split in manifest["splits"]["counts"].items():
        print(f"  {name:<11}{split['rankings']} rankings of {split['comparisons']} comparisons")
    print(f"criteria     {_in_words(manifest['criteria'])}")
    print(f"annotators   {len(manifest['annotators'])}: {_kinds(manifest['annotators'])}")
    print(f"guidelines   {_in_words(manifest['guidelines'])}")
    print(f"left out     {_in_words(counts['left_out'])}")
    if manifest["includes_evaluation"]:
        print("NOTE         evaluation labels are included; what learns from them cannot be judged by them")


def _kinds(annotators: list[dict[str, object]]) -> str:
    kinds = [str(entry["kind"]) for entry in annotators]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))


def _in_words(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_in_words(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list):
        return "".join(f"\n  {_in_words(item)}" for item in value) or "none"
    return str(value)
