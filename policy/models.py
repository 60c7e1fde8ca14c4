"""The networks of PPO: policy and critic in one module, and the reference that the policy starts as."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor, nn

from reward.scoring import RewardScorer
from workbench.modeling.heads import head_weight
from workbench.modeling.loading import disable_dropout
from workbench.modeling.logprobs import (
    hidden_states,
    output_weight,
    token_logprobs,
    token_logprobs_and_entropy,
    trunk,
)
from workbench.modeling.training import RECOMPUTE

REFERENCE_ADAPTER = "ref"
_CHUNK_FLOATS = 2**24  # Logits a chunk: 64 MB in fp32. Fewer positions a chunk means recomputing them.


class Critic(nn.Module):
    """A trunk and a linear head: the value before each token."""

    def __init__(self, trunk: Any, weight: Tensor | None = None, bias: float = 0.0) -> None:
        """With `weight` (D,) the head starts there, else at zero."""
        super().__init__()
        self.trunk = trunk
        self.head = nn.Linear(trunk.config.hidden_size, 1)
        nn.init.zeros_(self.head.weight)
        if weight is not None:
            self.head.weight.data.copy_(weight[None])
        nn.init.constant_(self.head.bias, bias)
        self.reward_heads: tuple[Tensor, float] | None = None

    @classmethod
    def of_reward_model(cls, scorer: RewardScorer, *, with_heads: bool) -> Critic:
        """A critic whose trunk is a copy of a reward model's; with its heads, `match_scores` sets the value head."""
        critic = cls.of(scorer.model)
        if with_heads:
            critic.reward_heads = head_weight(scorer.model).detach().float().cpu(), scorer.bias
        return critic

    def match_scores(self, mean: Tensor, deviation: Tensor) -> None:
        """Where it came with reward heads, make the value at an eos the score there, normalised as PPO's is.

        The score is the mean over heads h of (w_h x + bias - mean_h) / deviation_h; mean and deviation are (H,).
        """
        if self.reward_heads is None:
            return
        (weights, bias), heads = self.reward_heads, len(self.reward_heads[0])
        mean, deviation = mean[:heads].float(), deviation[:heads].float()
        with torch.no_grad():
            self.head.weight.copy_((weights / deviation[:, None]).mean(0, keepdim=True))
            self.head.bias.fill_(float(((bias - mean) / deviation).mean()))

    @classmethod
    def of(cls, model: Any) -> Critic:
        """A critic whose trunk is a copy of a model's, adapters merged in, and whose head is zero."""
        copied = copy.deepcopy(model)
        if isinstance(copied, PeftModel):
            copied = copied.merge_and_unload()
        return cls(trunk(copied).requires_grad_(True))

    def adapt(self, policy: nn.Module) -> None:
        """Where the policy trains adapters, train such adapters on this trunk too; else all of it, in float32."""
        if isinstance(self.trunk, PeftModel):
            return
        if not isinstance(policy, PeftModel):
            self.trunk.float()
            return
        settings: Any = copy.deepcopy(policy.peft_config[policy.active_adapter])
        settings.task_type, settings.inference_mode = None, False
        settings.base_model_name_or_path = None  # this trunk is another model than the policy's
        self.trunk = get_peft_model(self.trunk, settings)
        disable_dropout(self.trunk)

    def forward(self, ids: Tensor, wanted: Tensor) -> Tensor:
        """Values (N,) in float32 at the wanted positions (B, W) of right-padded ids (B, W), row by row."""
        hidden = self.trunk(input_ids=ids, use_cache=False).last_hidden_state  # (B, W, D)
        with torch.autocast(ids.device.type, enabled=False):  # a value in bf16 has three digits
            values: Tensor = self.head(hidden[wanted].float())
        return values.squeeze(-1)


class PolicyAndCritic(nn.Module):
    """Both trained networks behind one forward, so that one wrapper (DDP) synchronises both; two networks inside."""

    def __init__(self, policy: nn.Module, critic: Critic) -> None:
        super().__init__()
        self.policy = policy
        self.critic = critic

    def forward(
        self, ids: Tensor, wanted: Tensor, temperature: float, entropy: bool
    ) -> tuple[Tensor, Tensor | None, Tensor]:
        """Log-probabilities, entropies (if asked for) and values of completion tokens, each (N,).

        `ids` (B, W) are prompts and completions, right-padded: a causal model never looks right, so no attention mask
        is needed. `wanted` (B, W) is true where the next token is one of the completion.
        """
        log_probs, entropies = token_statistics(self.policy, ids, wanted, temperature, entropy)
        return log_probs, entropies, self.critic(ids, wanted)

    def checkpoint_activations(self) -> None:
        """Recompute activations in the backward pass. Only a model in training mode does; dropout is 0 all the same."""
        networks: list[Any] = [self.policy, self.critic.trunk]
        for network in networks:
            getattr(network, f"{RECOMPUTE}_enable")({"use_reentrant": False})
        self.train()


