"""Prompts and completions as tokens: one way for every trainer, sampler and scorer.

A prompt and a completion are always tokenised apart and joined as token ids, so that the tokens of a prompt do not
depend on what follows it. A completion always ends with the eos token: that is where a reward is read and where a
policy learns to stop. Text that people wrote is never read as control tokens, whatever it looks like.
"""

from collections.abc import Iterable, Sequence

from transformers import PreTrainedTokenizerBase

from workbench.errors import DataError
from workbench.identity import content_hash
from workbench.records import Message, Prompt

TEMPLATE_HELP = (
    "Use a tokenizer with a chat template (the tokenizers that 'accord pretrain tokenizer' makes have one), or "
    "give prompts as plain text"
)


def prompt_messages(prompt: Prompt) -> tuple[Message, ...]:
    """The prompt as messages: plain text is one message of the user."""
    return (Message("user", prompt),) if isinstance(prompt, str) else prompt


def check_roles(messages: Sequence[Message]) -> None:
    """Raise DataError unless the messages end with a turn that a completion can answer.

    Only the first may be the system's, and the last must be the user's or a tool's.
    """
    for i, message in enumerate(messages):
        if message.role == "system" and i > 0:
            raise DataError(
                f"message {i} of a prompt has role 'system'; only the first may. Move it to the front or join it "
                "to the user's message"
            )
    if not messages or messages[-1].role not in ("user", "tool"):
        role = messages[-1].role if messages else None
        raise DataError(
            f"the last message of a prompt has role {role!r}, so there is nothing to answer. "
            "End the prompt with a message of the user; what the assistant said last belongs into the completion"
        )


def encode_prompt(tokenizer: PreTrainedTokenizerBase, prompt: Prompt) -> list[int]:
    """The tokens of a prompt up to where the completion begins.

    With a chat template: the messages and the generation prompt. Without one, plain text is encoded as it stands
    (with the tokenizer's own bos, never with an eos), and messages are a DataError.
    """
    messages = prompt_messages(prompt)
    if tokenizer.chat_template is None:
        if not isinstance(prompt, str):
            raise DataError(
                f"the prompt is a conversation of {len(messages)} messages, but the tokenizer has no chat "
                f"template. {TEMPLATE_HELP}"
            )
        ids = _plain_tokens(tokenizer, prompt, add_special_tokens=True)
        if ids and ids[-1] == tokenizer.eos_token_id and not prompt.endswith(str(tokenizer.eos_token)):
            ids = ids[:-1]
        if not ids and tokenizer.bos_token_id is not None:
            ids = [int(tokenizer.bos_token_id)]
    else:
        check_roles(messages)
        ids = _template_tokens(tokenizer, messages)
    if not ids:
        raise DataError(
            "a prompt has no tokens, so nothing predicts the completion's first token. "
            "Give the prompt a text, or use a tokenizer with a bos token or a chat template"
        )
    return ids


def encode_completion(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """The tokens of a completion, closed by exactly one eos; an empty text is the eos alone."""
    return [*_plain_tokens(tokenizer, text, add_special_tokens=False), eos_id(tokenizer)]


def decode_completion(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """The text of sampled tokens up to the first eos, without control tokens.

    Bytes that are no UTF-8, and NUL, which no database stores, become the replacement character U+FFFD.
    """
    ids = [int(i) for i in ids]
    if tokenizer.eos_token_id in ids:
        ids = ids[: ids.index(eos_id(tokenizer))]
    text = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    assert isinstance(text, str)
    return text.replace("\x00", "\ufffd")


def eos_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of the token that closes a completion."""
    if tokenizer.eos_token_id is None:
        raise DataError("the tokenizer has no eos token, so no completion can end. Set its eos_token")
    return int(tokenizer.eos_token_id)


def pad_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of the padding token; a DataError where it is missing or also closes completions."""
    preflight(tokenizer)
    assert tokenizer.pad_token_id is not None
    return int(tokenizer.pad_token_id)


def template_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    """A hash of what turns messages into text: the chat template and the bos and eos it puts in."""
    return content_hash(
        {
            "template": tokenizer.chat_template,
            "bos": tokenizer.bos_token,
            "eos": tokenizer.eos_token,
        }
    )


def preflight(tokenizer: PreTrainedTokenizerBase, prompts: Iterable[Prompt] = ()) -> None:
    """Refuse, before any training, a tokenizer that would spoil it silently.

    There must be an eos and a pad token and they must differ (else the eos is masked as padding and a policy never
    learns to stop), and a chat template if any prompt is a conversation.
    """
    eos = eos_id(tokenizer)
    if tokenizer.pad_token_id is None:
        raise DataError(
            "the tokenizer has no pad token. Add one: tokenizer.add_special_tokens({'pad_token': ...})"
        )
    if int(tokenizer.pad_token_id) == eos:
        raise DataError(
            f"the tokenizer's pad token is its eos token ({tokenizer.eos_token!r}): the end of a completion would "
            "count as padding. Give it a pad token of its own and resize the model's embeddings"
        )
    if tokenizer.chat_template is None and any(not isinstance(prompt, str) for prompt in prompts):
        raise DataError(
            f"some prompts are conversations, but the tokenizer has no chat template. {TEMPLATE_HELP}"
        )


def _plain_tokens(tokenizer: PreTrainedTokenizerBase, text: str, *, add_special_tokens: bool) -> list[int]:
    # split_special_tokens: "<|end|>" in somebody's text is seven characters, not the end of a turn.
    return list(tokenizer.encode(text, add_special_tokens=add_special_tokens, split_special_tokens=True))


def _template_tokens(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[int]:
    chat = [{"role": message.role, "content": message.content} for message in messages]
    # Only where somebody's text holds a control token: the rendering that keeps it text is ten times slower.
    risky = any(token in message.content for message in messages for token in tokenizer.all_special_tokens)
    try:
        ids = tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=True, return_dict=False, sanitize_control_tokens=risky
        )
    except Exception as error:
        # Templates refuse conversations with errors of their own (jinja2's TemplateError, ValueError, ...).
        roles = ", ".join(message.role for message in messages)
        raise DataError(f"the chat template refuses a prompt with the roles {roles}: {error}") from error
    assert isinstance(ids, list)
    return ids
