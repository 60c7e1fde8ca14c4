"""The layout: the XML by which Label Studio shows a comparison, and the names that its results carry."""

MOST_TIERS = 9
RANKER = "rank"
PAIR = "pair"
STRENGTH = "strength"
NOTE = "note"
ASIDE = "aside"
STRENGTHS = {"equally good": 0.0, "slightly better": 1.0, "better": 2.0, "much better": 3.0}

# Buckets, not a plain list: a plain list records the order shown as a ranking when someone just presses Submit.
_RANKER = """<View>
  <Text name="prompt" value="$prompt"/>
  <List name="answers" value="$items" title="Not placed yet"/>
  <Ranker name="{name}" toName="answers">
{buckets}
    <Bucket name="{aside}" title="Set aside (cannot be ranked)"/>
  </Ranker>
  <TextArea name="{note}" toName="prompt" placeholder="Note (optional)" maxSubmissions="1"/>
</View>
"""
_PAIRWISE = """<View>
  <Text name="prompt" value="$prompt"/>
  <Pairwise name="{name}" toName="left,right"/>
  <Text name="left" value="$left"/>
  <Text name="right" value="$right"/>
  <Header value="How much better? For a tie choose 'equally good' and no side."/>
  <Choices name="{strength}" toName="prompt" choice="single">
{choices}
  </Choices>
  <TextArea name="{note}" toName="prompt" placeholder="Note (optional)" maxSubmissions="1"/>
</View>
"""


def label_config(layout: str, tiers: int) -> str:
    """The XML of a layout."""
    if layout == "pairwise":
        choices = "\n".join(f'    <Choice value="{value}"/>' for value in STRENGTHS)
        return _PAIRWISE.format(name=PAIR, strength=STRENGTH, note=NOTE, choices=choices)
    titles = ["1 (best)", *(str(tier) for tier in range(2, tiers + 1))]
    buckets = "\n".join(
        f'    <Bucket name="{bucket(tier)}" title="{title}"/>' for tier, title in enumerate(titles, start=1)
    )
    return _RANKER.format(name=RANKER, aside=ASIDE, note=NOTE, buckets=buckets)


def bucket(tier: int) -> str:
    """The name of a tier's bucket."""
    return f"r{tier}"
