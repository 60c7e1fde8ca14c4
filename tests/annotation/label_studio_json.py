"""Annotations as Label Studio writes them, and any JSON that could stand in their place."""

from hypothesis import strategies as st


def ranker(buckets, **more):
    part = {"from_name": "rank", "to_name": "answers", "type": "ranker", "value": {"ranker": buckets}}
    return {"result": [part], "lead_time": 3.5, **more}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from("xyz"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "result",
                    "value",
                    "ranker",
                    "from_name",
                    "r1",
                    "r2",
                    "_",
                    "rank",
                    "selected",
                    "choices",
                    "text",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
