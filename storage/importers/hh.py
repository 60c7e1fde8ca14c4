"""HH transcripts: two whole conversations as one text each, the same up to the last turn of the assistant."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from storage.importers.fields import require_text
from storage.importers.pairs import pair_comparison
from workbench.errors import RecordError
from workbench.jsonl import OnBad, read_numbered
from workbench.records import Comparison, Message

_TURN = re.compile(r"\n\n(Human|Assistant):")
_ROLES = {"Human": "user", "Assistant": "assistant"}


def read_hh(path: str | Path, *, annotator: str = "hh", on_bad: OnBad | None = None) -> Iterator[Comparison]:
    r"""One comparison of two completions with one ranking a line.

    Fields: chosen and rejected, each "\n\nHuman: ...\n\nAssistant: ..." and so on, ending with the assistant. All
    turns but the last are the prompt. Some pairs of the published data do not share them: what was compared then is
    not two completions of one prompt, so such a line is an error (leave it out with --skip-bad). A field `id` becomes
    the comparison's id. The annotators of HH are not named; all its labels come from one pseudonym.
    """

    def build(record: Mapping[str, Any]) -> Comparison:
        return _comparison(record, annotator)

    return (comparison for _, comparison in read_numbered(path, build, on_bad))


def split_transcript(text: str, field: str) -> tuple[Message, ...]:
    """The turns of a transcript, without the space after each colon and at each end; RecordError names `field`."""
    pieces = _TURN.split(text)
    if pieces[0].strip() or len(pieces) < 3:
        raise RecordError('must begin with "\\n\\nHuman:"', field=field)
    turns = zip(pieces[1::2], pieces[2::2], strict=True)
    return tuple(Message(role=_ROLES[speaker], content=words.strip()) for speaker, words in turns)


def _comparison(record: Mapping[str, Any], annotator: str) -> Comparison:
    chosen = split_transcript(require_text(record, "chosen"), "chosen")
    rejected = split_transcript(require_text(record, "rejected"), "rejected")
    for name, turns in (("chosen", chosen), ("rejected", rejected)):
        if len(turns) < 2 or turns[-1].role != "assistant":
            raise RecordError("must end with the assistant's answer to someone", field=name)
    if chosen[:-1] != rejected[:-1]:
        raise RecordError(
            "the transcripts differ before the last turn, so they are not two completions of one prompt",
            field="rejected",
            fix="Leave such pairs out with --skip-bad",
        )
    identifier = record.get("id")
    return pair_comparison(
        chosen[:-1],
        chosen[-1].content,
        rejected[-1].content,
        annotator=annotator,
        identifier=None if identifier is None else str(identifier),
    )
