"""What others published on agreement about preferences."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """A published figure, in the set-up its authors used; `unstated` where they did not say how ties were counted."""

    who: str
    where: str
    with_ties: str | None = None
    decisive: str | None = None
    unstated: str | None = None


ANCHORS = (
    Anchor(
        who="MT-bench, experts, first turn",
        where="Zheng et al. 2023, table 5",
        with_ties="63 %",
        decisive="81 %",
    ),
    Anchor(
        who="MT-bench, experts, second turn",
        where="Zheng et al. 2023, table 5",
        with_ties="67 %",
        decisive="82 %",
    ),
    Anchor(who="AlpacaFarm, crowd workers", where="Dubois et al. 2023", unstated="66 %"),
    Anchor(
        who="InstructGPT, training labelers", where="Ouyang et al. 2022, section 3.4", unstated="72.6 ± 1.5 %"
    ),
    Anchor(
        who="InstructGPT, held-out labelers", where="Ouyang et al. 2022, section 3.4", unstated="77.3 ± 1.3 %"
    ),
    Anchor(
        who="Summaries, labeler and researcher",
        where="Stiennon et al. 2020, section 3.3",
        unstated="77 ± 2 %",
    ),
    Anchor(
        who="Summaries, researcher and researcher",
        where="Stiennon et al. 2020, section 3.3",
        unstated="73 ± 4 %",
    ),
    Anchor(
        who="Helpful and harmless, crowd worker and researcher",
        where="Bai et al. 2022, section 2",
        unstated="63 %",
    ),
)
