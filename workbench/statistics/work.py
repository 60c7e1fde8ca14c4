"""How annotators work: fatigue within a sitting, drift over their work, speed, and one answer given again and again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workbench.statistics.annotator_pairs import jackknife
from workbench.statistics.annotators import against_others, are_ties, first_shown_wins, resample_rows
from workbench.statistics.bootstrap import Floats, Resampled, cluster_sums, column_sums, ratio
from workbench.statistics.estimates import Estimate
from workbench.statistics.groups import group_rows
from workbench.statistics.pairs import Bools, Integers, PairLabels, RankBlock
from workbench.statistics.ranks import mid_ranks

PAUSE = 30 * 60.0
"""Seconds without work after which a new sitting begins."""
MINUTES = (0, 15, 30, 60, 120)
"""Where the spans of a sitting begin, in minutes."""
QUARTERS = ("first quarter", "second quarter", "third quarter", "last quarter")
FEW_RANKINGS = 20
"""Rankings below which an annotator's order of work is not looked at."""
FEW_HALF = 15
"""Decisive meetings that each half of the work needs for a drift."""
NO_TIMES = "when rankings were made is not recorded"
NO_SECONDS = "how long rankings took is not recorded"


@dataclass(frozen=True, kw_only=True)
class Span:
    """A part of the work: minutes of a sitting, or a quarter of each annotator's rankings."""

    name: str
    rankings: int
    decisive: Estimate
    """Decisive agreement with the others' judgements, whenever those were made; n counts each judgement of the span
    with each of the others'."""
    ties: Estimate
    first_shown: Estimate
    seconds: Estimate
    """Median seconds a ranking; n counts rankings with a time."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """One annotator over time."""

    drift: Estimate
    """Decisive agreement with others in the second half of the work less that in the first; n counts meetings."""
    streak: int | None
    """The longest run of rankings with one and the same pattern of tiers by place on the page; None: no order known."""
    streak_chance: float | None
    """At most this probable for answers drawn from the whole panel's patterns."""
    hurried: Estimate
    """Share of rankings done in under a third of the median annotator's median time for as many completions."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """How the panel works."""

    by_minute: Sequence[Span]
    by_quarter: Sequence[Span]
    paces: Sequence[Pace]
    """In the order of the labels' judges."""
    no_minutes: str | None
    """Why the work is not shown by minute, if it is not."""
    no_quarters: str | None


