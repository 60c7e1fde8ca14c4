"""PPO-ptx: the policy's loss on packed text is the model's own, and it holds the text while PPO moves the policy."""

import dataclasses

import pytest
import torch

from policy.config import PPOConfig
from policy.ppo_trainer import PPOTrainer
from policy.ptx import PtxLoss
from pretrain.pack import pack
from pretrain.tokenizer import save_tokenizer, train_tokenizer
from workbench.errors import DataError
from workbench.shards import PackedText
from workbench.text_input import Document

TEXTS = [f"the old hen sang song {i} to the red barn and a cat sat on the mat {i}" for i in range(60)]


@pytest.fixture(scope="module")
def packed(tmp_path_factory, tokenizer):
    folder = tmp_path_factory.mktemp("ptx")
    tokenizer.save_pretrained(folder / "tokenizer")
    documents = [Document(text, f"t.txt:{i}") for i, text in enumerate(TEXTS)]
    pack(documents, folder / "tokenizer", folder / "packed", context=31, validation_fraction=0.0)
    return folder / "packed"


@pytest.fixture
def config(packed):
    return PPOConfig(
        total_episodes=160, batch_size=16, max_new_tokens=6, learning_rate=3e-3, num_ppo_epochs=2, device="cpu",
        ptx_coef=1.0, ptx_data=packed, ptx_batch_size=4, missing_eos="keep", temperature=1.0,
    )  # fmt: skip


def test_the_loss_is_the_models_own(config, packed, make_policy):
    """The mean over text and eos tokens: neither a bos nor padding is a target."""
    model = make_policy()
    loss = PtxLoss(config, model, rank=0, world=1)
    text = PackedText(packed)
    count = text.num_rows("train")
    batches = [loss(batch).item() for batch in range(count)]
    rows = torch.from_numpy(text.rows("train", list(range(count))))
    labels = rows.masked_fill((rows == text.bos) | (rows == text.pad), -100)
    sums = [model(rows[i : i + 1], labels=labels[i : i + 1]).loss.item() for i in range(count)]
    kept = (labels[:, 1:] != -100).sum(1).tolist()
    mean = sum(s * k for s, k in zip(sums, kept, strict=True)) / sum(kept)
    assert sum(batches) / count == pytest.approx(mean, rel=0.02), "four passes see every row four times"


def test_it_holds_the_text_while_ppo_moves_the_policy(config, make_policy, tokenizer):
    def lengths(prompts, texts):
        return [float(len(text)) for text in texts]

    def text_loss(**changes):
        args = dataclasses.replace(config, **changes)
        trainer = PPOTrainer(
            model=make_policy(), reward_model=lengths, train_dataset=["the cat", "a dog"], processing_class=tokenizer,
            args=args,
        )  # fmt: skip
        logged = [trainer.iterate() for _ in range(6)]
        measure = PtxLoss(config, trainer.policy, rank=0, world=1)
        return float(sum(measure(batch) for batch in range(4)).detach()) / 4, logged

    held, logged = text_loss()
    loose, without = text_loss(ptx_coef=0.0)
    assert held < loose - 0.3
    assert logged[-1]["loss/ptx"] < logged[0]["loss/ptx"]
    assert "loss/ptx" not in without[0]


def test_text_of_another_tokenizer_is_refused(config, make_policy, tokenizer, tmp_path):
    other = train_tokenizer(TEXTS, vocab_size=280)
    save_tokenizer(other, tmp_path / "other")
    documents = [Document(text, "t") for text in TEXTS]
    pack(documents, tmp_path / "other", tmp_path / "packed", context=31, validation_fraction=0.0)
    args = dataclasses.replace(config, ptx_data=tmp_path / "packed")
    with pytest.raises(DataError, match="another tokenizer"):
        PPOTrainer(
            model=make_policy(), reward_model=lambda p, t: [0.0] * len(t), train_dataset=["x"],
            processing_class=tokenizer, args=args,
        )  # fmt: skip
