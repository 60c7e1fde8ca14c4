"""Loading and saving models and tokenizers: the one place where checkpoint folders become torch objects and back.

Only folders are loaded, never names on a hub. A folder with accord.json is checked against it first. A folder that
holds a LoRA adapter names its base by path and hash; the base must be the one the adapter was trained on.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, cast

# Set before transformers reads it: no call of ours ever asks a hub.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from workbench.checkpoints import is_checkpoint, parent_of, read_checkpoint
from workbench.errors import CheckpointError
from workbench.modeling import devices

Dtype = Literal["float32", "bfloat16", "float16"]
ADAPTER_FILE = "adapter_config.json"
BASE_FILE = "accord_base.json"
DTYPES: dict[str, torch.dtype] = {**devices.DTYPES, "float16": torch.float16}
# Heads that do more to the hidden state than one matrix; `logprobs` would be silently wrong for them.
_ODD_HEADS = ("final_logit_softcapping", "logit_scale", "logits_scaling", "logits_multiplier")


def load_tokenizer(path: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint folder; of a LoRA checkpoint, its own or else its base's."""
    folder = _check_folder(path)
    if not any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer_config.json")):
        if is_adapter(folder):
            return load_tokenizer(adapter_base(folder))
        raise CheckpointError(
            f"{folder} has no tokenizer (tokenizer.json). Copy the tokenizer files of the model it was made from "
            "into the folder"
        )
    tokenizer = cast(PreTrainedTokenizerBase, AutoTokenizer.from_pretrained(folder, local_files_only=True))
    # Every caller checks lengths and says what is too long; the library's warning would only come before that.
    tokenizer.deprecation_warnings["sequence-length-is-longer-than-the-specified-maximum"] = True
    return tokenizer


def load_causal_lm(
    path: str | Path,
    *,
    device: str | torch.device | None = None,
    dtype: Dtype = "float32",
    attention: str = "sdpa",
    merge: bool = False,
) -> Any:
    """The causal language model of a checkpoint folder, in eval mode and without dropout.

    A LoRA checkpoint comes as a PeftModel on its base, its adapter trainable; with `merge`, as one plain model.
    `device` None means the GPU if there is one.
    """
    return _load(AutoModelForCausalLM, path, device, dtype, attention, merge, {})


def load_sequence_classifier(
    path: str | Path,
    *,
    num_labels: int | None = None,
    device: str | torch.device | None = None,
    dtype: Dtype = "float32",
    attention: str = "sdpa",
    merge: bool = False,
) -> Any:
    """The sequence classifier of a checkpoint folder, in eval mode and without dropout.

    From a causal language model it takes the trunk and draws a new head with `num_labels` outputs; initialise that
    with `workbench.modeling.heads`. None keeps the number that the checkpoint has.
    """
    labels = {} if num_labels is None else {"num_labels": num_labels}
    return _load(AutoModelForSequenceClassification, path, device, dtype, attention, merge, labels)


def save_model(folder: str | Path, model: Any, tokenizer: PreTrainedTokenizerBase | None) -> None:
    """Write what `from_pretrained` loads into an existing folder: safetensors, config, tokenizer, chat template.

    For a PeftModel that is the adapter, with the hash and the relative path of its base. Call it inside
    `workbench.checkpoints.save_checkpoint`, which makes the folder whole or absent.
    """
    folder = Path(folder)
    with _quiet():
        model.save_pretrained(folder)  # Of a PeftModel: adapter weights and adapter_config.json.
    if not isinstance(model, PreTrainedModel):
        base = Path(_bare(model).name_or_path)
        # The folder is filled aside, in the same parent as where it will stand: `..` means the same in both.
        facts = {
            "hash": parent_of("base", base).hash,
            "path": os.path.relpath(base.resolve(), folder.resolve()),
        }
        (folder / BASE_FILE).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    if tokenizer is not None:
        tokenizer.save_pretrained(folder)


def is_adapter(path: str | Path) -> bool:
    """Whether the folder holds a LoRA adapter instead of a whole model."""
    return (Path(path) / ADAPTER_FILE).is_file()


def adapter_base(path: str | Path) -> Path:
    """The folder of the base model that an adapter was trained on; a CheckpointError if it is absent or another."""
    folder = Path(path)
    file = folder / BASE_FILE
    if not file.is_file():
        named = json.loads((folder / ADAPTER_FILE).read_text(encoding="utf-8")).get("base_model_name_or_path")
        return _check_folder(named or folder / "base")
    facts = json.loads(file.read_text(encoding="utf-8"))
    base: Path = (folder / facts["path"]).resolve()
    if not base.is_dir():
        raise CheckpointError(
            f"{folder} is an adapter on the base model {facts['path']}, which is not at {base}. "
            f"Put the base there, or correct 'path' in {file}"
        )
    found = parent_of("base", base).hash
    if found != facts["hash"]:
        raise CheckpointError(
            f"{folder} is an adapter on the base model with hash {facts['hash'][:12]}, but {base} has hash "
            f"{found[:12]}. Put the base it was trained on there"
        )
    return base


