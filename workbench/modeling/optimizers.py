"""Optimisers: Muon for the matrices inside the layers, AdamW for everything else, one builder for both."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, overload

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from transformers import PreTrainedModel

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Coefficients of the quintic step (Jordan et al. 2024): singular values end between about 0.7 and 1.2, not at 1."""
OPTIMIZERS = ("muon", "adamw")


class Muon(Optimizer):
    """Momentum whose update is made orthogonal: Jordan et al. 2024, with the scaling of Liu et al. 2025, eq. 4.

    Every update has the root mean square of a typical AdamW update (0.2), so one learning rate and weight decay serve
    both optimisers. Matrices of one shape are orthogonalised as one batch: a model has few shapes and many layers.
    Unlike torch.optim.Muon the iteration runs in bf16 on accelerators and in fp32 on CPUs, where bf16 is seldom faster.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        *,
        learning_rate: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        steps: int = 5,
    ) -> None:
        params = list(params)
        for parameter in params:
            if parameter.dim() != 2:
                raise ValueError(f"Muon takes matrices, got a parameter of shape {tuple(parameter.shape)}")
        super().__init__(
            params, {"lr": learning_rate, "momentum": momentum, "weight_decay": weight_decay, "steps": steps}
        )

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Any) -> float: ...
    @torch.no_grad()
    def step(self, closure: Any = None) -> float | None:
        """One update of every parameter that has a gradient."""
        assert closure is None, "Muon takes no closure"
        for group in self.param_groups:
            by_shape: dict[tuple[torch.Size, torch.device], list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    by_shape[parameter.shape, parameter.device].append(parameter)
            for (shape, _), parameters in by_shape.items():
                updates = orthogonalize(
                    torch.stack([self._direction(p, group) for p in parameters]), group["steps"]
                )
                step_size = group["lr"] * 0.2 * max(shape) ** 0.5
                torch._foreach_mul_(parameters, 1.0 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(
                    parameters, [u.to(parameters[0].dtype) for u in updates], alpha=-step_size
                )
        return None

    def _direction(self, parameter: Tensor, group: dict[str, Any]) -> Tensor:
        """The Nesterov momentum of a parameter, (M, N)."""
        gradient = parameter.grad
        assert gradient is not None
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        buffer: Tensor = state["momentum_buffer"]
        buffer.lerp_(gradient, 1.0 - group["momentum"])
        return gradient.lerp(buffer, group["momentum"])


def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """Each matrix of (K, M, N) with its singular values moved towards 1 by Newton-Schulz iterations.

    For a matrix U S V^T the result is near U V^T: same singular vectors, singular values between about 0.7 and 1.2.
    """
    a, b, c = NEWTON_SCHULZ
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x.to(torch.bfloat16 if x.is_cuda else torch.float32)
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.mT  # (K, M, M), M the shorter side
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def build_optimizers(
    model: PreTrainedModel,
    *,
    optimizer: str,
    learning_rate: float,
    embedding_learning_rate: float,
    weight_decay: float = 0.0,
    betas: tuple[float, float] = (0.9, 0.95),
    momentum: float = 0.95,
    eps: float = 1e-8,
) -> list[Optimizer]:
    """The optimisers of a causal model; every parameter that needs a gradient is in exactly one group.

    Matrices inside the layers get `learning_rate` and the weight decay, from Muon or from AdamW; embeddings and head
    get `embedding_learning_rate`, norms and biases `learning_rate`, both from AdamW without decay. Multiply each
    group's "initial_lr" by the schedule to get its "lr".
    """
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer is one of {', '.join(OPTIMIZERS)}, got {optimizer!r}")
    outside = {
        id(p) for m in model.modules() if isinstance(m, nn.Embedding) for p in m.parameters(recurse=False)
    }
    head = model.get_output_embeddings()
    if isinstance(head, nn.Module):
        outside |= {id(p) for p in head.parameters(recurse=False)}
    trained = [p for p in model.parameters() if p.requires_grad]
    matrices = [p for p in trained if p.dim() == 2 and id(p) not in outside]
    embeddings = [p for p in trained if id(p) in outside]
    vectors = [p for p in trained if p.dim() != 2 and id(p) not in outside]
    groups: list[dict[str, Any]] = [
        {"params": embeddings, "lr": embedding_learning_rate, "weight_decay": 0.0},
        {"params": vectors, "lr": learning_rate, "weight_decay": 0.0},
    ]
    optimizers: list[Optimizer] = []
    if optimizer == "muon" and matrices:
        optimizers.append(
            Muon(matrices, learning_rate=learning_rate, momentum=momentum, weight_decay=weight_decay)
        )
    else:
        groups.append({"params": matrices, "lr": learning_rate, "weight_decay": weight_decay})
    groups = [group for group in groups if group["params"]]
    if groups:
        optimizers.append(AdamW(groups, betas=betas, eps=eps, fused=True))
    for one in optimizers:
        for group in one.param_groups:
            group["initial_lr"] = group["lr"]
    return optimizers
