"""Tokenizer: byte-level BPE trained on text, with the control tokens and the chat template that every stage uses."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from workbench.artifacts import write_folder_aside
from workbench.errors import CheckpointError, DataError

PAD, BOS, END = "<|pad|>", "<|bos|>", "<|end|>"
ROLES = {"system": "<|system|>", "user": "<|user|>", "assistant": "<|assistant|>"}
SPECIALS = (PAD, BOS, END, *ROLES.values())
SMALLEST_VOCABULARY = len(SPECIALS) + 256

# <|bos|>, then <|role|>content<|end|> a turn. What stands inside {% generation %} is what SFT takes its loss on.
CHAT_TEMPLATE = """\
{{- bos_token -}}
{%- for message in messages -%}
{%- if message['role'] not in ['system', 'user', 'assistant'] -%}
{{- raise_exception("this template knows the roles system, user and assistant, got " ~ message['role']) -}}
{%- endif -%}
{{- '<|' ~ message['role'] ~ '|>' -}}
{%- if message['role'] == 'assistant' -%}
{%- generation -%}{{- message['content'] ~ eos_token -}}{%- endgeneration -%}
{%- else -%}
{{- message['content'] ~ eos_token -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
"""


def train_tokenizer(
    texts: Iterable[str], *, vocab_size: int, max_length: int | None = None
) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of `vocab_size` tokens: 6 control tokens, 256 bytes, then merges by count.

    Text is first cut as in GPT-2 (Radford et al. 2019): words with their leading space, numbers, punctuation, spaces;
    merges never cross a cut. Any text can be encoded and decoded again exactly. Text too small for so many merges
    gives fewer tokens. `max_length` is the context that models with it will have.

    Raises ValueError for a vocabulary under 262 tokens, DataError where there is no text.
    """
    if vocab_size < SMALLEST_VOCABULARY:
        raise ValueError(
            f"vocab_size must be {SMALLEST_VOCABULARY} or more (6 control tokens, 256 bytes), got {vocab_size}"
        )
    seen = 0

    def counted() -> Iterator[str]:
        nonlocal seen
        for text in texts:
            seen += len(text)
            yield text

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(counted(), trainer)
    if not seen:
        raise DataError("there is no text to train a tokenizer on")
    settings = {} if max_length is None else {"model_max_length": max_length}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=END,
        additional_special_tokens=list(ROLES.values()),
        clean_up_tokenization_spaces=False,
        **settings,
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, folder: str | Path) -> None:
    """Write the tokenizer as a Hugging Face folder, whole or not at all."""
    with write_folder_aside(folder) as aside:
        tokenizer.save_pretrained(aside)


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerFast:
    """A tokenizer folder that text can be packed with: a fast one, with bos, eos and pad token."""
    if not (Path(folder) / "tokenizer.json").is_file():
        raise CheckpointError(f"{folder} has no tokenizer.json; train one with 'accord pretrain tokenizer'")
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    for name in ("bos_token", "eos_token", "pad_token"):
        if getattr(tokenizer, name) is None:
            raise CheckpointError(f"the tokenizer in {folder} has no {name}, which documents are packed with")
    return tokenizer


def text_encoder(tokenizer: PreTrainedTokenizerFast) -> Tokenizer:
    """Its backend, set so that "<|end|>" in somebody's text is seven characters and not the end of a document."""
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.encode_special_tokens = True
    backend.no_truncation()
    backend.no_padding()
    return backend


def bytes_a_token(tokenizer: PreTrainedTokenizerFast, texts: Iterable[str]) -> Mapping[str, float]:
    """How well it packs the texts: counts of bytes and tokens, and bytes a token."""
    encoder = text_encoder(tokenizer)
    size = tokens = 0
    for text in texts:
        size += len(text.encode())
        tokens += len(encoder.encode(text, add_special_tokens=False).ids)
    return {"bytes": size, "tokens": tokens, "bytes_a_token": size / max(tokens, 1)}
