"""Simulated annotators: rankings from known utilities with known noise, ties, leanings, speed, fatigue, drift and spam.

They are for demos, tests and studies of how many labels are needed. What they make is marked `annotator_kind`
"simulated", and is called simulated wherever it is shown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from workbench.records import Comparison, Ranking
from workbench.seeds import numpy_generator


@dataclass(frozen=True, kw_only=True)
class SimulatedAnnotator:
    """What one simulated annotator is like. Utilities, noise, ties and bias are all in the same unit."""

    name: str
    noise: float = 0.5
    """Standard deviation of what is added to each utility, anew for each completion and ranking."""
    tie_width: float = 0.2
    """Completions that seem closer than this to the best of their tier share its tier."""
    position_bias: float = 0.0
    """Added to the completion shown first, falling evenly to its negative for the one shown last."""
    seconds_per_completion: float = 12.0
    """Median time; each ranking's time is log-normal about it."""
    spam: float = 0.0
    """Share of rankings that are drawn at random and fast."""
    drift: float = 0.0
    """How much the noise grows over 1,000 rankings; below 0 for one who learns, down to no noise at all."""
    fatigue: float = 0.0
    """How much the noise grows over an hour of one sitting."""
    straight_line: float = 0.0
    """Share of rankings that give the places on the page from first to last, fast, whatever stands there."""
    sitting_minutes: float | None = None
    """After so many minutes they stop until the next day; without it they never stop."""

    def __post_init__(self) -> None:
        for field in ("noise", "tie_width", "fatigue"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field} must be 0 or more, got {getattr(self, field)}")
        for field in ("spam", "straight_line"):
            if not 0 <= getattr(self, field) <= 1:
                raise ValueError(f"{field} is a share from 0 to 1, got {getattr(self, field)}")
        if self.sitting_minutes is not None and not self.sitting_minutes > 0:
            raise ValueError(f"sitting_minutes must be positive, got {self.sitting_minutes}")
        if self.seconds_per_completion <= 0:
            raise ValueError(f"seconds_per_completion must be positive, got {self.seconds_per_completion}")

    def rank(
        self,
        utilities: Sequence[float],
        *,
        comparison: str,
        seed: int,
        number: int = 0,
        minutes: float = 0.0,
        at: datetime | None = None,
        guideline: str | None = None,
        criterion: str = "helpful",
    ) -> Ranking:
        """One ranking of K completions; the same arguments give the same ranking.

        `utilities` are in the order of the comparison's completions; the order shown is drawn. `number` counts the
        rankings that this annotator made before (for drift), `minutes` the time in this sitting (for fatigue), `at` is
        when it was begun.
        """
        rng = numpy_generator(seed, "simulated", self.name, comparison)
        k = len(utilities)
        order = tuple(int(i) for i in rng.permutation(k))
        spam = rng.random() < self.spam
        # Drawn only where it can matter, so that it moves nothing in panels without it.
        line = not spam and self.straight_line > 0 and rng.random() < self.straight_line
        pace = self.seconds_per_completion * (0.15 if spam or line else 1.0)
        seconds = round(pace * k * math.exp(0.35 * rng.standard_normal()), 1)
        noise = max(self.noise + self.drift * number / 1000, 0.0) + self.fatigue * minutes / 60
        seen = rng.standard_normal(k) if spam else self._seen(utilities, order, noise, rng)
        ranks = tuple(order.index(i) + 1 for i in range(k)) if line else tiers(seen, self.tie_width)
        return Ranking(
            id=f"{comparison}.{self.name}",
            annotator=self.name,
            annotator_kind="simulated",
            ranks=ranks,
            order=order,
            criterion=criterion,
            guideline=guideline,
            at=(at + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z") if at else None,
            seconds=seconds,
        )

    def _seen(
        self, utilities: Sequence[float], order: tuple[int, ...], noise: float, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        """The utilities as they seem to this annotator: with noise, and better the earlier they are shown."""
        seen = np.asarray(utilities, dtype=float) + noise * rng.standard_normal(len(order))
        if len(order) > 1:
            seen[list(order)] += self.position_bias * np.linspace(1, -1, len(order))
        return seen


def tiers(values: Sequence[float] | NDArray[np.float64], width: float) -> tuple[int, ...]:
    """Ranks from 1 (highest); a value within `width` of the best of a tier shares it: `(3, 2.9, 1), .2 -> 1, 1, 2`."""
    ranks = [0] * len(values)
    rank, best = 0, math.inf
    for i in sorted(range(len(values)), key=lambda i: -float(values[i])):
        if rank == 0 or best - float(values[i]) > width:
            rank, best = rank + 1, float(values[i])
        ranks[i] = rank
    return tuple(ranks)


def rank_all(
    comparisons: Sequence[Comparison],
    utilities: Sequence[Sequence[float]],
    panel: Sequence[SimulatedAnnotator],
    *,
    seed: int,
    overlap: int = 1,
    overlap_share: float = 0.0,
    criterion: str = "helpful",
    guideline: str | None = None,
    started_at: datetime = datetime(2026, 1, 5, 9, tzinfo=UTC),
) -> list[Comparison]:
    """The comparisons with rankings by the panel: one each, and `overlap` for a share of them.

    Each comparison goes to whoever is free first, as on a labeling page that hands out the next task, so fast
    annotators rank more. Nobody ranks the same comparison twice.
    """
    desk = Desk(panel, seed=seed, criterion=criterion, guideline=guideline, started_at=started_at)
    if overlap > len(panel):
        raise ValueError(f"overlap is {overlap}, but the panel has only {len(panel)} annotators")
    rng = numpy_generator(seed, "simulated", "overlap")
    ranked = []
    for comparison, values in zip(comparisons, utilities, strict=True):
        votes = overlap if rng.random() < overlap_share else 1
        ranked.append(desk.serve(comparison, values, votes))
    return ranked


class Desk:
    """Hands each comparison to whoever is free first and has not ranked it, and keeps their clocks."""

    def __init__(
        self,
        panel: Sequence[SimulatedAnnotator],
        *,
        seed: int,
        criterion: str = "helpful",
        guideline: str | None = None,
        started_at: datetime = datetime(2026, 1, 5, 9, tzinfo=UTC),
    ) -> None:
        if not panel:
            raise ValueError("the panel is empty; give at least one SimulatedAnnotator")
        self.panel, self.seed = panel, seed
        self.criterion, self.guideline, self.started_at = criterion, guideline, started_at
        self.clocks = [_Clock(annotator) for annotator in panel]

    def serve(self, comparison: Comparison, utilities: Sequence[float], votes: int) -> Comparison:
        """The comparison with so many more rankings; fewer where the panel has no more who have not ranked it."""
        had = {ranking.annotator for ranking in comparison.rankings}
        able = [i for i in range(len(self.panel)) if self.panel[i].name not in had]
        rankings = []
        for i in sorted(able, key=lambda i: (self.clocks[i].free, i))[:votes]:
            clock = self.clocks[i]
            ranking = self.panel[i].rank(
                utilities,
                comparison=comparison.id,
                seed=self.seed,
                number=clock.done,
                minutes=(clock.free - clock.sitting_began) / 60,
                at=self.started_at + timedelta(seconds=clock.free),
                guideline=self.guideline,
                criterion=self.criterion,
            )
            assert ranking.seconds is not None
            clock.pass_time(ranking.seconds)
            rankings.append(ranking)
        return replace(comparison, rankings=(*comparison.rankings, *rankings))


class _Clock:
    """When an annotator is free, and since when they have been sitting, in seconds from the beginning."""

    def __init__(self, annotator: SimulatedAnnotator) -> None:
        self.limit = annotator.sitting_minutes
        self.free = self.sitting_began = 0.0
        self.done = 0

    def pass_time(self, seconds: float) -> None:
        self.free += seconds
        self.done += 1
        if self.limit is not None and self.free - self.sitting_began >= 60 * self.limit:
            day = 24 * 3600
            self.free = self.sitting_began = (self.free // day + 1) * day
