"""Settings of the reward model; the string under a field is its help."""

from dataclasses import dataclass
from typing import Literal

from workbench.ranking_settings import RankingSettings


@dataclass(frozen=True, kw_only=True)
class RewardConfig(RankingSettings):
    """Train a reward model on rankings."""

    base: str | None = None
    """The model to start from: a checkpoint folder, the name of a finished run, or the start of a hash. Needed."""
    learning_rate: float = 1e-5
    """Peak learning rate; 5e-4 to 2e-3 suits models of a million parameters."""
    warmup_ratio: float = 0.03
    """Share of the run over which the rate rises from 0."""

    loss: Literal["bradley_terry", "plackett_luce"] = "bradley_terry"
    """bradley_terry: the mean over all pairs of a ranking (InstructGPT); plackett_luce: the ranking as choices."""
    ties: Literal["rao_kupper", "davidson", "half", "drop"] = "rao_kupper"
    """How bradley_terry treats ties: by a learned tie width, as half a win for each side, or not at all."""
    heads: int = 1
    """Heads of the ensemble; their mean is the score, their spread its uncertainty."""
    bootstrap_heads: bool = True
    """Give each head of several its own random weights of the comparisons, so that they differ where data are few."""
    center_coef: float = 0.0
    """Weight of the mean squared score, which keeps scores near 0; 0.01 is usual."""
    annotator_weights: Literal["equal", "agreement", "crowdbt"] = "equal"
    """Weigh each annotator's rankings by how they agree with the others above chance (agreement), or by their
    reliability under CrowdBT (crowdbt), both on the train split."""
    zero_mean: str = "validation"
    """Completions whose mean score becomes 0: validation, train, or a file of demonstrations."""

    def __post_init__(self) -> None:
        if not self.base:
            raise ValueError("base is needed: the model to start from (a folder, a run's name or a hash)")
        super().__post_init__()
        if self.heads < 1:
            raise ValueError(f"heads must be positive, got {self.heads}")
        if self.center_coef < 0:
            raise ValueError(f"center_coef must not be negative, got {self.center_coef}")
        self.check_one_label_source(self.annotator_weights)
