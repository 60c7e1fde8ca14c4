import json

import pytest
import torch
from peft import LoraConfig, get_peft_model

from tests.tiny_models import byte_tokenizer, tiny_model
from workbench.checkpoints import CheckpointInfo, save_checkpoint
from workbench.errors import CheckpointError
from workbench.modeling.loading import (
    load_causal_lm,
    load_sequence_classifier,
    load_tokenizer,
    save_model,
)

IDS = torch.tensor([[1, 40, 41, 42, 2]])


def save(path, model, stage="sft"):
    info = CheckpointInfo(stage=stage, run="r")
    return save_checkpoint(path, info, lambda folder: save_model(folder, model, byte_tokenizer()))


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_a_saved_model_comes_back_bit_equal(tmp_path, family):
    model = tiny_model(family)
    save(tmp_path / "m", model)
    again = load_causal_lm(tmp_path / "m", device="cpu")
    assert torch.equal(model(IDS).logits, again(IDS).logits)
    assert load_tokenizer(tmp_path / "m").chat_template == byte_tokenizer().chat_template


def test_dropout_is_off_even_in_training(tmp_path):
    save(tmp_path / "m", tiny_model(attention_dropout=0.5))
    model = load_causal_lm(tmp_path / "m", device="cpu").train()
    assert torch.equal(model(IDS).logits, model(IDS).logits)


def test_a_damaged_checkpoint_is_refused_by_file(tmp_path):
    save(tmp_path / "m", tiny_model())
    weights = tmp_path / "m" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(CheckpointError, match="model.safetensors"):
        load_causal_lm(tmp_path / "m")


def test_names_are_never_looked_up(tmp_path):
    with pytest.raises(CheckpointError, match="nothing is downloaded"):
        load_causal_lm("gpt2")
    with pytest.raises(CheckpointError, match="nothing is downloaded"):
        load_tokenizer("gpt2")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="no config.json"):
        load_causal_lm(tmp_path / "empty")


def test_a_classifier_takes_the_trunk_of_a_language_model(tmp_path):
    base = tiny_model()
    save(tmp_path / "m", base)
    model = load_sequence_classifier(tmp_path / "m", num_labels=3, device="cpu")
    assert model(IDS).logits.shape == (1, 3)
    assert torch.equal(model.model.embed_tokens.weight, base.model.embed_tokens.weight)


def lora(base, **settings):
    torch.manual_seed(1)
    model = get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj", "v_proj"], **settings))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def test_an_adapter_finds_its_base_and_refuses_another(tmp_path):
    save(tmp_path / "base", tiny_model())
    model = lora(load_causal_lm(tmp_path / "base", device="cpu"))
    expected = model(IDS).logits
    save(tmp_path / "runs" / "adapter", model)
    again = load_causal_lm(tmp_path / "runs" / "adapter", device="cpu")
    torch.testing.assert_close(again(IDS).logits, expected)
    merged = load_causal_lm(tmp_path / "runs" / "adapter", device="cpu", merge=True)
    torch.testing.assert_close(merged(IDS).logits, expected)
    assert json.loads((tmp_path / "runs/adapter/accord_base.json").read_text())["path"] == "../../base"

    save(tmp_path / "base", tiny_model(seed=5))
    with pytest.raises(CheckpointError, match="has hash"):
        load_causal_lm(tmp_path / "runs" / "adapter")


def test_an_adapter_brings_its_own_heads(tmp_path):
    save(tmp_path / "base", tiny_model())
    base = load_sequence_classifier(tmp_path / "base", num_labels=3, device="cpu")
    model = lora(base, task_type="SEQ_CLS", modules_to_save=["score"])
    save(tmp_path / "rm", model, stage="reward")
    again = load_sequence_classifier(tmp_path / "rm", device="cpu")
    torch.testing.assert_close(again(IDS).logits, model(IDS).logits)


def test_heads_that_bend_logits_are_refused(tmp_path):
    save(tmp_path / "m", tiny_model(final_logit_softcapping=30.0))
    with pytest.raises(CheckpointError, match="final_logit_softcapping"):
        load_causal_lm(tmp_path / "m")
