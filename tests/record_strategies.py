"""Hypothesis strategies for records: everything that comparisons.jsonl may hold, small."""

from hypothesis import strategies as st

from workbench.records import ANNOTATOR_KINDS, COMPARISON_KINDS, Comparison, Completion, Message, Ranking

# Any text that can be stored: no lone surrogates, no NUL.
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12)
filled = texts.filter(bool)
numbers = st.floats(0, 1e6, allow_nan=False).map(lambda x: round(x, 3))
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | numbers | texts
times = st.none() | st.datetimes().map(lambda t: t.isoformat() + "Z")

prompts = texts | st.lists(
    st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=texts),
    min_size=1,
    max_size=3,
).map(tuple)
completions = st.builds(
    Completion,
    text=texts,
    source=st.lists(filled, max_size=2).map(tuple),
    sampling=st.none() | st.dictionaries(filled, scalars, min_size=1, max_size=2),
)


@st.composite
def rankings(draw, k):
    """A ranking of k completions; skipped ones and ones that show a subset are among them."""
    order = draw(
        st.none() | st.permutations(range(k)).flatmap(lambda p: st.integers(0, k).map(lambda n: tuple(p[:n])))
    )
    shown = set(range(k)) if order is None else set(order)
    skipped = draw(st.booleans())
    ranks = tuple(draw(st.none() | st.integers(1, 5)) if i in shown else None for i in range(k))
    per_item = st.lists(st.lists(texts, max_size=2).map(tuple), min_size=k, max_size=k).map(tuple)
    flags = draw(per_item)
    return Ranking(
        id="",
        annotator=draw(st.sampled_from(["a1", "a2", "ä"])),
        annotator_kind=draw(st.sampled_from(ANNOTATOR_KINDS)),
        ranks=None if skipped else ranks,
        order=order,
        criterion=draw(st.sampled_from(["helpful", "honest"])),
        guideline=draw(st.none() | st.sampled_from(["v1", "v2"])),
        outcome="skipped" if skipped else "ranked",
        reason=draw(st.none() | texts) if skipped else None,
        at=draw(times),
        strength=draw(st.none() | numbers),
        seconds=draw(st.none() | numbers),
        flags=flags if any(flags) else (),
        answers=draw(
            st.dictionaries(texts, st.lists(scalars, min_size=k, max_size=k).map(tuple), max_size=2)
        ),
        note=draw(st.none() | texts),
        attempt=draw(st.integers(1, 2)),
    )


@st.composite
def comparisons(draw, identifier=filled):
    """A comparison with zero to three rankings, without ids where `identifier` gives an empty one."""
    k = draw(st.integers(1, 4))
    kind = draw(st.sampled_from(COMPARISON_KINDS))
    return Comparison(
        id=draw(identifier),
        prompt=draw(prompts),
        completions=tuple(draw(st.lists(completions, min_size=k, max_size=k))),
        rankings=tuple(draw(st.lists(rankings(k), max_size=3))),
        tags=draw(st.dictionaries(texts, texts, max_size=2)),
        kind=kind,
        repeat_of=draw(filled) if kind == "repeat" else None,
    )
