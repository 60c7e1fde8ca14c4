"""Prepare: from raw text to a packed folder inside the run, once, however often the run is resumed."""

from collections.abc import Iterator
from pathlib import Path

from pretrain.config import PretrainConfig
from pretrain.pack import is_held_out, pack
from pretrain.tokenizer import load_tokenizer, save_tokenizer, train_tokenizer
from workbench.console import say
from workbench.errors import DataError
from workbench.shards import PackedText, read_manifest
from workbench.text_input import Document, expand_paths, read_documents


def check_input(config: PretrainConfig) -> None:
    """Refuse paths that cannot be read, before a run is begun."""
    if config.packed:
        read_manifest(Path(config.packed), verify=False)
    else:
        expand_paths(config.text)
    if config.tokenizer:
        load_tokenizer(config.tokenizer)


def prepare(config: PretrainConfig, folder: Path, *, is_main: bool = True) -> Path:
    """The packed folder to train on: the one that the settings name, or one made from their text in `folder`."""
    if config.packed:
        return Path(config.packed)
    tokenizer, packed = folder / "tokenizer", folder / "packed"
    if config.tokenizer:
        tokenizer = Path(config.tokenizer)
    if not is_main or packed.exists():
        return packed
    if not config.tokenizer and not tokenizer.exists():
        # The held-out text stays unseen by the tokenizer too.
        trained = train_tokenizer(
            (d.text for d in _documents(config) if not is_held_out(d.text, config.validation_fraction)),
            vocab_size=config.vocab_size,
            max_length=config.context,
        )
        save_tokenizer(trained, tokenizer)
        say(f"tokenizer: {len(trained)} tokens, in {tokenizer}")
    manifest = pack(
        _documents(config),
        tokenizer,
        packed,
        context=config.context,
        validation_fraction=config.validation_fraction,
    )
    train = manifest["splits"]["train"]
    say(
        f"packed {train['documents']} documents into {train['rows']} rows of {config.context} tokens, in {packed}"
    )
    return packed


def open_packed(config: PretrainConfig, folder: Path) -> PackedText:
    """The packed folder, checked against its hashes and the settings."""
    packed = PackedText(folder)
    if packed.row_length != config.context + 1:
        raise DataError(
            f"{folder} was packed for a context of {packed.row_length - 1} tokens, the settings say {config.context}. "
            "Pack it again, or change context"
        )
    if packed.num_rows("validation") == 0:
        raise DataError(f"{folder} holds out no text; pack it again with a validation_fraction above 0")
    return packed


def _documents(config: PretrainConfig) -> Iterator[Document]:
    return read_documents(config.text, field=config.field, text_documents=config.text_documents)
