"""The demo's world as files: pretraining text, demonstrations, prompts, the guideline, the annotators and the truth."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from workbench.artifacts import write_file_aside
from workbench.jsonl import write_demonstrations, write_prompts
from workbench.records import Demonstration, Message, Prompt, PromptRecord
from workbench.seeds import numpy_generator
from workbench.statistics.simulated import SimulatedAnnotator
from workflow.demo_config import DemoSize
from workflow.demo_grammar import (
    Flaws,
    Request,
    draw_request,
    read_request,
    with_friend,
    write_facts,
    write_prompt,
    write_story,
    write_title,
)
from workflow.demo_utility import utility

GUIDELINE_VERSION = "v1"
GUIDELINE = """Which story would you rather read to a child who asked for it?

Read the request, then all stories, then rank them; stories that are equally good share a rank.
Better is a story
- that has in it what was asked for (hero, thing, place, mood, friend), and makes use of it;
- in which somebody meets a trouble and somebody kindly helps, with something that fits the trouble;
- that keeps its people, their names and their kinds straight, in sentences that read well;
- that comes to an end, at a fitting length, and says nothing twice.
"""

PANEL = (
    SimulatedAnnotator(name="sim-careful", noise=0.35, tie_width=0.10, seconds_per_completion=16),
    SimulatedAnnotator(name="sim-steady", noise=0.50, tie_width=0.15, seconds_per_completion=12),
    SimulatedAnnotator(name="sim-quick", noise=0.85, tie_width=0.15, seconds_per_completion=6),
    SimulatedAnnotator(name="sim-undecided", noise=0.50, tie_width=0.60, seconds_per_completion=14),
    SimulatedAnnotator(name="sim-first-is-best", noise=0.50, tie_width=0.15, position_bias=0.35),
    SimulatedAnnotator(name="sim-tiring", noise=0.40, tie_width=0.15, drift=2.0, seconds_per_completion=11),
)
"""Six simulated annotators; noise, tie width and bias in standard deviations of the utility over SFT samples."""

FACTS, EXCERPTS = 0.4, 0.35
"""Shares of the pretraining documents that are plain sentences about one hero or two, and two or three sentences of a
story; the others are whole stories. In short documents a name stands close to where it was first said: there a small
model learns within minutes to say the same name again, which it does not from whole stories alone (docs/demo.md)."""
PRETRAINING_FLAWS = replace(
    Flaws().scaled(0.5), other_thing=0.0, other_place=0.0, other_mood=0.0, other_friend=0.0, renamed=0.0
)
"""In pretraining every story keeps to its title, so that keeping to it is learned; the base also sees weak stories."""


def story_utility(prompt: Prompt, completions: Sequence[str]) -> list[float]:
    """The demo's hidden utility, which also drives its simulated annotators."""
    text = prompt if isinstance(prompt, str) else prompt[-1].content
    request = read_request(text)
    return [utility(request, completion) for completion in completions]


def write_corpus(path: Path, size: DemoSize, seed: int) -> int:
    """The pretraining text as JSON lines; returns the number of documents."""
    rng = numpy_generator(seed, "demo", "corpus")
    with write_file_aside(path) as file:
        for _ in range(size.corpus_documents):
            file.write((json.dumps({"text": document(rng)}) + "\n").encode())
    return size.corpus_documents


def document(rng: np.random.Generator) -> str:
    """One pretraining document: a few facts, an excerpt or a story under its title."""
    request, form = draw_request(rng), rng.random()
    if form < FACTS:
        return write_facts(
            with_friend(request, rng) if form < 0.55 * FACTS else replace(request, friend="", friend_kind=""),
            rng,
        )
    story = write_story(request, rng, PRETRAINING_FLAWS)
    if form >= FACTS + EXCERPTS:
        return f"{write_title(request, rng)} {story}"
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z\"])", story)
    if rng.random() < 0.55:
        beginning = " ".join(sentences[: int(rng.integers(1, 4))])
        return f"{write_title(request, rng)} {beginning}"
    first = int(rng.integers(0, max(1, len(sentences) - 1)))
    return " ".join(sentences[first : first + int(rng.integers(2, 4))])


def write_world(folder: Path, size: DemoSize, seed: int) -> None:
    """corpus.jsonl, demonstrations.jsonl, prompts.jsonl (pools without a shared prompt) and guideline.md."""
    write_corpus(folder / "corpus.jsonl", size, seed)
    pools = _pools(
        seed,
        sft=size.demonstrations,
        reward=size.ranked_prompts,
        rl=size.ppo_iterations * size.ppo_batch_size,
        evaluation=size.evaluation_prompts,
    )
    write_demonstrations(folder / "demonstrations.jsonl", _demonstrations(pools["sft"], seed))
    write_prompts(folder / "prompts.jsonl", (record for pool in pools.values() for record in pool))
    with write_file_aside(folder / "guideline.md") as file:
        file.write(GUIDELINE.encode())


def _pools(seed: int, **sizes: int) -> dict[str, list[PromptRecord]]:
    """Prompts by use; no request comes twice, in one pool or in two."""
    rng = numpy_generator(seed, "demo", "prompts")
    seen: set[Request] = set()
    pools: dict[str, list[PromptRecord]] = {}
    for use, count in sizes.items():
        pool: list[PromptRecord] = []
        while len(pool) < count:
            request = draw_request(rng)
            if request not in seen:
                seen.add(request)
                prompt = write_prompt(request, rng)
                tags = {"mood": request.mood}
                pool.append(PromptRecord(id=f"{use}-{len(pool):05}", prompt=prompt, use=use, tags=tags))
        pools[use] = pool
    return pools


def _demonstrations(prompts: Sequence[PromptRecord], seed: int) -> Iterator[Demonstration]:
    """A story of mixed quality for each prompt."""
    rng = numpy_generator(seed, "demo", "demonstrations")
    for record in prompts:
        assert isinstance(record.prompt, str)
        story = write_story(read_request(record.prompt), rng, Flaws())
        yield Demonstration(
            id=f"demonstration-{record.id}",
            messages=(Message("user", record.prompt), Message("assistant", story)),
            tags=record.tags,
        )
