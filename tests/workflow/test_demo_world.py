"""The demo's world: stories that keep to their request, and a utility that cannot be had cheaply."""

import re

import numpy as np
import pytest

from workflow.demo_config import SIZES
from workflow.demo_grammar import Flaws, draw_request, read_request, write_prompt, write_story
from workflow.demo_utility import WEIGHTS, properties, utility
from workflow.demo_words import KIND_OF, KINDS
from workflow.demo_world import document, story_utility, write_world


def _stories(count, flaws=None, seed=0):
    rng = np.random.default_rng(seed)
    requests = [draw_request(rng) for _ in range(count)]
    return [(request, write_story(request, rng, flaws)) for request in requests]


def test_a_prompt_tells_its_request():
    rng = np.random.default_rng(0)
    for _ in range(300):
        request = draw_request(rng)
        assert read_request(write_prompt(request, rng)) == request


def test_a_text_that_is_no_prompt_of_this_world_is_refused():
    with pytest.raises(ValueError, match="not a prompt"):
        read_request("Write a poem about the sea.")


def test_stories_without_flaws_are_nearly_all_better_than_flawed_ones():
    good = np.array([utility(r, s) for r, s in _stories(150)])
    flawed = np.array([utility(r, s) for r, s in _stories(150, Flaws())])
    # About one flawed story in ten has no flaw at all.
    assert (good[:, None] > flawed[None]).mean() > 0.9
    assert good.mean() > flawed.mean() + 1.3 * flawed.std()


def test_everybody_is_always_the_same_kind_of_animal():
    for request, story in _stories(100, Flaws()):
        for name, kind in re.findall(r"\b(\w+) the (\w+)", story):
            if name in KIND_OF and kind in KINDS:
                assert kind == KIND_OF[name], story
        assert request.kind == KIND_OF[request.hero]


def test_no_slot_or_bracket_is_left_in_a_story():
    for _, story in _stories(300, Flaws()):
        assert not set(story) & set("{}[]")
        assert story[0].isupper()


def test_each_flaw_costs():
    none = Flaws().scaled(0)
    clean = np.mean([utility(r, s) for r, s in _stories(120, none)])
    for name in vars(none):
        certain = Flaws(**{**vars(none), name: 1.0})
        # Seldom asked for a friend: there the flaw shows in one story of four.
        assert np.mean([utility(r, s) for r, s in _stories(120, certain)]) < clean - 0.03, name


def test_the_utility_depends_on_the_prompt():
    stories = _stories(100)
    own = [utility(request, story) for request, story in stories]
    others = [utility(stories[i - 1][0], story) for i, (_, story) in enumerate(stories)]
    assert np.mean(np.array(own) > np.array(others)) > 0.97


def test_stuffing_repeating_and_word_salad_do_not_pay():
    rng = np.random.default_rng(7)
    for request, story in _stories(40):
        best = utility(request, story)
        assert utility(request, f"{story} {story}") < best - 0.5
        words = story.split()
        assert utility(request, " ".join(rng.permutation(words))) < best - 2
        wanted = f"{request.hero} the {request.kind}, {request.thing}, {request.place}, {request.mood}."
        assert utility(request, " ".join([wanted] * 8)) < best - 3


def test_the_utility_is_dense():
    values = np.array([utility(r, s) for r, s in _stories(200, Flaws(), seed=3)])
    gaps = np.abs(values[:100] - values[100:])
    assert (gaps == 0).mean() <= 0.02
    assert (gaps < 0.1 * values.std()).mean() <= 0.15


def test_properties_are_those_of_the_weights():
    request, story = _stories(1)[0]
    assert list(properties(request, story)) == list(WEIGHTS)


def test_the_world_is_the_same_for_the_same_seed_and_pools_are_disjoint(tmp_path):
    from workbench.jsonl import read_prompts

    for name in ("a", "b"):
        write_world(tmp_path / name, SIZES["small"], seed=1)
    for file in ("corpus.jsonl", "prompts.jsonl", "demonstrations.jsonl"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    records = list(read_prompts(tmp_path / "a" / "prompts.jsonl"))
    assert len({record.prompt for record in records}) == len(records)
    assert {record.use for record in records} == {"sft", "reward", "rl", "evaluation"}


def test_documents_come_in_three_lengths():
    rng = np.random.default_rng(0)
    lengths = [len(document(rng).split()) for _ in range(200)]
    assert min(lengths) < 20
    assert max(lengths) > 55


def test_the_ground_truth_takes_prompts_as_they_are():
    assert (
        len(story_utility("Write a funny story with a drum and a barn about Tom the owl.", ["", "Tom sat."]))
        == 2
    )
