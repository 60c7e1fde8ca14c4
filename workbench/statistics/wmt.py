"""Agreement as the WMT shared tasks published it, so that their tables can be reproduced and compared with ours.

Their kappa (Bojar et al. 2016, "Findings of the 2016 Conference on Machine Translation") compares two
judgements only where the two outputs were shown in the same order, and its "inter-annotator" figure counts a judge's
own repeats too. Chance is the pooled, symmetrised one: p_e = P(tie)^2 + 2 (P(not tie) / 2)^2.
"""

from dataclasses import dataclass

import numpy as np

from workbench.statistics.agreement import count_units
from workbench.statistics.pairs import Integers, PairLabels


@dataclass(frozen=True, kw_only=True)
class WMTAgreement:
    """The four counts of a published row, and the three figures made from them."""

    agree: int
    comparable: int
    ties: int
    total: int

    @property
    def observed(self) -> float:
        """Share of comparable pairs of judgements that agree, pA."""
        return self.agree / self.comparable

    @property
    def expected(self) -> float:
        """Chance agreement, pE."""
        tie = self.ties / self.total
        return tie**2 + (1 - tie) ** 2 / 2

    @property
    def kappa(self) -> float:
        """(pA - pE) / (1 - pE)."""
        return (self.observed - self.expected) / (1 - self.expected)


def published_inter(labels: PairLabels) -> WMTAgreement:
    """Any two judgements on a pair shown in the same order, one judge's own repeats included."""
    agree, comparable, _ = _matches(_same_order(labels), labels.label)
    return WMTAgreement(
        agree=int(agree.sum()), comparable=int(comparable.sum()), ties=_ties(labels), total=len(labels)
    )


def published_intra(labels: PairLabels) -> WMTAgreement:
    """Two judgements by one judge on a pair shown in the same order.

    Ties and total count all judgements of a judge on a segment where at least one such repeat exists.
    """
    judges = max(len(labels.judges), 1)
    agree, comparable, first = _matches(_same_order(labels) * judges + labels.annotator, labels.label)
    task = labels.prompt * judges + labels.annotator
    counted = labels.where(np.isin(task, task[first[comparable > 0]]))
    return WMTAgreement(
        agree=int(agree.sum()), comparable=int(comparable.sum()), ties=_ties(counted), total=len(counted)
    )


def order_free(labels: PairLabels) -> WMTAgreement:
    """Two judgements by different judges on a pair, whatever the order shown: the definition used everywhere else."""
    met = count_units(labels).met.sum(0) / 2
    return WMTAgreement(
        agree=round(float(np.trace(met))),
        comparable=round(float(met.sum())),
        ties=_ties(labels),
        total=len(labels),
    )


def _same_order(labels: PairLabels) -> Integers:
    """A number for each unit and order shown."""
    return labels.unit * 3 + labels.first_shown + 1


def _matches(key: Integers, label: Integers) -> tuple[Integers, Integers, Integers]:
    """For each distinct key: pairs of judgements that agree, pairs, and the key's first row."""
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    counts = np.bincount(group * 3 + label + 1, minlength=len(first) * 3).reshape(-1, 3)
    size = counts.sum(1)
    return (counts * (counts - 1) // 2).sum(1), size * (size - 1) // 2, first


def _ties(labels: PairLabels) -> int:
    return int((labels.label == 0).sum())
