"""`accord pretrain tokenizer | pack | train`."""

from cli.arguments import parse, parse_plain
from cli.training import run_training
from pretrain.config import PackConfig, PretrainConfig, TokenizerConfig
from workbench.console import print_json


def tokenizer(arguments: list[str]) -> None:
    """Train a byte-level BPE tokenizer."""
    config = parse_plain(
        TokenizerConfig,
        arguments,
        command="pretrain tokenizer",
        example="accord pretrain tokenizer --text stories.jsonl.gz --vocab-size 2048 --output stories-tokenizer",
    )
    from pretrain.tokenizer import save_tokenizer, train_tokenizer
    from workbench.text_input import read_documents

    documents = read_documents(config.text, field=config.field, text_documents=config.text_documents)
    trained = train_tokenizer((document.text for document in documents), vocab_size=config.vocab_size)
    save_tokenizer(trained, config.output)
    print(f"tokenizer of {len(trained)} tokens: {config.output}")


def pack(arguments: list[str]) -> None:
    """Tokenise text into packed shards."""
    config = parse_plain(
        PackConfig,
        arguments,
        command="pretrain pack",
        example="accord pretrain pack --text stories.jsonl.gz --tokenizer stories-tokenizer --output stories-packed",
    )
    from pretrain.pack import pack as pack_text
    from workbench.text_input import read_documents

    manifest = pack_text(
        read_documents(config.text, field=config.field, text_documents=config.text_documents),
        config.tokenizer,
        config.output,
        context=config.context,
        validation_fraction=config.validation_fraction,
    )
    for split, counts in manifest["splits"].items():
        places = counts["rows"] * config.context
        filled = f", {counts['targets'] / places:.1%} filled" if places else ""
        print(
            f"{split}: {counts['documents']:,} documents, {counts['bytes']:,} bytes, {counts['targets']:,} tokens "
            f"in {counts['rows']:,} rows of {config.context}{filled}"
        )
    if manifest["empty_documents"]:
        print(f"{manifest['empty_documents']:,} documents of white space only were left out")
    print(f"packed text: {config.output}")


def train(arguments: list[str]) -> None:
    """Train a base model."""
    config, options = parse(
        PretrainConfig,
        arguments,
        command="pretrain train",
        example="accord pretrain train --config configs/pretrain/tiny.yaml --text stories.jsonl.gz --minutes 2",
    )
    from pretrain.train import train as train_model

    result = run_training(train_model, config, options)
    if options.json:
        print_json({"run": result.folder.name, "checkpoint": str(result.checkpoint), **result.summary})
        return
    summary = result.summary
    print(
        f"{summary['parameters']:,} parameters, {summary['tokens']:,} tokens ({summary['epochs']:.1f} epochs) in "
        f"{summary['seconds']:.0f} s: {summary['bits_per_byte']:.3f} bits per byte on held-out text"
    )
    if summary["skipped_steps"]:
        print(f"{summary['skipped_steps']} steps were skipped; see train/skipped in metrics.jsonl")
    print(f"base model: {result.checkpoint}")
