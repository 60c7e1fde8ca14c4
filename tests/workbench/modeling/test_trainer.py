import os
import random
import signal
import subprocess
import sys
import textwrap
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import TrainerCallback, TrainingArguments

from reward.train import RankingRewardTrainer
from tests.tiny_models import byte_tokenizer, tiny_model
from workbench.errors import AccordError, DataError
from workbench.modeling.plans import epoch_steps, micro_batches, rank_share
from workbench.modeling.training import RECOMPUTE, checkpoints, last_checkpoint
from workbench.records import Comparison, Completion, Ranking

REPOSITORY = Path(__file__).parents[3]


def comparisons(count=21, seed=0):
    """2 to 5 completions, ranked by their number of a's; some by two annotators."""
    chance = random.Random(seed)
    out = []
    for c in range(count):
        texts = [
            "".join(chance.choice("ab") for _ in range(chance.randrange(1, 9))) for _ in range(2 + c % 4)
        ]
        texts[0] += "a"
        texts[1] = "b" + texts[1].replace("a", "b")
        ranks = tuple(10 - t.count("a") for t in texts)
        rankings = tuple(Ranking(f"{c}{n}", f"a{n}", ranks) for n in range(1 + c % 2))
        out.append(Comparison(f"c{c}", f"P{c}", tuple(map(Completion, texts)), rankings))
    return out


def trainer(folder, *, micro=8, accumulate=1, max_tokens=4096, callbacks=None, **settings):
    args = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=accumulate,
        learning_rate=3e-3,
        num_train_epochs=2,
        logging_steps=1,
        use_cpu=True,
        dataloader_pin_memory=False,
        **{"save_strategy": "no", **settings},
    )
    return RankingRewardTrainer(
        tiny_model(heads=2, num_hidden_layers=1, tie_word_embeddings=False),
        args,
        comparisons(),
        processing_class=byte_tokenizer(),
        max_tokens=max_tokens,
        callbacks=callbacks,
    )


def weights(trained):
    return {
        name: p.detach().clone() for name, p in [*trained.model.named_parameters(), *trained.extra.items()]
    }


def losses(trained):
    return [row["loss"] for row in trained.state.log_history if "loss" in row]


def assert_same(a, b, **tolerance):
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], **(tolerance or {"atol": 0, "rtol": 0}))


@pytest.mark.parametrize(("micro", "accumulate", "max_tokens"), [(1, 8, 4096), (4, 2, 4096), (8, 1, 60)])
def test_accumulation_changes_nothing(tmp_path, micro, accumulate, max_tokens):
    """The same trajectory whether a step's 8 comparisons go in one micro-batch or in many; the last step has 5."""
    whole = trainer(tmp_path / "a")
    whole.train()
    parts = trainer(tmp_path / "b", micro=micro, accumulate=accumulate, max_tokens=max_tokens)
    parts.train()
    assert whole.state.global_step == parts.state.global_step == 6
    np.testing.assert_allclose(losses(whole), losses(parts), rtol=2e-5)
    # Adam's first steps divide by gradients that may be nearly 0, so rounding shows more in weights than in losses.
    assert_same(weights(whole), weights(parts), atol=2e-4, rtol=1e-3)
    assert losses(whole)[-1] < losses(whole)[0]


def test_recomputed_activations_change_nothing(tmp_path):
    plain = trainer(tmp_path / "a", max_steps=2)
    plain.train()
    recomputed = trainer(tmp_path / "b", max_steps=2, **{RECOMPUTE: True})
    recomputed.train()
    assert_same(weights(plain), weights(recomputed), atol=1e-6, rtol=1e-5)


class StopAt(TrainerCallback):
    """Stops a run in the middle of a step, as a crash does: nothing is saved at the end."""

    def __init__(self, step):
        self.step = step

    def on_step_begin(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KeyboardInterrupt


def saving(every):
    return {"save_strategy": "steps", "save_steps": every, "save_total_limit": 1}


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path, stop):
    straight = trainer(tmp_path / "straight", **saving(1))
    straight.train()
    first = trainer(tmp_path / "run", callbacks=[StopAt(stop)], **saving(1))
    with pytest.raises(KeyboardInterrupt):
        first.train()
    assert [path.name for path in checkpoints(tmp_path / "run")] == [f"checkpoint-{stop}"]
    resumed = trainer(tmp_path / "run", **saving(1))
    resumed.train()
    assert resumed.state.global_step == 6
    assert_same(weights(straight), weights(resumed))
    assert losses(straight) == losses(resumed)


