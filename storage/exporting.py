"""Export: a project's or a snapshot's labels in the forms that other tools read."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, repeat, tee
from pathlib import Path
from typing import Any

from workbench.artifacts import write_file_aside, write_folder_aside
from workbench.identity import SPLITS, prompt_json
from workbench.records import Comparison, Prompt, Ranking
from workbench.snapshots import TABLE, Snapshot
from workbench.statistics.preferences.consensus import Consensus, consensuses
from workbench.statistics.preferences.label_model import LabelModel

TIE_POLICIES = ("drop", "both")


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two completions of one comparison and what its annotators say of them."""

    comparison: str
    criterion: str
    prompt: Prompt
    chosen: str
    rejected: str
    p_better: float
    """P(chosen above rejected), a tie counting half, 0.5 to 1: share of annotators, or the label model's."""
    margin: float
    """Mean number of tiers by which they put chosen above rejected; gaps in ranks do not count."""
    votes: int


def preference_pairs(
    comparisons: Iterable[Comparison], *, ties: str, model: LabelModel | None = None
) -> Iterator[Pair]:
    """Every pair of a comparison that at least one annotator ranked, once, the better completion chosen.

    Where the votes are even, `ties="drop"` leaves the pair out and `ties="both"` gives it in both directions with
    p_better 0.5, which makes a loss on either direction the loss of a tie. Identical completions are never a pair.
    An adjudication, where there is one, counts alone. With `model`, P(better) is that of the consensus of all rankings
    of the comparison, and says which of the two is chosen.
    """
    if ties not in TIE_POLICIES:
        raise ValueError(f"ties must be one of {', '.join(TIE_POLICIES)}, got '{ties}'")
    parts, again = tee(_by_criterion(comparisons))
    agreed = consensuses(again, model) if model else repeat(None)
    for comparison, consensus in zip(parts, agreed, strict=False):
        if any(ranking.annotator_kind == "adjudicator" for ranking in comparison.rankings):
            consensus = None
        tiers = [_tiers(ranking) for ranking in comparison.rankings]
        for i, j in combinations(range(len(comparison.completions)), 2):
            if comparison.completions[i].text != comparison.completions[j].text:
                yield from _directions(comparison, consensus, tiers, i, j, ties)


def export_trl(
    comparisons: Iterable[Comparison],
    path: str | Path,
    *,
    ties: str = "drop",
    model: LabelModel | None = None,
) -> int:
    """Write preference pairs as JSON lines that TRL's trainers read; returns how many.

    Columns: prompt, chosen, rejected (conversational where the prompt is, plain text otherwise), margin (which
    TRL's RewardTrainer uses), p_better, votes, criterion, comparison. See `preference_pairs` for ties and `model`.
    """
    count = 0
    with write_file_aside(path) as file:
        for pair in preference_pairs(comparisons, ties=ties, model=model):
            file.write(json.dumps(_trl_row(pair), ensure_ascii=False).encode() + b"\n")
            count += 1
    return count


def export_hf(snapshot: Snapshot, target: str | Path, *, model: LabelModel | None = None) -> dict[str, int]:
    """Save a snapshot as a `datasets.DatasetDict` folder, whole rankings, one row a comparison; rows by split.

    Read it with `datasets.load_from_disk`. The columns are those of the snapshot's parquet file; with `model` also
    p_better, P(i over j) with ties as halves, a list of K lists, and p_best, P(i is the best), a list of K.
    """
    # Imported here: it takes a second, and only this export needs it.
    from datasets import Dataset, DatasetDict, disable_progress_bars
    from pyarrow import compute, parquet

    table = parquet.read_table(snapshot.path / TABLE)
    if model:
        # In the order of the table's rows, which is that of `comparisons`.
        found = list(consensuses(snapshot.comparisons(), model))
        better = [(c.better + c.tied / 2).tolist() for c in found]
        table = table.append_column("p_better", [better])
        table = table.append_column("p_best", [[c.winner.tolist() for c in found]])
    splits = {name: table.filter(compute.field("split") == name) for name in SPLITS}
    data = DatasetDict({name: Dataset(rows) for name, rows in splits.items() if rows.num_rows})
    disable_progress_bars()  # They come out even where stderr is no terminal.
    with write_folder_aside(target) as folder:
        data.save_to_disk(str(folder))
    return {name: len(rows) for name, rows in data.items()}


def _by_criterion(comparisons: Iterable[Comparison]) -> Iterator[Comparison]:
    """Each comparison once a criterion, with the rankings that count for it."""
    for comparison in comparisons:
        for criterion in sorted({ranking.criterion for ranking in comparison.rankings}):
            of_it = tuple(
                r for r in comparison.rankings if r.criterion == criterion and r.outcome == "ranked"
            )
            judged = tuple(r for r in of_it if r.annotator_kind == "adjudicator")
            if of_it:
                yield replace(comparison, rankings=judged or of_it)


def _tiers(ranking: Ranking) -> list[int | None]:
    """Ranks without gaps: the best tier is 0."""
    order = {
        rank: i for i, rank in enumerate(sorted({rank for rank in ranking.ranks or () if rank is not None}))
    }
    return [None if rank is None else order[rank] for rank in ranking.ranks or ()]


def _directions(
    comparison: Comparison,
    consensus: Consensus | None,
    tiers: Sequence[Sequence[int | None]],
    i: int,
    j: int,
    ties: str,
) -> Iterator[Pair]:
    leads = [b - a for ranking in tiers if (a := ranking[i]) is not None and (b := ranking[j]) is not None]
    if not leads:
        return
    p_better = sum(1.0 if lead > 0 else 0.5 if lead == 0 else 0.0 for lead in leads) / len(leads)
    if consensus is not None:
        # Rounded, so that even is even.
        p_better = round(float(consensus.better[i, j] + consensus.tied[i, j] / 2), 9)
    margin = sum(leads) / len(leads)
    for chosen, rejected, p, distance in ((i, j, p_better, margin), (j, i, 1 - p_better, -margin)):
        if p > 0.5 or (p == 0.5 and ties == "both"):
            yield Pair(
                comparison=comparison.id,
                criterion=comparison.rankings[0].criterion,
                prompt=comparison.prompt,
                chosen=comparison.completions[chosen].text,
                rejected=comparison.completions[rejected].text,
                p_better=p,
                margin=distance,
                votes=len(leads),
            )


def _trl_row(pair: Pair) -> dict[str, Any]:
    def wrapped(text: str) -> Any:
        return text if isinstance(pair.prompt, str) else [{"role": "assistant", "content": text}]

    return {
        "prompt": prompt_json(pair.prompt),
        "chosen": wrapped(pair.chosen),
        "rejected": wrapped(pair.rejected),
        "margin": pair.margin,
        "p_better": pair.p_better,
        "votes": pair.votes,
        "criterion": pair.criterion,
        "comparison": pair.comparison,
    }
