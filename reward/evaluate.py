"""Judging a reward model on labels it did not learn from, and scoring a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from reward.measure import Calibration, Floats, judgements, label_ceiling, measure
from reward.scoring import RewardScorer
from workbench.checkpoints import checkpoint_hash, read_checkpoint, resolve_checkpoint
from workbench.errors import DataError
from workbench.jsonl import read_comparisons
from workbench.modeling.rankings import prepare_rankings
from workbench.preferences import open_preferences


def evaluate(
    checkpoint: str,
    comparisons: str,
    *,
    split: str = "validation",
    criterion: str | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Accuracy, log-loss and calibration on a split of a snapshot, or on all of a comparisons.jsonl.

    Probabilities are those of the checkpoint's own temperature and tie parameter, fitted on its validation split; on
    the snapshot it was trained on, take the test split.
    """
    folder = resolve_checkpoint(checkpoint)
    info = read_checkpoint(folder, verify=False)
    data = open_preferences(comparisons, criterion=criterion, validation_fraction=0.0)
    chosen = list(data.snapshot.comparisons(None if Path(comparisons).is_file() else split))
    if split == "train" or (Path(comparisons).is_file() and data.snapshot.content_hash == info.snapshot):
        raise DataError(
            "the reward model was trained on these labels; give its validation or test split, or other labels"
        )
    scorer = RewardScorer.load(folder)
    ties = str(info.extra.get("ties", "half"))
    groups, counts = prepare_rankings(
        chosen, scorer.tokenizer, max_length=scorer.max_length, too_long="drop", ties=ties
    )
    if not groups:
        raise DataError(f"{comparisons} has no comparison with a pair in its {split} split")
    by_id = {comparison.id: comparison for comparison in chosen}
    texts = [[by_id[g.group.id].completions[i].text for i in g.kept] for g in groups]
    scores = scorer.score([by_id[g.group.id].prompt for g in groups], texts)
    values: list[Floats] = [np.array([score.value for score in row]) for row in scores]
    width = info.extra.get("tie_width")
    calibration = Calibration(scorer.temperature, float(np.log(width)) if width else 0.0, ties)
    found = judgements(values, groups)
    return {
        "checkpoint": checkpoint_hash(folder),
        "snapshot": data.snapshot.content_hash,
        "split": "all" if Path(comparisons).is_file() else split,
        "reward_model": {
            **measure(found, ties=ties, log_width=calibration.log_width, seed=seed, fixed=calibration),
            "ceiling": label_ceiling(groups, seed).to_json(),
        },
        "data": counts,
    }


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
    rows = scorer.score([c.prompt for c in chunk], [[x.text for x in c.completions] for c in chunk])
    for comparison, row in zip(chunk, rows, strict=True):
        yield {
            "id": comparison.id,
            "scores": [score.value for score in row],
            "spread": [score.spread for score in row],
        }
