"""What others published on agreement about preferences, and the words of the agreement report explained."""

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

DEFINITIONS = {
    "Judgement, unit, meeting": (
        "A ranking of K completions makes a judgement on each of its pairs: the first is better, the second is better, "
        "or they tie. A unit is a prompt, a pair of its completions and a criterion; completions are matched by their "
        "words and source, so the same pair in another comparison is the same unit. A meeting is two judgements of one "
        "unit by two different annotators."
    ),
    "Raw agreement, ties counted": (
        "The share of meetings in which both judgements are the same, a tie being a verdict of its own. Pairs of "
        "judgements are counted, so a unit that many annotators judged weighs more."
    ),
    "Raw agreement, decisive only": (
        "The share of meetings with the same side among those in which both annotators took a side. Blind to how often "
        "annotators tie, and so higher than the figure with ties."
    ),
    "By chance": (
        "What raw agreement would be if every judgement were drawn at random from all judgements: the square of the "
        "share of ties plus half the square of the rest."
    ),
    "Krippendorff's alpha": (
        "1 minus observed over expected disagreement: 0 if annotators agree as chance would, 1 if they always agree, "
        "below 0 if they oppose each other. Nominal counts every difference the same; ordinal counts a tie against a "
        "side as a quarter of a side against the other. Both are averaged over which completion of a pair is called "
        "first, because alpha would otherwise depend on the order in which completions were stored."
    ),
    "Gwet's AC1": (
        "Like alpha with another idea of chance, less moved where one verdict takes nearly all. Far from alpha, it "
        "says that the marginals are lopsided."
    ),
    "Cohen's kappa": (
        "Agreement of two annotators corrected for what their own shares of ties and sides would give by chance, "
        "averaged over which completion is called first."
    ),
    "Kendall's tau-b and W": (
        "tau-b is the rank correlation of two rankings with ties allowed, over the pairs that both judged, for "
        "rankings that share at least three; W is the concordance of three or more annotators who ranked the same "
        "completions, corrected for ties. Rankings that tie everything have neither."
    ),
    "Interval": (
        "The middle 95 % of the figure over resamples of the prompts. All judgements on a prompt are drawn together, "
        "because they hang together; an interval over judgements as if they were independent would be too narrow."
    ),
    "First shown wins": (
        "The share of decisive judgements won by the completion that stood first. 50 % is no leaning, provided the "
        "order was drawn at random."
    ),
}
