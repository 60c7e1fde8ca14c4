"""A comparison as a line of a file, and how many rows an import left."""

from sqlalchemy import func, select

from storage.tables import Comparison, Completion, Ranking, Submission

LINE = {
    "id": "c1",
    "prompt": "Which?",
    "completions": [{"text": "a"}, {"text": "b"}, {"text": "c"}],
    "rankings": [{"id": "r1", "annotator": "a1", "ranks": [1, 2, 2]}],
}


def counts(session):
    tables = {
        "comparisons": Comparison,
        "completions": Completion,
        "submissions": Submission,
        "rankings": Ranking,
    }
    return {name: session.scalar(select(func.count()).select_from(table)) for name, table in tables.items()}