KILLED = """
    import sys
    sys.path.insert(0, {repository!r})
    from tests.workbench.modeling.test_trainer import saving, trainer
    trainer({folder!r}, **saving(1)).train()
"""


@pytest.mark.soak
def test_a_killed_process_leaves_a_run_that_goes_on(tmp_path):
    code = textwrap.dedent(KILLED).format(repository=str(REPOSITORY), folder=str(tmp_path / "run"))
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
    while last_checkpoint(tmp_path / "run") is None and process.poll() is None:
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    straight = trainer(tmp_path / "straight")
    straight.train()
    resumed = trainer(tmp_path / "run", **saving(1))
    resumed.train()
    assert_same(weights(straight), weights(resumed))


def test_a_half_written_checkpoint_is_not_resumed_from(tmp_path):
    first = trainer(tmp_path / "run", callbacks=[StopAt(2)], **saving(1))
    with pytest.raises(KeyboardInterrupt):
        first.train()
    half = tmp_path / "run" / "checkpoint-3"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    assert Path(last_checkpoint(tmp_path / "run")).name == "checkpoint-2"


def test_a_full_disk_during_a_save_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    run = trainer(tmp_path / "run", **saving(1))
    real = torch.save

    def full(value, path, *arguments, **settings):
        if run.state.global_step == 2:
            raise OSError(28, "No space left on device", str(path))
        return real(value, path, *arguments, **settings)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(AccordError, match=r"(?i)space|full"):
        run.train()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["checkpoint-1"]


def test_a_plan_depends_on_the_seed_and_the_epoch_alone():
    steps = epoch_steps(21, 8, seed=3, epoch=0)
    assert sorted(chain.from_iterable(steps)) == list(range(21)) and [len(s) for s in steps] == [8, 8, 5]
    assert steps == epoch_steps(21, 8, seed=3, epoch=0) != epoch_steps(21, 8, seed=3, epoch=1)
    sizes = [10 * (i + 1) for i in range(21)]
    shares = [rank_share(steps[0], sizes, rank, 3) for rank in range(3)]
    assert sorted(chain.from_iterable(shares)) == sorted(steps[0])
    # Sizes 60, 50, 40, 30.
    assert micro_batches([5, 4, 3, 2], sizes, max_tokens=100) == [[5], [4, 3], [2]]
    assert micro_batches([20], sizes, max_tokens=1) == [[20]]


def test_nothing_to_learn_from_is_an_error(tmp_path):
    tied = Comparison("c", "P", (Completion("a"), Completion("a")), (Ranking("r", "a", (1, 2)),))
    args = TrainingArguments(output_dir=str(tmp_path), use_cpu=True)
    with pytest.raises(DataError, match="no comparison to train on"):
        RankingRewardTrainer(tiny_model(heads=1), args, [tied], processing_class=byte_tokenizer())


WORKER = """
    import sys
    sys.path.insert(0, {repository!r})
    import torch
    from tests.workbench.modeling.test_trainer import losses, trainer, weights
    run = trainer({folder!r}, micro=2, accumulate=2)
    run.train()
    if run.is_world_process_zero():
        torch.save({{"weights": weights(run), "losses": losses(run)}}, {folder!r} + "/result.pt")
"""


@pytest.mark.soak
def test_two_processes_take_the_same_steps_as_one(tmp_path):
    """2 processes x 2 micro-batches x 2 comparisons, on gloo: the trajectory of one process with batches of 8."""
    script = tmp_path / "worker.py"
    script.write_text(textwrap.dedent(WORKER).format(repository=str(REPOSITORY), folder=str(tmp_path)))
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        str(script),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    result = torch.load(tmp_path / "result.pt")
    alone = trainer(tmp_path / "alone")
    alone.train()
    np.testing.assert_allclose(losses(alone), result["losses"], rtol=2e-5)
    assert_same(weights(alone), result["weights"], atol=2e-4, rtol=1e-3)
