"""The design of a simulated labeling study: its settings, and which of them cannot be."""

from dataclasses import dataclass

POLICIES = ("fixed", "sequential")


@dataclass(frozen=True, kw_only=True)
class StudyDesign:
    """A design, and what is assumed of the completions and the people. Utilities, noise and ties share one unit."""

    prompts: int = 200
    """Comparisons, one a prompt."""
    completions: int = 4
    """Completions of each."""
    annotators: int = 6
    overlap: int = 3
    """Rankings of a comparison with overlap; the most that the sequential policy gives."""
    overlap_share: float = 1.0
    """Share of comparisons with overlap; the others get one ranking."""
    policy: str = "fixed"
    """fixed: every comparison with overlap gets it all; sequential: no more once its winner is clear."""
    clear: float = 0.9
    """The probability of a winner at which the sequential policy stops."""
    spread: float = 1.0
    """Standard deviation of the completions' utilities."""
    noise: float = 0.7
    """Standard deviation of what a typical annotator adds to each utility."""
    noise_spread: float = 0.3
    """How unlike annotators are: the standard deviation of the log of their noise."""
    ties: float = 0.2
    """Completions that seem closer than this are tied."""
    position_bias: float = 0.0
    """Utility that being shown first adds, of a typical annotator; being shown last takes it away."""
    drift: float = 0.0
    """Noise that 1,000 rankings add."""
    fatigue: float = 0.0
    """Noise that an hour of a sitting adds."""
    spammers: int = 0
    """How many of the annotators answer at random."""
    straight_liners: int = 0
    """How many of them always rank by places on the page."""
    seconds: float = 12.0
    """Median seconds a completion."""
    sitting_minutes: float = 90.0
    """Minutes of work a day."""
    pay: float = 0.0
    """Pay of an hour, in any currency."""
    replicates: int = 5
    """Studies simulated; the figures are their means."""
    draws: int = 300
    """Resamples behind the intervals of agreement."""
    seed: int = 0

    def __post_init__(self) -> None:
        for field, least in (
            ("prompts", 1),
            ("completions", 2),
            ("annotators", 1),
            ("overlap", 1),
            ("replicates", 1),
        ):
            if getattr(self, field) < least:
                raise ValueError(f"{field} must be {least} or more, got {getattr(self, field)}")
        for field in (
            "spread",
            "noise",
            "noise_spread",
            "ties",
            "fatigue",
            "pay",
            "spammers",
            "straight_liners",
            "draws",
        ):
            if getattr(self, field) < 0:
                raise ValueError(f"{field} must be 0 or more, got {getattr(self, field)}")
        if self.overlap > self.annotators:
            raise ValueError(
                f"overlap is {self.overlap}, but there are {self.annotators} annotators, who rank nothing twice"
            )
        if self.policy not in POLICIES:
            raise ValueError(f"policy must be one of {', '.join(POLICIES)}, got {self.policy!r}")
        if not 0 <= self.overlap_share <= 1:
            raise ValueError(f"overlap_share is a share from 0 to 1, got {self.overlap_share}")
        if self.spammers + self.straight_liners > self.annotators:
            raise ValueError(
                f"{self.spammers} spammers and {self.straight_liners} straight-liners are more than the "
                f"{self.annotators} annotators"
            )
        if not 0.5 <= self.clear < 1:
            raise ValueError(f"clear is a probability from 0.5 to below 1, got {self.clear}")
