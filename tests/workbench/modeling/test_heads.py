import math

import pytest
import torch

from tests.tiny_models import tiny_model
from workbench.errors import ConfigError
from workbench.modeling.heads import head_weight, init_heads, score_hidden
from workbench.modeling.lora import add_lora


def test_heads_have_the_spread_of_the_paper_and_differ():
    model = tiny_model(heads=400)
    init_heads(model, seed=0)
    assert float(head_weight(model).detach().std()) == pytest.approx(1 / math.sqrt(33), rel=0.03)
    again, other = tiny_model(heads=2), tiny_model(heads=2)
    init_heads(again, seed=0)
    init_heads(other, seed=1)
    # A head's weights are its own: the first two of many are the two of a pair.
    assert torch.equal(head_weight(again), head_weight(model)[:2])
    assert not torch.equal(head_weight(again), head_weight(other))
    assert score_hidden(again, torch.zeros(3, 32)).tolist() == [[0, 0]] * 3


def test_a_fresh_adapter_changes_nothing_and_trains_head_and_adapter_alone():
    model = tiny_model(heads=1)
    ids = torch.tensor([[1, 50, 60, 2]])
    before = model(ids).logits
    adapted = add_lora(model, rank=2, alpha=4.0, targets=["q_proj"], seed=0, with_head=True)
    assert torch.equal(adapted(ids).logits, before)
    trained = {name.split(".")[-2] if "lora" in name else "score"
               for name, p in adapted.named_parameters() if p.requires_grad}  # fmt: skip
    assert trained == {"default", "score"}
    assert head_weight(adapted).requires_grad


def test_layers_that_do_not_exist_are_named():
    with pytest.raises(ConfigError, match="lora_targets nothing_proj"):
        add_lora(tiny_model(), rank=2, alpha=4.0, targets=["nothing_proj"], seed=0)


def test_a_language_model_has_no_head():
    with pytest.raises(ValueError, match="no head named 'score'"):
        head_weight(tiny_model())
