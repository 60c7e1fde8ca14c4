"""Damaged gold: what is spoilt and how, and that the pair is decided and nothing else."""

import random

import pytest

from annotation.damage import damaged_comparisons, make_damaged_gold, shuffle, truncate
from cli.main import main
from storage.comparisons import read_comparisons
from storage.importing import import_comparisons
from storage.projects import get_project
from workbench.errors import DataError
from workbench.records import Comparison, Completion

LONG = "the quick brown fox jumps over the lazy dog and then it sleeps in the warm sun"


def sources(num, text=LONG):
    return [
        Comparison(
            id=f"c{n}", prompt=f"p{n}", completions=(Completion(text=f"{text} {n}"), Completion(text="short"))
        )
        for n in range(num)
    ]


def test_each_kind_of_damage_takes_its_turn():
    made = list(damaged_comparisons(sources(6), 6, seed=1))
    assert [gold.tags["damage"] for gold in made] == ["truncated", "shuffled", "misplaced"] * 2
    for n, gold in enumerate(made):
        whole, spoilt, rest = (completion.text for completion in gold.completions)
        assert (whole, rest) == (f"{LONG} {n}", "short")
        if gold.tags["damage"] == "truncated":
            assert whole.startswith(spoilt) and 0.25 < len(spoilt.split()) / len(whole.split()) <= 0.5
        elif gold.tags["damage"] == "shuffled":
            assert sorted(spoilt.split()) == sorted(whole.split()) and spoilt != whole
        else:
            assert spoilt == f"{LONG} {(n + 1) % 6}"
        (right,) = gold.rankings
        assert (gold.kind, right.annotator_kind, right.ranks) == ("gold", "adjudicator", (1, 2, None))
    assert made == list(damaged_comparisons(sources(6), 6, seed=1))
    assert made != list(damaged_comparisons(sources(6), 6, seed=2))


def test_text_without_spaces_is_spoilt_by_characters():
    text = "敏捷的棕色狐狸跳过了那只懒狗然后在温暖的阳光下睡着了"
    draw = random.Random(0)
    assert text.startswith(truncate(text, draw, "")) and len(truncate(text, draw, "")) <= len(text) / 2
    assert sorted(shuffle(text, draw, "")) == sorted(text)


def test_made_in_a_project_twice_adds_nothing(service, capsys):
    with service.database.writing() as session:
        project = get_project(session, "stories")
        with pytest.raises(DataError, match="0 comparisons have a completion of 12 words or more"):
            make_damaged_gold(session, project.id, 5, seed=0, actor="me")
        import_comparisons(session, project.id, lambda _: enumerate(sources(4), 1), source="test")
    assert main(["gold", "damaged", "--project", "stories", "--count", "3"]) == 0
    assert "3 gold comparisons added to stories, 0 were there" in capsys.readouterr().out
    assert main(["gold", "damaged", "--project", "stories", "--count", "3"]) == 0
    assert "0 gold comparisons added to stories, 3 were there" in capsys.readouterr().out
    with service.database.reading() as session:
        kinds = [comparison.kind for comparison in read_comparisons(session, project.id)]
    assert sorted(kinds) == ["gold"] * 3 + ["ordinary"] * 4
    assert main(["gold", "accuracy", "--project", "stories"]) == 0
    assert "nobody has worked in this project yet" in capsys.readouterr().out
