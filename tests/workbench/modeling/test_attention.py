"""Causal attention: the stock model's numbers, without a mask, also when compiled models would get one."""

import pytest
import torch
from torch.nn import functional as F

from tests.tiny_models import tiny_model
from workbench.modeling.attention import NAME, attend, causal_attention, use_causal_attention


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_the_models_logits_and_gradients_do_not_change(family):
    ids = torch.randint(3, 262, (2, 17), generator=torch.Generator().manual_seed(0))
    stock, ours = tiny_model(family), tiny_model(family)
    assert use_causal_attention(ours)
    assert ours.config._attn_implementation == NAME
    want, got = stock(ids).logits, ours(ids).logits
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)
    for model, logits in ((stock, want), (ours, got)):
        logits.square().mean().backward()
        assert model.model.layers[0].self_attn.q_proj.weight.grad.abs().sum() > 0
    for a, b in zip(stock.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-6)
    assert NAME not in str(ours.config.to_dict())


def test_with_a_cache_it_goes_on_where_it_was():
    ids = torch.randint(3, 262, (2, 12), generator=torch.Generator().manual_seed(0))
    model = tiny_model()
    use_causal_attention(model)
    whole = model(ids).logits
    first = model(ids[:, :5], use_cache=True)
    second = model(ids[:, 5:11], past_key_values=first.past_key_values, use_cache=True)
    last = model(ids[:, 11:], past_key_values=second.past_key_values)
    got = torch.cat([first.logits, second.logits, last.logits], dim=1)
    torch.testing.assert_close(got, whole, rtol=1e-5, atol=1e-5)


def test_it_gets_no_mask_and_asks_for_the_causal_kernel(monkeypatch):
    seen = []

    def spy(*args, **kwargs):
        seen.append((kwargs["attn_mask"], kwargs["is_causal"], kwargs["enable_gqa"]))
        return original(*args, **kwargs)

    original = F.scaled_dot_product_attention
    model = tiny_model()
    use_causal_attention(model)
    monkeypatch.setattr("workbench.modeling.attention.F.scaled_dot_product_attention", spy)
    # Position ids like these look like packed documents to transformers, which would then build a mask.
    model(torch.ones(1, 6, dtype=torch.long), position_ids=torch.tensor([[0, 1, 2, 0, 1, 2]]))
    assert seen == [(None, True, True)] * 2


def test_a_four_dimensional_mask_is_obeyed():
    q, k, v = (torch.randn(1, 2, 4, 8, generator=torch.Generator().manual_seed(i)) for i in range(3))
    mask = torch.eye(4, dtype=torch.bool)[None, None]
    out, _ = causal_attention(torch.nn.Module(), q, k, v, mask)
    torch.testing.assert_close(out, v.transpose(1, 2))  # Each position sees itself alone.


def test_models_with_other_attention_are_left_alone():
    model = tiny_model(
        "qwen3",
        layer_types=["full_attention", "sliding_attention"],
        sliding_window=4,
        use_sliding_window=True,
    )
    assert not use_causal_attention(model)
    assert model.config._attn_implementation != NAME


@pytest.mark.parametrize("lowered_by", ["dtype", "autocast"])
def test_on_a_cpu_bf16_attention_is_computed_in_fp32(lowered_by):
    q, k, v = (torch.randn(2, 4, 40, 8, generator=torch.Generator().manual_seed(i)) for i in range(3))
    rounded = [x.bfloat16() for x in (q, k, v)]
    exact = F.scaled_dot_product_attention(*(x.float() for x in rounded), is_causal=True)
    if lowered_by == "dtype":
        got = attend(*rounded, causal=True)
        torch.testing.assert_close(got, exact.bfloat16(), rtol=0, atol=0)
    else:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            got = attend(*(x.float() for x in rounded), causal=True)
        torch.testing.assert_close(got, exact, rtol=0, atol=0)
