"""A known Llama: stories260K, trained elsewhere with other code, gives its known answers on our path.

Its llama2.c file is seven int32 (width, hidden, layers, heads, kv heads, vocabulary, context), then fp32 weights. There a
head's rotary pairs are neighbours; in Hugging Face's Llama they are half a head apart, so rows of Wq and Wk move.
"""

import json

import numpy as np
import pytest
import torch

from pretrain.config import PretrainConfig
from pretrain.model import LanguageModelLoss, build_model
from tests.tiny_models import byte_tokenizer
from workbench.modeling.attention import use_causal_attention
from workbench.modeling.logprobs import completion_logprobs


def llama_from_llama2c(path, rope_theta=10000.0):
    raw = path.read_bytes()
    dim, hidden, layers, heads, kv_heads, vocab, context = np.frombuffer(raw[:28], dtype="<i4").tolist()
    numbers = torch.from_numpy(np.frombuffer(raw[28:], dtype="<f4").copy())
    head = dim // heads
    at = 0

    def take(*shape):
        nonlocal at
        size = int(np.prod(shape))
        part = numbers[at : at + size].view(*shape)
        at += size
        return part

    def halves(w, count):
        """(count * head, dim) with each head's rows 0 1 2 3 .. as 0 2 4 .. 1 3 5 .."""
        return w.view(count, head // 2, 2, dim).transpose(1, 2).reshape(count * head, dim)

    weights = {"model.embed_tokens.weight": take(abs(vocab), dim)}
    blocks = [
        ("input_layernorm.weight", take(layers, dim)),
        ("self_attn.q_proj.weight", take(layers, heads * head, dim)),
        ("self_attn.k_proj.weight", take(layers, kv_heads * head, dim)),
        ("self_attn.v_proj.weight", take(layers, kv_heads * head, dim)),
        ("self_attn.o_proj.weight", take(layers, dim, heads * head)),
        ("post_attention_layernorm.weight", take(layers, dim)),
        ("mlp.gate_proj.weight", take(layers, hidden, dim)),
        ("mlp.down_proj.weight", take(layers, dim, hidden)),
        ("mlp.up_proj.weight", take(layers, hidden, dim)),
    ]
    for name, stacked in blocks:
        for layer, w in enumerate(stacked):
            count = {"self_attn.q_proj.weight": heads, "self_attn.k_proj.weight": kv_heads}.get(name)
            weights[f"model.layers.{layer}.{name}"] = halves(w, count) if count else w
    weights["model.norm.weight"] = take(dim)
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    assert vocab > 0, "a negative vocabulary would mean a head of its own"
    config = PretrainConfig(
        text=("-",), tokens=1, context=context, hidden_size=dim, num_layers=layers, num_heads=heads,
        num_kv_heads=kv_heads, intermediate_size=hidden, rope_theta=rope_theta,
    )  # fmt: skip
    tokenizer = byte_tokenizer()
    tokenizer.add_tokens([f"unused {i}" for i in range(vocab - len(tokenizer))])
    model = build_model(config, tokenizer)
    model.load_state_dict(weights)
    return model.eval()


@pytest.fixture(scope="module")
def known(shared):
    return json.loads((shared / "models" / "stories260K" / "known.json").read_text())


@pytest.fixture(scope="module", params=["ours", "stock"])
def model(request, shared):
    model = llama_from_llama2c(shared / "models" / "stories260K" / "stories260K.bin")
    if request.param == "ours":
        assert use_causal_attention(model)
    return model


def test_size(model):
    assert sum(parameter.numel() for parameter in model.parameters()) == 260_032


def test_negative_log_likelihoods(model, known):
    for sequence in known["sequences"]:
        ids = torch.tensor([[known["bos"], *sequence["ids"]]])
        with torch.no_grad():
            loss, nll = LanguageModelLoss(model)(ids[:, :-1], ids[:, 1:])
        assert nll.item() == loss.item() == pytest.approx(sequence["nll_T1"], abs=2e-3)
        mask = torch.ones_like(ids)
        completion = mask.clone()
        completion[:, 0] = 0
        for temperature, want in ((1.0, sequence["nll_T1"]), (0.8, sequence["nll_T08"])):
            with torch.no_grad():
                logprobs = completion_logprobs(model, ids, mask, completion, temperature=temperature)
            assert -logprobs.sum().item() == pytest.approx(want, abs=2e-3)


def test_greedy_text(model, known):
    out = model.generate(
        torch.tensor([[known["bos"]]]),
        max_new_tokens=len(known["greedy_ids"]),
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    assert out[0, 1:].tolist() == known["greedy_ids"]