def token_statistics(
    policy: nn.Module, ids: Tensor, wanted: Tensor, temperature: float, entropy: bool = False
) -> tuple[Tensor, Tensor | None]:
    """Log-probabilities (N,) of the tokens after the wanted positions and, if asked for, entropies (N,)."""
    hidden = hidden_states(policy, ids, None, None)  # (B, W, D)
    weight = output_weight(policy)
    targets = ids[:, 1:][wanted[:, :-1]]
    chunk = max(1024, _CHUNK_FLOATS // weight.shape[0])
    if entropy:
        return token_logprobs_and_entropy(
            hidden[wanted], weight, targets, temperature=temperature, chunk=chunk
        )
    return token_logprobs(hidden[wanted], weight, targets, temperature=temperature, chunk=chunk), None


class Reference:
    """The policy as it started: a frozen copy, or the same weights with the trained adapter out of the way."""

    def __init__(self, policy: nn.Module, model: nn.Module | None, adapter: str | None) -> None:
        self.policy: Any = policy
        self.model = model
        self.adapter = adapter

    @contextmanager
    def active(self) -> Iterator[nn.Module]:
        """The model to run as the reference; the policy is itself again afterwards."""
        if self.model is not None:
            yield self.model
        elif self.adapter is None:
            with self.policy.disable_adapter():
                yield self.policy
        else:
            trained = self.policy.active_adapter
            self.policy.set_adapter(self.adapter)
            try:
                yield self.policy
            finally:
                self.policy.set_adapter(trained)


def policy_and_reference(
    model: nn.Module, lora: LoraConfig | None, reference_dtype: torch.dtype = torch.float32
) -> tuple[nn.Module, Reference]:
    """The model to train, with a new adapter if `lora` is given, and its reference.

    A model that already has an adapter (LoRA fine-tuning) goes on training it; the reference is then a frozen copy of
    that adapter, on the same base. A copy of a whole model is kept in `reference_dtype`. Raises ValueError for a model
    with an adapter together with `lora`.
    """
    disable_dropout(model)
    if isinstance(model, PeftModel):
        if lora is not None:
            raise ValueError(
                "the policy has an adapter already, and a new one was asked for; merge it first "
                "('accord export merged') or leave lora_rank at 0 to go on with the adapter it has"
            )
        return model, Reference(model, None, _frozen_copy(model))
    if lora is not None:
        adapted: nn.Module = get_peft_model(model, lora)
        disable_dropout(adapted)
        return adapted, Reference(adapted, None, None)
    frozen = copy.deepcopy(model).requires_grad_(False).eval().to(reference_dtype)
    return model, Reference(model, frozen, None)


def drop_reference_adapter(policy: Any) -> None:
    """Take the reference's adapter out of the policy, so that it is not saved with it."""
    if isinstance(policy, PeftModel) and REFERENCE_ADAPTER in policy.peft_config:
        policy.delete_adapter(REFERENCE_ADAPTER)


def trained_state(model: nn.Module) -> dict[str, Tensor]:
    """Copies of the parameters that train, by name; all that a resume or a best checkpoint needs."""
    return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}


def restore_state(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Put back what `trained_state` copied; the names must be the same."""
    own = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if own.keys() != state.keys():
        raise ValueError(f"the saved state has other parameters: {sorted(own.keys() ^ state.keys())[:4]}")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(state[name])


def _frozen_copy(model: PeftModel) -> str:
    """A copy of the active adapter under the name of the reference, which does not train."""
    peft: Any = model
    trained: str = peft.active_adapter
    peft.add_adapter(REFERENCE_ADAPTER, peft.peft_config[trained])
    parameters = dict(peft.named_parameters())
    with torch.no_grad():
        for name, parameter in parameters.items():
            if f".{REFERENCE_ADAPTER}." in name:
                parameter.copy_(parameters[name.replace(f".{REFERENCE_ADAPTER}.", f".{trained}.")])
    peft.set_adapter(trained)
    return REFERENCE_ADAPTER