def measure_work(
    labels: PairLabels, *, draws: int, generator: np.random.Generator, method: str = "percentile"
) -> Work:
    """Fatigue, drift, speed and streaks."""
    rankings = labels.by_ranking
    columns = [*against_others(labels), *are_ties(labels), *first_shown_wins(labels)]

    def spans_of(part: Integers, names: Sequence[str]) -> list[Span]:
        own = part[labels.ranking]
        spans = []
        for i, name in enumerate(names):
            if not np.any(part == i):
                continue
            rows = np.flatnonzero(own == i)
            found = resample_rows(
                labels.prompt[rows], [column[rows] for column in columns], draws, generator, method
            )
            spans.append(_span(name, found, rankings.seconds[part == i]))
        return spans

    place, size = _order_of_work(rankings.annotator, rankings.when)
    long = size >= FEW_RANKINGS
    quarter = np.where(long & (place >= 0), place * 4 // np.maximum(size, 1), -1)
    minute = _minute_of_sitting(rankings.annotator, rankings.when, rankings.seconds)
    timed = np.isfinite(minute)
    span = np.where(timed, np.searchsorted(MINUTES, np.where(timed, minute, 0), side="right") - 1, -1)
    no_quarters = (
        None
        if (quarter >= 0).any()
        else (
            f"nobody made {FEW_RANKINGS} rankings with a time"
            if np.isfinite(rankings.when).any()
            else NO_TIMES
        )
    )
    return Work(
        by_minute=spans_of(span, [_minutes(i) for i in range(len(MINUTES))]),
        by_quarter=spans_of(quarter, QUARTERS),
        paces=_paces(labels, place, size),
        no_minutes=None if timed.any() else NO_TIMES,
        no_quarters=no_quarters,
    )


def _span(name: str, found: Resampled, seconds: Floats) -> Span:
    known = seconds[np.isfinite(seconds)]
    return Span(
        name=name,
        rankings=len(seconds),
        decisive=found.share(2, "no decisive judgement met another's"),
        ties=found.share(4, "no judgements"),
        first_shown=found.share(6, "the order shown is not recorded"),
        seconds=Estimate(float(np.median(known)), n=len(known))
        if len(known)
        else Estimate.missing(NO_SECONDS),
    )


def _minutes(i: int) -> str:
    return f"{MINUTES[i]} to {MINUTES[i + 1]} min" if i + 1 < len(MINUTES) else f"{MINUTES[i]} min and later"


def _order_of_work(who: Integers, when: Floats) -> tuple[Integers, Integers]:
    """Each ranking's place in its annotator's work (-1 without a time), and how many timed ones that annotator has."""
    place = np.full(len(who), -1)
    known = np.flatnonzero(np.isfinite(when))
    order = known[np.lexsort((when[known], who[known]))]
    _, starts, inverse, sizes = np.unique(
        who[order], return_index=True, return_inverse=True, return_counts=True
    )
    place[order] = np.arange(len(order)) - starts[inverse]
    total = np.zeros(len(who), np.int64)
    total[order] = sizes[inverse]
    return place, total


def _minute_of_sitting(who: Integers, when: Floats, seconds: Floats) -> Floats:
    """Minutes from the beginning of the annotator's sitting to each ranking's end; NaN without a time."""
    out = np.full(len(who), np.nan)
    known = np.flatnonzero(np.isfinite(when))
    order = known[np.lexsort((when[known], who[known]))]
    begun = when[order] - np.where(np.isfinite(seconds[order]), np.minimum(seconds[order], PAUSE), 0)
    new = np.ones(len(order), bool)
    new[1:] = (who[order][1:] != who[order][:-1]) | (begun[1:] - when[order][:-1] > PAUSE)
    sitting = np.cumsum(new) - 1
    out[order] = (when[order] - begun[new][sitting]) / 60
    return out


def _paces(labels: PairLabels, place: Integers, size: Integers) -> list[Pace]:
    judges = len(labels.judges)
    late = place * 2 >= size
    drift = _drift(labels, late[labels.ranking], (place >= 0)[labels.ranking], judges)
    streaks, chances = _streaks(labels.blocks, judges)
    hurried = _hurried(labels.blocks, judges)
    return [
        Pace(
            drift=drift[i],
            streak=int(streaks[i]) if streaks[i] > 0 else None,
            streak_chance=float(chances[i]) if streaks[i] > 0 else None,
            hurried=hurried[i],
        )
        for i in range(judges)
    ]


def _drift(labels: PairLabels, late: Bools, timed: Bools, judges: int) -> list[Estimate]:
    """The change of decisive agreement from the first to the second half, with jackknife intervals over prompts."""
    rows = np.flatnonzero(timed)
    agreed, met = (column[rows] for column in against_others(labels)[2:4])
    second = late[rows]
    columns = [agreed * ~second, met * ~second, agreed * second, met * second]
    found = group_rows(labels.annotator[rows] * max(labels.num_prompts, 1) + labels.prompt[rows])
    sums = column_sums(found.group, columns, len(found))
    who = found.keys // max(labels.num_prompts, 1)
    totals = cluster_sums(who, sums, judges)
    value, low, high = jackknife(_difference, sums, who, totals, (-1, 1))
    out = []
    for i in range(judges):
        n = round(float(totals[i, 1] + totals[i, 3]))
        if not len(rows):
            out.append(Estimate.missing(NO_TIMES))
        elif min(totals[i, 1], totals[i, 3]) < FEW_HALF or not np.isfinite(low[i]):
            out.append(
                Estimate.missing(f"fewer than {FEW_HALF} decisive judgements met another's in one half", n)
            )
        else:
            out.append(Estimate(float(value[i]), float(low[i]), float(high[i]), n))
    return out


def _difference(totals: Floats) -> Floats:
    return np.asarray(ratio(totals[..., 2:4]) - ratio(totals[..., 0:2]))


def _streaks(blocks: Sequence[RankBlock], judges: int) -> tuple[Integers, Floats]:
    """Each annotator's longest run of one pattern, 0 where no order is known, and how probable so long a run is.

    A pattern is the tiers from the first place on the page to the last. With p_i the share of pattern i in the panel's
    rankings, a run of L among n rankings has a probability of at most n times the sum over i of p_i^L (union bound).
    """
    parts = [_patterns(block) for block in blocks]
    who, when, pattern = (
        np.concatenate([empty, *(part[i] for part in parts)])
        for i, empty in enumerate((np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)))
    )
    longest = np.zeros(judges, np.int64)
    if not len(who):
        return longest, np.ones(judges)
    order = np.lexsort((when, who))
    who, pattern = who[order], pattern[order]
    new = np.ones(len(who), bool)
    new[1:] = (who[1:] != who[:-1]) | (pattern[1:] != pattern[:-1])
    starts = np.flatnonzero(new)
    np.maximum.at(longest, who[starts], np.diff(np.append(starts, len(who))))
    _, count = np.unique(pattern, return_counts=True)
    # Patterns that are equally frequent are raised to the power once.
    frequency, patterns = np.unique(count, return_counts=True)
    run = (frequency / len(who)) ** longest[:, None] @ patterns.astype(np.float64)  # (judges,)
    return longest, np.minimum(np.bincount(who, minlength=judges) * run, 1.0)


def _patterns(block: RankBlock) -> tuple[Integers, Floats, Integers]:
    """Annotator, time and pattern (as a number) of the rankings in a block whose order is known."""
    k = block.items.shape[1]
    known = np.flatnonzero((block.positions >= 0).any(1)) if k > 1 else np.empty(0, np.int64)
    by_place = np.zeros((len(known), k), np.int64)
    row, item = np.nonzero(block.positions[known] >= 0)
    by_place[row, block.positions[known][row, item]] = block.ranks[known][row, item]
    tiers = (2 * mid_ranks(by_place)).astype(np.int64)
    mark = np.random.default_rng(k).integers(1, 2**40, k)
    return block.annotator[known], np.nan_to_num(block.when[known]), (tiers * mark).sum(1)


def _hurried(blocks: Sequence[RankBlock], judges: int) -> list[Estimate]:
    fast, timed = np.zeros(judges), np.zeros(judges)
    for block in blocks:
        known = np.flatnonzero(np.isfinite(block.seconds))
        if not len(known):
            continue
        who, seconds = block.annotator[known], block.seconds[known]
        # The median annotator, so that those who hurry, and so rank much, do not set the pace.
        usual = np.median([np.median(seconds[who == i]) for i in np.unique(who)])
        fast += np.bincount(who, weights=seconds < usual / 3, minlength=judges)
        timed += np.bincount(who, minlength=judges)
    return [
        Estimate(float(fast[i] / timed[i]), n=int(timed[i])) if timed[i] else Estimate.missing(NO_SECONDS)
        for i in range(judges)
    ]
