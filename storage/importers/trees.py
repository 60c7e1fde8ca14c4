"""Conversation trees (OASST): every turn of a person with two or more ranked completions is a comparison."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from storage.importers.fields import require_object, require_text
from workbench.errors import RecordError, quoted
from workbench.jsonl import OnBad, open_lines, parse_line
from workbench.records import Comparison, Completion, Message, Ranking

_ROLES = {"prompter": "user", "assistant": "assistant"}


def read_trees(
    path: str | Path, *, annotator: str = "oasst-consensus", on_bad: OnBad | None = None
) -> Iterator[Comparison]:
    """The comparisons of a file with one tree a line; a tree has none, one or many.

    Fields: message_tree_id and prompt, a message; a message has message_id, role (prompter or assistant), text, lang,
    rank (0 is best, null where it has none) and replies, a list of messages. The published rank merges the rankings
    of several people, so it counts as one ranking by one pseudonym. Ids are those of the message that was answered.
    """
    with open_lines(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                found = list(_comparisons(require_object(parse_line(line), "prompt"), (), annotator))
            except RecordError as error:
                placed = error.at(path, number)
                if on_bad is None:
                    raise placed from error
                on_bad(placed)
                continue
            yield from found


def _comparisons(
    message: Mapping[str, Any], before: tuple[Message, ...], annotator: str
) -> Iterator[Comparison]:
    role = require_text(message, "role")
    if role not in _ROLES:
        raise RecordError(f"must be prompter or assistant, got '{role}'", field="role")
    path = (*before, Message(role=_ROLES[role], content=require_text(message, "text")))
    replies = message.get("replies") or []
    if not isinstance(replies, list) or not all(isinstance(reply, dict) for reply in replies):
        raise RecordError("must be a list of messages", field="replies")
    ranks = [_rank(reply) for reply in replies]
    if role == "prompter" and sum(rank is not None for rank in ranks) >= 2:
        identifier = require_text(message, "message_id")
        yield Comparison(
            id=f"oasst-{identifier}",
            prompt=path,
            completions=tuple(Completion(text=require_text(reply, "text")) for reply in replies),
            rankings=(Ranking(id=f"oasst-{identifier}-rank", annotator=annotator, ranks=tuple(ranks)),),
            tags={"language": message["lang"]} if isinstance(message.get("lang"), str) else {},
        )
    for reply in replies:
        yield from _comparisons(reply, path, annotator)


def _rank(reply: Mapping[str, Any]) -> int | None:
    rank = reply.get("rank")
    if rank is None:
        return None
    if isinstance(rank, bool) or not isinstance(rank, int | float) or rank != int(rank) or rank < 0:
        raise RecordError(f"must be 0 (best) or more, or null, got {quoted(rank)}", field="rank")
    return int(rank) + 1
