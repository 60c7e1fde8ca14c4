"""Settings of direct preference optimisation; the string under a field is its help."""

from dataclasses import dataclass
from typing import Literal

from workbench.ranking_settings import RankingSettings


@dataclass(frozen=True, kw_only=True)
class DPOConfig(RankingSettings):
    """Train a policy on rankings directly, without a reward model."""

    policy: str | None = None
    """The policy to start from: a checkpoint folder, the name of a finished run, or the start of a hash. Needed."""
    reference: str | None = None
    """The policy to stay near; by default the policy, as it is before training."""
    learning_rate: float = 1e-6
    """Peak learning rate; 3e-4 suits models of a million parameters."""
    warmup_ratio: float = 0.1
    """Share of the run over which the rate rises from 0."""

    beta: float = 0.1
    """Strength of the pull towards the reference; for ipo the regularisation tau."""
    loss: Literal["sigmoid", "ipo", "plackett_luce"] = "sigmoid"
    """sigmoid: DPO over all pairs of a ranking; ipo: a squared loss on them; plackett_luce: DPO of whole rankings."""
    ties: Literal["drop", "rao_kupper", "davidson", "half"] = "drop"
    """How sigmoid treats ties: not at all, by a learned tie width, or as half a win for each side."""
    label_smoothing: float = 0.0
    """Assumed share of wrong labels (conservative DPO); for sigmoid."""
    annotator_weights: Literal["equal", "crowdbt"] = "equal"
    """crowdbt: weigh each annotator's rankings by their reliability under CrowdBT on the train split."""

    def __post_init__(self) -> None:
        if not self.policy:
            raise ValueError("policy is needed: the one to start from (a folder, a run's name or a hash)")
        super().__post_init__()
        if not self.beta > 0:
            raise ValueError(f"beta must be positive, got {self.beta}")
        if not 0 <= self.label_smoothing < 0.5:
            raise ValueError(f"label_smoothing must be at least 0 and below 0.5, got {self.label_smoothing}")
        self.check_one_label_source(self.annotator_weights)
        if self.label_model != "none" and self.label_smoothing:
            raise ValueError("label_smoothing and label_model both soften labels; set label_smoothing to 0")
        if self.label_smoothing and self.loss != "sigmoid":
            raise ValueError(
                f"label_smoothing has no effect on loss '{self.loss}'; set it to 0 or use sigmoid"
            )
        if self.loss == "ipo" and self.ties in ("rao_kupper", "davidson"):
            raise ValueError(f"ties '{self.ties}' needs a likelihood, which ipo has not; use drop or half")
