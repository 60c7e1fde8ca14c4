"""Agreement of whole rankings: Kendall's tau-b of every two that met, and W of every panel of three or more."""

from dataclasses import dataclass

import numpy as np

from workbench.statistics.annotator_pairs import Meetings
from workbench.statistics.bootstrap import Floats, cluster_sums, resample
from workbench.statistics.estimates import Estimate
from workbench.statistics.groups import group_equal_rows, group_rows
from workbench.statistics.pairs import Integers, PairLabels, RankBlock
from workbench.statistics.ranks import concordance, mid_ranks


@dataclass(frozen=True, kw_only=True)
class Coefficients:
    """One coefficient for every two rankings, or every panel, and how many were undefined."""

    values: Floats
    prompt: Integers
    undefined: int
    """Those in which a ranking ties everything: it orders nothing, so there is nothing to correlate."""

    def mean(
        self,
        num_prompts: int,
        *,
        draws: int,
        generator: np.random.Generator,
        reason: str,
        method: str = "percentile",
    ) -> Estimate:
        """The mean with its interval over prompts; n counts coefficients."""
        columns = np.stack([self.values, np.ones_like(self.values)], axis=1)
        sums = cluster_sums(self.prompt, columns, num_prompts)
        return resample(sums, draws=draws, generator=generator, method=method).share(0, reason)


def tau_b_of_meetings(labels: PairLabels, met: Meetings, *, at_least: int = 3) -> Coefficients:
    """Kendall's tau-b of every two rankings by different annotators that share at least `at_least` pairs.

    It is computed over the pairs that both judged: sum of the products of their judgements over the root of the
    product of their numbers of decisive ones.
    """
    apart = labels.annotator[met.one] != labels.annotator[met.two]
    one, two = met.one[apart], met.two[apart]
    swap = labels.ranking[one] > labels.ranking[two]
    one, two = np.where(swap, two, one), np.where(swap, one, two)
    key = labels.ranking[one] * (int(labels.ranking.max(initial=0)) + 1) + labels.ranking[two]
    found = group_rows(key)
    first, group, size = found.row, found.group, found.size
    a, b = labels.label[one].astype(np.float64), labels.label[two].astype(np.float64)
    score, n_one, n_two = (np.bincount(group, weights=w, minlength=len(first)) for w in (a * b, a * a, b * b))
    counted = size >= at_least
    defined = counted & (n_one > 0) & (n_two > 0)
    return Coefficients(
        values=score[defined] / np.sqrt(n_one[defined] * n_two[defined]),
        prompt=labels.prompt[one][first[defined]],
        undefined=int((counted & ~defined).sum()),
    )


def concordance_of_panels(labels: PairLabels, *, rankers: int = 3) -> Coefficients:
    """Kendall's W, corrected for ties, of every `rankers` or more annotators who ranked the same completions.

    The same: of one prompt, by one criterion, at least three. An annotator who ranked them again counts once, with
    the first ranking.
    """
    parts = [_block_concordance(block, rankers) for block in labels.blocks]
    values = np.concatenate([np.empty(0), *(part[0] for part in parts)])
    prompts = np.concatenate([np.empty(0, np.int64), *(part[1] for part in parts)])
    defined = np.isfinite(values)
    return Coefficients(values=values[defined], prompt=prompts[defined], undefined=int((~defined).sum()))


def _block_concordance(block: RankBlock, rankers: int) -> tuple[Floats, Integers]:
    """W and prompt of each panel in a block of rankings, (G,) each; NaN where all rankers tie everything."""
    ranked = block.ranks > 0
    # Each row's ranked completions in order of their number, then the unranked ones.
    items = np.where(ranked, block.items, np.iinfo(np.int64).max)
    order = np.argsort(items, axis=1, kind="stable")
    items, ranks = np.take_along_axis(items, order, 1), np.take_along_axis(block.ranks, order, 1)
    length = ranked.sum(1)
    key = np.concatenate([block.prompt[:, None], block.criterion[:, None], items], axis=1)
    long_enough = np.nonzero(length >= 3)[0]
    panel = group_equal_rows(key[long_enough]).group
    # One ranking an annotator and panel: the first.
    annotators = int(block.annotator.max(initial=0)) + 1
    once = group_rows(panel * annotators + block.annotator[long_enough]).row
    rows = long_enough[once]
    panels_of = group_rows(panel[once])
    starts, sizes = panels_of.row, panels_of.size  # `once` is in order of panel
    values: list[Floats] = [np.empty(0)]
    prompts: list[Integers] = [np.empty(0, np.int64)]
    for m, k in sorted({(int(m), int(length[rows[s]])) for m, s in zip(sizes, starts, strict=True)}):
        if m < rankers:
            continue
        chosen = starts[(sizes == m) & (length[rows[starts]] == k)]
        panels = rows[chosen[:, None] + np.arange(m)]  # (G, m)
        values.append(concordance(mid_ranks(ranks[panels][:, :, :k])))
        prompts.append(block.prompt[panels[:, 0]])
    return np.concatenate(values), np.concatenate(prompts)
