"""A tiny world in files: a tokenizer, a policy checkpoint, prompts."""

import json

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from workbench.checkpoints import CheckpointInfo, save_checkpoint
from workbench.modeling.chat import template_hash
from workbench.modeling.heads import init_heads
from workbench.modeling.loading import load_sequence_classifier, save_model

SPECIALS = ["<|pad|>", "<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
TEMPLATE = (
    "{{ '<|bos|>' }}{% for m in messages %}{{ '<|' + m.role + '|>' + m.content + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
WORDS = "the cat sat on a mat and a dog ran to the red barn where it saw the old hen sing one song of joy"


@pytest.fixture(scope="session")
def tokenizer():
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=SPECIALS, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )  # fmt: skip
    raw.train_from_iterator([WORDS] * 3, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<|pad|>", bos_token="<|bos|>", eos_token="<|end|>"
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


@pytest.fixture(scope="session")
def make_policy(tokenizer):
    """A function that makes the same small Llama again and again."""

    def make(seed=0):
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=96, tie_word_embeddings=True,
            pad_token_id=0, bos_token_id=1, eos_token_id=2,
        )  # fmt: skip
        model = LlamaForCausalLM(config)
        with torch.no_grad():
            model.model.embed_tokens.weight.mul_(4)  # logits apart enough for a policy to have opinions
            model.model.embed_tokens.weight[2].mul_(6)  # and completions that end at all lengths
        return model.eval()

    return make


@pytest.fixture(scope="session")
def policy_folder(tmp_path_factory, make_policy, tokenizer):
    folder = tmp_path_factory.mktemp("world") / "policy"
    info = CheckpointInfo(stage="sft", run="tiny-sft", template_hash=template_hash(tokenizer))
    save_checkpoint(folder, info, lambda path: save_model(path, make_policy(), tokenizer))
    return folder


@pytest.fixture(scope="session")
def prompts_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "prompts.jsonl"
    words = WORDS.split()
    rows = [
        {
            "id": f"p-{i}",
            "prompt": " ".join(words[i % 7 : i % 7 + 1 + i % 5]),
            "use": "rl" if i % 4 else "reward",
        }
        for i in range(24)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def reward_folder(tmp_path_factory, make_policy, tokenizer):
    """A reward model with two heads on a trunk of its own."""
    source = tmp_path_factory.mktemp("trunk") / "causal"
    save_checkpoint(
        source,
        CheckpointInfo(stage="pretrain", run="trunk"),
        lambda path: save_model(path, make_policy(7), tokenizer),
    )
    model = load_sequence_classifier(source, num_labels=2)
    model.config.pad_token_id = tokenizer.pad_token_id
    init_heads(model, seed=5)
    folder = tmp_path_factory.mktemp("reward") / "model"
    info = CheckpointInfo(
        stage="reward", run="tiny-reward", template_hash=template_hash(tokenizer), tags={"mark": "kept"},
        extra={"bias": 0.25, "temperature": 1.0, "heads": 2},
    )  # fmt: skip
    save_checkpoint(folder, info, lambda path: save_model(path, model, tokenizer))
    return folder
