"""Chat: a conversation with a checkpoint, each answer printed while it is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedTokenizerBase

from policy.config import ChatConfig
from policy.sample import sampling_of
from workbench.checkpoints import resolve_checkpoint
from workbench.console import say
from workbench.errors import DataError
from workbench.modeling.chat import decode_completion, encode_prompt, eos_id, pad_id
from workbench.modeling.generation import Sampling, generate
from workbench.modeling.loading import load_causal_lm, load_tokenizer
from workbench.records import Message
from workbench.seeds import derive_seed

Write = Callable[[str], Any]


class MessageTooLong(DataError):
    """A message that leaves no room for an answer in the model's context."""


def chat(config: ChatConfig, read: Callable[[], str | None], write: Write) -> None:
    """Answer what `read` returns until it returns None or an empty line; '/new' begins a new conversation."""
    folder = resolve_checkpoint(config.checkpoint)
    tokenizer = load_tokenizer(folder)
    model = load_causal_lm(folder, device=config.device)
    opening = [] if config.system is None else [Message("system", config.system)]
    messages, turn = list(opening), 0
    while text := read():
        if text.strip() == "/new":
            messages = list(opening)
            continue
        messages.append(Message("user", text))
        seed = derive_seed(config.seed, "chat", turn)
        try:
            said = answer(model, tokenizer, messages, sampling=sampling_of(config), seed=seed, write=write)
        except MessageTooLong as error:
            messages.pop()
            say(str(error))
            continue
        write("\n")
        messages.append(Message("assistant", said))
        turn += 1


def answer(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    messages: Sequence[Message],
    *,
    sampling: Sampling,
    seed: int,
    write: Write,
) -> str:
    """One completion of a conversation, written piece by piece; the oldest turns are left out where room is short."""
    # A completion takes half of a small model's positions at most, so that a message has room beside it.
    room = min(sampling.max_new_tokens, _positions(model) // 2)
    sampling = replace(sampling, max_new_tokens=room)
    prompt = _fitting_prompt(model, tokenizer, messages, sampling.max_new_tokens)
    printer = _Printer(tokenizer, write)
    drawn = generate(
        model,
        [prompt],
        sampling=sampling,
        seeds=[seed],
        eos_token_id=eos_id(tokenizer),
        pad_token_id=pad_id(tokenizer),
        on_token=printer.take,
    )
    text = decode_completion(tokenizer, drawn.rows()[0])
    write(text[len(printer.written) :])
    return text


def _positions(model: Any) -> int:
    return int(model.config.max_position_embeddings)


def _fitting_prompt(
    model: nn.Module, tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], room: int
) -> list[int]:
    """The prompt's tokens, from as many of the last turns as leave room for the completion."""
    limit = _positions(model)
    if tokenizer.chat_template is None:
        # A base model goes on from the text alone.
        ids = encode_prompt(tokenizer, messages[-1].content)
        if len(ids) + room <= limit:
            return ids
        raise _too_long(limit, room)
    system = [message for message in messages[:1] if message.role == "system"]
    rest = list(messages[len(system) :])
    while rest:
        ids = encode_prompt(tokenizer, tuple(system + rest))
        if len(ids) + room <= limit:
            return ids
        rest = rest[2:]
    raise _too_long(limit, room)


def _too_long(limit: int, room: int) -> MessageTooLong:
    return MessageTooLong(
        f"the message does not fit: the model has {limit} positions and {room} are kept for the completion; "
        "say it shorter, or begin again with a lower --max-new-tokens"
    )


class _Printer:
    """Writes the text of tokens as far as it is certain: a character may take several tokens."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, write: Write) -> None:
        self.tokenizer = tokenizer
        self.write = write
        self.tokens: list[int] = []
        self.written = ""

    def take(self, drawn: Tensor) -> None:
        self.tokens.append(int(drawn[0]))
        text = decode_completion(self.tokenizer, self.tokens)
        if not text.endswith("\ufffd") and text.startswith(self.written):
            self.write(text[len(self.written) :])
            self.written = text
