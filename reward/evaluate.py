"""Judging a reward model on labels it did not learn from, and scoring a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from reward.measure import Calibration, Floats, judgements, label_ceiling, measure
from reward.scoring import RewardScorer
from workbench.checkpoints import is_checkpoint, parent_of, read_checkpoint, resolve_checkpoint
from workbench.errors import DataError, SnapshotError
from workbench.jsonl import read_comparisons
from workbench.modeling.rankings import prepare_rankings
from workbench.preferences import open_preferences
from workbench.snapshots import open_snapshot


def evaluate(
    checkpoint: str,
    comparisons: str,
    *,
    split: str = "test",
    criterion: str | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Accuracy, log-loss and calibration on a split of a snapshot, or on all of a comparisons.jsonl.

    Probabilities are those of the checkpoint's own temperature and tie parameter, fitted on its validation split; on
    the snapshot it was trained on, take the test split. Comparisons of its train split are left out and counted, if
    that snapshot is in the home.
    """
    folder = resolve_checkpoint(checkpoint)
    # A plain Hugging Face classifier has no lineage: no bias, temperature 1, no tie model.
    info = read_checkpoint(folder, verify=False) if is_checkpoint(folder) else None
    extra = info.extra if info else {}
    data = open_preferences(comparisons, criterion=criterion, validation_fraction=0.0)
    named = None if Path(comparisons).is_file() else split
    learned = _trained_on(info.snapshot) if info else set()
    found_all = list(data.snapshot.comparisons(named))
    chosen = [comparison for comparison in found_all if comparison.id not in learned]
    if found_all and not chosen:
        raise DataError(
            "the reward model was trained on all of these comparisons; give its test split, or other labels"
        )
    scorer = RewardScorer.load(folder)
    ties = str(extra.get("ties", "half"))
    groups, counts = prepare_rankings(
        chosen, scorer.tokenizer, max_length=scorer.max_length, too_long="drop", ties=ties
    )
    if not groups:
        raise DataError(f"{comparisons} has no comparison with a pair in its {split} split")
    by_id = {comparison.id: comparison for comparison in chosen}
    texts = [[by_id[g.group.id].completions[i].text for i in g.kept] for g in groups]
    scores = scorer.score([by_id[g.group.id].prompt for g in groups], texts)
    values: list[Floats] = [np.array([score.value for score in row]) for row in scores]
    width = extra.get("tie_width")
    calibration = Calibration(scorer.temperature, float(np.log(width)) if width else 0.0, ties)
    found = judgements(values, groups)
    return {
        "checkpoint": parent_of("reward_model", folder).hash,
        "snapshot": data.snapshot.content_hash,
        "split": named or "all",
        "reward_model": {
            **measure(found, ties=ties, log_width=calibration.log_width, seed=seed, fixed=calibration),
            "ceiling": label_ceiling(groups, seed).to_json(),
        },
        "data": {**counts, "left_out_as_trained_on": len(found_all) - len(chosen)},
    }


def _trained_on(snapshot: str | None) -> set[str]:
    """The ids of the comparisons that a model of this snapshot learned from; none if it is not here."""
    if snapshot is None:
        return set()
    try:
        return {comparison.id for comparison in open_snapshot(snapshot).comparisons("train")}
    except SnapshotError:
        return set()


def score_file(checkpoint: str, comparisons: str, *, device: str | None = None) -> Iterator[dict[str, Any]]:
    """A line of scores.jsonl for each comparison: its id, and score and spread of each completion."""
    scorer = RewardScorer.load(checkpoint, device=device)
    chunk = []
    for comparison in read_comparisons(comparisons):
        chunk.append(comparison)
        if len(chunk) == 256:
            yield from _lines(scorer, chunk)
            chunk = []
    if chunk:
        yield from _lines(scorer, chunk)


def _lines(scorer: RewardScorer, chunk: list[Any]) -> Iterator[dict[str, Any]]:
    texts = [[x.text for x in c.completions] for c in chunk]
    rows = scorer.score([c.prompt for c in chunk], texts, [c.id for c in chunk])
    for comparison, row in zip(chunk, rows, strict=True):
        yield {
            "id": comparison.id,
            "scores": [score.value for score in row],
            "spread": [score.spread for score in row],
        }
