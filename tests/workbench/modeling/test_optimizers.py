"""Optimisers: what orthogonalising does, equality with torch's Muon, and who gets which parameter."""

import pytest
import torch
from torch import nn

from tests.tiny_models import tiny_model
from workbench.modeling.optimizers import Muon, build_optimizers, orthogonalize


def test_orthogonalize_keeps_singular_vectors_and_evens_the_values():
    torch.manual_seed(0)
    matrices = torch.randn(3, 12, 20)
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    for x, want in ((orthogonalize(matrices), u @ v), (orthogonalize(matrices.mT).mT, u @ v)):
        values = torch.linalg.svdvals(x)
        assert values.min() > 0.5 and values.max() < 1.3
        assert torch.nn.functional.cosine_similarity(x.flatten(1), want.flatten(1)).min() > 0.97
    torch.testing.assert_close(orthogonalize(matrices[:1]), orthogonalize(matrices)[:1])


def test_muon_equals_torchs():
    """torch iterates in bf16, so updates agree to its 8 bits."""
    torch.manual_seed(0)
    ours, theirs = nn.Linear(24, 16, bias=False), nn.Linear(24, 16, bias=False)
    theirs.load_state_dict(ours.state_dict())
    a = Muon(ours.parameters(), learning_rate=0.02, momentum=0.9, weight_decay=0.1)
    b = torch.optim.Muon(
        theirs.parameters(), lr=0.02, momentum=0.9, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
    )
    before = ours.weight.clone()
    for _ in range(3):
        gradient = torch.randn(16, 24)
        ours.weight.grad, theirs.weight.grad = gradient.clone(), gradient.clone()
        a.step(), b.step()
    moved = (ours.weight - before).abs().mean()
    assert (ours.weight - theirs.weight).abs().mean() < 0.02 * moved


@pytest.mark.parametrize("shape", [(16, 16), (64, 16), (16, 96)])
def test_an_update_has_the_size_of_adamws(shape):
    """Root mean square 0.2 times the learning rate, for any shape, give or take the unevenness of the iteration."""
    torch.manual_seed(0)
    parameter = nn.Parameter(torch.zeros(shape))
    parameter.grad = torch.randn(shape)
    Muon([parameter], learning_rate=0.01).step()
    assert float(parameter.detach().square().mean().sqrt()) == pytest.approx(0.2 * 0.01, rel=0.25)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_every_parameter_is_in_one_group(tied, optimizer):
    model = tiny_model("qwen3", tie_word_embeddings=tied)
    built = build_optimizers(
        model, optimizer=optimizer, learning_rate=0.01, embedding_learning_rate=0.003, weight_decay=0.1
    )
    groups = [group for one in built for group in one.param_groups]
    listed = [id(p) for group in groups for p in group["params"]]
    assert sorted(listed) == sorted(id(p) for p in model.parameters())
    by_id = {id(p): group for group in groups for p in group["params"]}
    for name, parameter in model.named_parameters():
        group = by_id[id(parameter)]
        outside = "embed" in name or "lm_head" in name
        assert group["initial_lr"] == (0.003 if outside else 0.01), name
        assert group["weight_decay"] == (0.1 if parameter.dim() == 2 and not outside else 0), name
    assert [type(one).__name__ for one in built] == (["Muon", "AdamW"] if optimizer == "muon" else ["AdamW"])


def test_bad_use():
    with pytest.raises(ValueError, match="Muon takes matrices"):
        Muon([nn.Parameter(torch.zeros(3))], learning_rate=0.1)
    with pytest.raises(ValueError, match="got 'sgd'"):
        build_optimizers(tiny_model(), optimizer="sgd", learning_rate=1, embedding_learning_rate=1)