def disable_dropout(model: nn.Module) -> None:
    """Set every dropout probability to 0, in the modules and where attention reads it.

    A ratio or a reference log-probability is only meaningful if the same input always gives the same output.
    """
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(getattr(module, "attention_dropout", None), float):
            setattr(module, "attention_dropout", 0.0)  # noqa: B010 (a plain number beside tensors)


def _load(
    factory: Any,
    path: str | Path,
    device: str | torch.device | None,
    dtype: Dtype,
    attention: str,
    merge: bool,
    settings: dict[str, Any],
) -> Any:
    folder = _check_folder(path)
    if is_adapter(folder):
        model = _load_adapter(factory, folder, dtype, attention, merge, settings)
    else:
        model = _from_pretrained(factory, folder, dtype, attention, settings)
    disable_dropout(model)
    return model.to(device if isinstance(device, torch.device) else devices.resolve_device(device)).eval()


def _from_pretrained(
    factory: Any, folder: Path, dtype: Dtype, attention: str, settings: dict[str, Any]
) -> PreTrainedModel:
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    odd = [name for name in _ODD_HEADS if getattr(config, name, None) not in (None, 1, 1.0)]
    if odd:
        raise CheckpointError(
            f"{folder} is a {config.model_type} model whose logits pass through {', '.join(odd)}; "
            "this version computes log-probabilities of plain heads only (Llama, Qwen, Mistral and the like)"
        )
    try:
        with _quiet():
            model, report = factory.from_pretrained(
                folder,
                local_files_only=True,
                dtype=DTYPES[dtype],
                attn_implementation=attention,
                output_loading_info=True,
                **settings,
            )
    except (OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{folder} cannot be loaded: {error}") from error
    # A new head is what a reward model begins with; anything else would be silently random.
    missing = {name for name in report["missing_keys"] if name != "score.weight"}
    if missing or report["mismatched_keys"]:
        names = ", ".join(sorted(map(str, {*missing, *report["mismatched_keys"]}))[:5])
        raise CheckpointError(f"{folder} lacks weights of the model that its config.json describes: {names}")
    return cast(PreTrainedModel, model)


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and load reports of the library's own: what matters in them is checked here."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


def _load_adapter(
    factory: Any, folder: Path, dtype: Dtype, attention: str, merge: bool, settings: dict[str, Any]
) -> Any:
    from peft import PeftConfig, PeftModel

    base = adapter_base(folder)
    _check_folder(base)
    peft_config = PeftConfig.from_pretrained(str(folder))
    if factory is AutoModelForSequenceClassification:
        labels = _adapter_labels(folder)
        if labels is not None:
            settings = {"num_labels": labels}
        elif "num_labels" not in settings:
            raise CheckpointError(f"{folder} is an adapter without a score head, so it is no reward model")
        else:
            merge = True  # The adapter of a policy: a new reward model begins on the policy's own weights.
    model = PeftModel.from_pretrained(
        _from_pretrained(factory, base, dtype, attention, settings),
        str(folder),
        is_trainable=True,
        config=peft_config,
    )
    return cast(Any, model).merge_and_unload() if merge else model


def _adapter_labels(folder: Path) -> int | None:
    """Outputs of the score head that an adapter brings, or None if it brings none."""
    from safetensors import safe_open

    with safe_open(folder / "adapter_model.safetensors", framework="pt") as weights:
        heads = [name for name in weights.keys() if name.endswith("score.weight")]  # noqa: SIM118 (no mapping)
        return int(weights.get_slice(heads[0]).get_shape()[0]) if heads else None


def _check_folder(path: str | Path) -> Path:
    folder = Path(path)
    if not folder.is_dir():
        raise CheckpointError(
            f"no checkpoint folder at {folder}; nothing is downloaded by name. Give the path of a folder"
        )
    if is_checkpoint(folder):
        read_checkpoint(folder)
    elif not (folder / "config.json").is_file() and not is_adapter(folder):
        raise CheckpointError(f"{folder} is no checkpoint: it has no config.json")
    return folder


def _bare(model: Any) -> Any:
    return model if isinstance(model, PreTrainedModel) else model.get_base_model()
