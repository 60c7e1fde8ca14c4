"""The words that tests make their stories of."""

WORDS = [
    "the",
    "fox",
    "ran",
    "over",
    "a",
    "hill",
    "and",
    "saw",
    "one",
    "small",
    "house",
    "under",
    "an",
    "old",
    "tree",
]
