"""The contract with TRL: on plain pairs our loss and its gradient are those of its DPOTrainer, really run."""

import pytest
import torch
from datasets import Dataset
from transformers import TrainingArguments
from trl import DPOConfig as TRLConfig
from trl import DPOTrainer

from dpo.train import RankingDPOTrainer
from tests.tiny_models import byte_tokenizer, tiny_model
from workbench.records import Comparison, Completion, Ranking

ROWS = [
    ("What is it?", "a cat", "a dog, or so"),
    ("Why", "because of rain", ""),
    ("A longer question, to pad the rest?", "yes", "no and no and no"),
    ("Who", "we", "they"),
]


def pair(i, prompt, chosen, rejected):
    return Comparison(
        f"c{i}", prompt, (Completion(rejected), Completion(chosen)), (Ranking(f"r{i}", "a", (2, 1)),)
    )


def models():
    """A policy, and a reference that is not it."""
    return tiny_model(seed=0), tiny_model(seed=1)


def run_trl(tmp_path, loss, beta):
    def turn(role, text):
        return [{"role": role, "content": text}]

    rows = [
        {"prompt": turn("user", p), "chosen": turn("assistant", c), "rejected": turn("assistant", r)}
        for p, c, r in ROWS
    ]
    policy, reference = models()
    args = TRLConfig(
        output_dir=str(tmp_path / "trl"),
        per_device_train_batch_size=len(ROWS),
        loss_type=[loss],
        beta=beta,
        use_cpu=True,
        bf16=False,
        report_to=[],
        activation_checkpointing=False,
        dataloader_pin_memory=False,
    )
    trainer = DPOTrainer(
        model=policy,
        ref_model=reference,
        args=args,
        train_dataset=Dataset.from_list(rows),
        processing_class=byte_tokenizer(),
    )
    inputs = trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))
    loss = trainer.compute_loss(trainer.model, inputs)
    loss.backward()
    return float(loss.detach()), {n: p.grad for n, p in policy.named_parameters()}


def run_ours(tmp_path, loss, beta, **settings):
    policy, reference = models()
    args = TrainingArguments(
        output_dir=str(tmp_path / "ours"), per_device_train_batch_size=len(ROWS), use_cpu=True
    )
    trainer = RankingDPOTrainer(
        policy,
        args,
        [pair(i, *row) for i, row in enumerate(ROWS)],
        processing_class=byte_tokenizer(),
        ref_model=reference,
        beta=beta,
        loss=loss,
        **settings,
    )
    batch = trainer.collate(trainer.groups, range(len(ROWS)))
    total, _ = trainer.batch_loss(trainer.model, batch)
    (total / len(ROWS)).backward()
    return float(total.detach()) / len(ROWS), {n: p.grad for n, p in policy.named_parameters()}


@pytest.mark.parametrize(("loss", "beta"), [("sigmoid", 0.1), ("sigmoid", 0.5), ("ipo", 0.1)])
def test_loss_and_gradient_equal_trls(tmp_path, loss, beta):
    theirs, their_gradients = run_trl(tmp_path, loss, beta)
    ours, our_gradients = run_ours(tmp_path, loss, beta)
    assert ours == pytest.approx(theirs, abs=1e-5)
    for name, gradient in their_gradients.items():
        torch.testing.assert_close(our_gradients[name], gradient, atol=1e-4, rtol=1e-4)


def test_label_smoothing_is_not_silently_ignored(tmp_path):
    plain, _ = run_ours(tmp_path, "sigmoid", 0.5)
    smooth, _ = run_ours(tmp_path, "sigmoid", 0.5, label_smoothing=0.1)
    assert abs(smooth - plain) > 1e-3
