"""A base model and comparisons small enough to train on in a second or two."""

import random

import pytest

from tests.tiny_models import byte_tokenizer, tiny_model
from workbench.checkpoints import CheckpointInfo, save_checkpoint
from workbench.jsonl import write_comparisons
from workbench.modeling.loading import save_model
from workbench.records import Comparison, Completion, Ranking


def comparisons(count=60, k=4, seed=0, annotators=2, noise=0.0):
    """Completions of a's and b's, ranked by their share of a's, with ties, an unranked and a skipped one."""
    chance = random.Random(seed)
    out = []
    for c in range(count):
        texts = ["".join(chance.choice("ab") for _ in range(chance.randrange(3, 12))) for _ in range(k)]
        rankings = []
        for annotator in range(annotators):
            values = [round(t.count("a") / len(t) * 4 + chance.gauss(0, noise)) for t in texts]
            ranks = [1 + sum(other > value for other in values) for value in values]
            if c % 10 == 3 and annotator == 0:
                ranks[0] = None
            rankings.append(Ranking(f"r{c}-{annotator}", f"a{annotator}", tuple(ranks)))
        if c % 10 == 5:
            rankings.append(Ranking(f"s{c}", "a9", None, outcome="skipped", reason="unsure"))
        out.append(
            Comparison(f"c{c:03}", f"Prompt {c}", tuple(Completion(t) for t in texts), tuple(rankings))
        )
    return out


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """A random Llama with a byte tokenizer, as a checkpoint."""
    path = tmp_path_factory.mktemp("base") / "model"
    info = CheckpointInfo(stage="sft", run="base")
    model = tiny_model(num_hidden_layers=2)
    save_checkpoint(path, info, lambda folder: save_model(folder, model, byte_tokenizer()))
    return path


@pytest.fixture(scope="session")
def comparisons_file(tmp_path_factory):
    """The comparisons as a file."""
    path = tmp_path_factory.mktemp("data") / "comparisons.jsonl"
    write_comparisons(path, comparisons())
    return path
