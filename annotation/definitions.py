"""The words of the agreement report, explained."""

SECTION_TERMS = {
    "how much": (
        "Judgement, unit, meeting",
        "Raw agreement, ties counted",
        "Raw agreement, decisive only",
        "By chance",
        "Mean of the prompts",
        "Krippendorff's alpha",
        "Gwet's AC1",
        "Kendall's tau-b and W",
        "Interval",
    ),
    "who": (
        "Cohen's kappa",
        "Reliability",
        "First shown wins",
        "With themselves",
        "Without them",
        "Drift",
        "Streak",
        "Hurried",
        "Sitting",
    ),
    "on what": ("Disputed prompts", "Difference in length"),
    "enough": ("More prompts for an interval", "Ceiling of a reward model", "Majority of votes"),
    "advice": ("Standing out",),
}
"""The words explained under each section of the report, one click away."""

DEFINITIONS = {
    "Judgement, unit, meeting": (
        "A ranking of K completions makes a judgement on each of its pairs: the first is better, the second is "
        "better, or they tie. A unit is a prompt, a pair of its completions and a criterion; completions are "
        "matched by their words and source, so the same pair in another comparison is the same unit. A meeting is "
        "two judgements of one unit by two different annotators."
    ),
    "Raw agreement, ties counted": (
        "The share of meetings in which both judgements are the same, a tie being a verdict of its own. Pairs of "
        "judgements are counted, so a unit that many annotators judged weighs more."
    ),
    "Raw agreement, decisive only": (
        "The share of meetings with the same side among those in which both annotators took a side. Blind to how "
        "often annotators tie, and so higher than the figure with ties."
    ),
    "By chance": (
        "What raw agreement would be if every judgement were drawn at random from all judgements: the square of the"
        " share of ties plus half the square of the rest."
    ),
    "Krippendorff's alpha": (
        "1 minus observed over expected disagreement: 0 if annotators agree as chance would, 1 if they always "
        "agree, below 0 if they oppose each other. Nominal counts every difference the same; ordinal counts a tie "
        "against a side as a quarter of a side against the other. Both are averaged over which completion of a pair"
        " is called first, because alpha would otherwise depend on the order in which completions were stored."
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
        "The middle 95 % of the figure over resamples of the prompts. All judgements on a prompt are drawn "
        "together, because they hang together; an interval over judgements as if they were independent would be too"
        " narrow."
    ),
    "First shown wins": (
        "The share of decisive judgements won by the completion that stood first. 50 % is no leaning, provided the "
        "order was drawn at random."
    ),
    "Mean of the prompts": (
        "Each prompt's own share of agreement, averaged so that a prompt with many judgements weighs no more than "
        "another."
    ),
    "With themselves": (
        "The share of agreement between two judgements of one unit by the same annotator: what anybody else could "
        "reach at best. It needs comparisons that are served twice."
    ),
    "Without them": (
        "The panel's figure with the annotator's judgements left out. If it is higher than the panel's, they pull "
        "it down."
    ),
    "Drift": (
        "Decisive agreement with the others in the second half of the annotator's rankings, less that in the first,"
        " with a jackknife interval over prompts. Judgements of the others count whenever they were made."
    ),
    "Streak": (
        "The longest run of rankings, in order of work, with the same tiers from the first place on the page to the"
        " last. The order of completions is drawn anew for each ranking, so a long run means that places were "
        "ranked and not completions. Beside it stands a bound on how probable so long a run is by chance."
    ),
    "Hurried": (
        "The share of rankings made in under a third of the median annotator's median time for as many "
        "completions."
    ),
    "Sitting": ("Rankings without a pause of more than 30 minutes between one and the next."),
    "Disputed prompts": (
        "The prompts with the most disagreement beyond what their number of meetings would have at the panel's "
        "rate; a tie against a side counts half. Votes are those on the prompt's most disputed pair of completions."
    ),
    "Difference in length": (
        "The difference of two completions' characters over those of the longer one. That the longer one wins more "
        "often is no fault by itself; it should be meant."
    ),
    "More prompts for an interval": (
        "The width of an interval falls with the root of the number of prompts, so a half as wide one takes four "
        "times as many, ranked with the same overlap."
    ),
    "Ceiling of a reward model": (
        "If the better-liked completion of a pair wins a judgement with probability q, two judgements agree with "
        "probability a = E[q² + (1 − q)²], and a model that always names it is right with E[q] against single "
        "judgements. So its accuracy lies between a (every pair is clear to all or a coin flip) and (1 + √(2a − 1))"
        " / 2 (annotators are as noisy on one pair as on any other). More labels do not lift it; clearer ones do."
    ),
    "Majority of votes": (
        "How often the majority of so many decisive votes names the better-liked completion, if annotators are as "
        "noisy on one pair as on any other; an upper bound where some pairs are coin flips."
    ),
    "Standing out": (
        "An annotator or a slice is named where its distance from the panel is large enough to matter and beyond "
        "what the largest of as many would reach by chance in one report of twenty (Bonferroni, with Student's t, "
        "since few rankings make an uncertain error)."
    ),
    "Reliability": (
        "The probability with which an annotator follows the preferences that the whole panel's votes point to, rather "
        "than their reverse, by CrowdBT (Chen et al. 2013) with ties and a position bias for each annotator; at 1/2 "
        "the votes say nothing. It is drawn towards 0.88 where there are few votes. Training may weigh votes by it."
    ),
}
