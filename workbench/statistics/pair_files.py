"""Reading a large file of rankings into pair labels: each core reads a part of it in a process of its own."""

import multiprocessing
import os
import signal
from collections.abc import Iterable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeVar

import numpy as np

from workbench.cycles import no_search_for_cycles
from workbench.errors import AccordError, DataError
from workbench.jsonl import FilePart, cut_file, read_comparisons
from workbench.statistics.pair_blocks import Block
from workbench.statistics.pair_reader import PairReader, expand_pairs
from workbench.statistics.pairs import Integers, PairLabels

FEWEST_BYTES = 64_000_000
"""Of a part: a process needs a second to begin, in which it could have read a third of this."""
MOST_PARTS = 4

Name = TypeVar("Name")


def read_pairs(path: str | Path) -> PairLabels:
    """What `expand_pairs` makes of the comparisons of a .jsonl or .jsonl.gz file; errors as in `read_comparisons`."""
    path = Path(path)
    parts = 1
    if path.suffix != ".gz" and path.is_file():
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        parts = min(cores, MOST_PARTS, path.stat().st_size // FEWEST_BYTES)
    return expand_pairs(read_comparisons(path)) if parts < 2 else read_in_parts(path, parts)


def read_in_parts(path: Path, parts: int) -> PairLabels:
    """The same of a plain file with a process for each part; the parts change nothing in what comes out.

    Raises the error of the first bad line of the file; DataError where a process dies.
    """
    first, *others = cut_file(path, parts)
    helpers = [_Helper(path, part) for part in others]
    try:
        with no_search_for_cycles():
            reader = _read(path, first)
            for helper in helpers:
                join(reader, helper.result())
    finally:
        for helper in helpers:
            helper.end()
    return reader.labels()


def join(reader: PairReader, later: PairReader) -> None:
    """Have `reader` know what it would if it had gone on with what `later` read; `later` is used up."""
    known_prompts, known_items, comparisons = len(reader.prompts), len(reader.items), len(reader.tags)
    prompts = _join_names(reader.prompts, later.prompts)
    places = prompts.tolist()
    items = _join_names(
        reader.items, [(places[prompt], text, source) for prompt, text, source in later.items]
    )
    words = [
        reader.words.setdefault((places[prompt], text), -1 - len(reader.words))
        for prompt, text in later.words
    ]
    annotators = _join_names(reader.annotators, later.annotators)
    reader.twins_of |= {int(items[item]): words[-1 - word] for item, word in later.twins_of.items()}
    reader.twins |= later.twins
    for counts in (reader.rankings, reader.skips):
        counts += [0] * (len(reader.annotators) - len(counts))
    for i, annotator in enumerate(annotators.tolist()):
        reader.rankings[annotator] += later.rankings[i]
        reader.skips[annotator] += later.skips[i]
    reader.tags += later.tags
    reader.comparison_ids += later.comparison_ids
    reader.prompt_texts += [later.prompt_texts[i] for i in np.flatnonzero(prompts >= known_prompts)]
    new = np.flatnonzero(items >= known_items).tolist()
    reader.lengths += [later.lengths[i] for i in new]
    reader.texts.extend(later.texts, new)
    columns = [
        comparisons + np.arange(len(later.tags)),
        prompts,
        annotators,
        _join_names(reader.criteria, later.criteria),
        np.append(_join_names(reader.guidelines, later.guidelines), -1),
    ]
    for k, block in later.blocks.items():
        reader.blocks.setdefault(k, Block(k)).join(block, items, columns)
    reader.counts.update(later.counts)
    reader.dropped.update(later.dropped)


def _join_names(known: dict[Name, int], names: Iterable[Name]) -> Integers:
    """The number of each name among those that are known, of which it then is."""
    return np.array([known.setdefault(name, len(known)) for name in names], np.int64)


def _read(path: Path, part: FilePart) -> PairReader:
    reader = PairReader()
    for comparison in read_comparisons(path, part=part):
        reader.read(comparison)
    return reader


class _Helper:
    """A process that reads a part; spawned, which is safe wherever threads or another system would make a fork not."""

    def __init__(self, path: Path, part: FilePart) -> None:
        context = multiprocessing.get_context("spawn")
        self.path = path
        self.receiver, sender = context.Pipe(duplex=False)
        self.process: BaseProcess = context.Process(target=_help, args=(sender, path, part), daemon=True)
        self.process.start()
        sender.close()  # So that a process that dies ends the connection.

    def result(self) -> PairReader:
        """What it read, once it is done; its error is raised here."""
        try:
            found: PairReader | AccordError = self.receiver.recv()
        except (EOFError, OSError) as error:
            self.process.join()
            raise DataError(
                f"a process that read a part of {self.path} died with exit code {self.process.exitcode}. "
                "Is there memory enough? A file of .jsonl.gz is read by one process alone"
            ) from error
        if isinstance(found, AccordError):
            raise found
        return found

    def end(self) -> None:
        """Whatever it does still."""
        self.process.terminate()
        self.process.join()
        self.receiver.close()


def _help(sender: Connection, path: Path, part: FilePart) -> None:
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Who interrupts the command interrupts the one that ends this.
    with no_search_for_cycles():
        try:
            found: PairReader | AccordError = _read(path, part)
        except AccordError as error:
            found = error
        sender.send(found)
