"""Sampling: K completions of each prompt, as comparisons that still wait for their rankings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedTokenizerBase

from policy.config import SampleConfig
from workbench.artifacts import hash_file, write_file_aside
from workbench.checkpoints import is_checkpoint, parent_of, read_checkpoint, resolve_checkpoint
from workbench.config import config_to_dict
from workbench.console import track
from workbench.errors import AccordError, DataError
from workbench.identity import canonical_json, content_hash, prompt_json
from workbench.jsonl import read_comparisons, read_prompts, write_comparisons
from workbench.modeling.chat import decode_completion, encode_prompt, eos_id, pad_id, preflight
from workbench.modeling.generation import Sampling, check_room, generate
from workbench.modeling.loading import load_causal_lm, load_tokenizer
from workbench.record_json import comparison_to_json
from workbench.records import Comparison, Completion, PromptRecord
from workbench.seeds import derive_seed


@dataclass(frozen=True, kw_only=True)
class SampleResult:
    """What `sample` wrote."""

    output: Path
    comparisons: int
    completions: int
    finished: float
    """Share of completions that closed with an eos."""
    mean_tokens: float
    checkpoint: str
    """Hash of the checkpoint that was sampled from."""


def sample(config: SampleConfig) -> SampleResult:
    """Sample as the settings say and write the output file, whole or not at all.

    What is done so far stands in `<output>.part`; the same call after an interruption goes on from there, and ends
    with the same file. Raises DataError where no prompt is left after the filter, AccordError where the output exists.
    """
    if config.output.exists() and not config.overwrite:
        raise AccordError(f"{config.output} exists; name another output or set overwrite")
    folder = resolve_checkpoint(config.checkpoint)
    checkpoint = parent_of("policy", folder).hash
    prompts = prompts_for(config.prompts, config.use, config.max_prompts)
    tokenizer = load_tokenizer(folder)
    preflight(tokenizer, [prompt.prompt for prompt in prompts])
    model = load_causal_lm(folder, device=config.device, dtype=config.dtype)
    encoded = [encode_prompt(tokenizer, prompt.prompt) for prompt in prompts]
    check_room(model, encoded, config.max_new_tokens, [prompt.id for prompt in prompts])
    part = _Part(config, checkpoint)
    done = part.count()
    rest = sample_comparisons(
        model,
        tokenizer,
        prompts[done:],
        completions_per_prompt=config.completions_per_prompt,
        sampling=sampling_of(config),
        seed=config.seed,
        source=config.source or _run_name(folder),
        checkpoint=checkpoint,
        batch_size=config.batch_size,
    )
    part.extend(track(rest, "sampling", total=len(prompts) - done))
    written = list(part.read())
    write_comparisons(config.output, written)
    part.remove()
    notes = [completion.sampling or {} for comparison in written for completion in comparison.completions]
    return SampleResult(
        output=config.output,
        comparisons=len(written),
        completions=len(notes),
        finished=sum(bool(note["finished"]) for note in notes) / len(notes),
        mean_tokens=sum(int(note["tokens"] or 0) for note in notes) / len(notes),
        checkpoint=checkpoint,
    )


def sample_comparisons(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[PromptRecord],
    *,
    completions_per_prompt: int,
    sampling: Sampling,
    seed: int,
    source: str,
    checkpoint: str,
    batch_size: int = 256,
) -> Iterator[Comparison]:
    """One comparison of K sampled completions for each prompt, in order.

    A completion depends on the checkpoint, the settings, the seed, the prompt's id and text and its number among the
    K, on nothing else; so does the comparison's id. The settings stand with each completion.
    """
    settings: dict[str, Any] = {"checkpoint": checkpoint, **asdict(sampling)}
    rows = iter(prompts)
    # Several batches at a time, so that `generate` can put prompts of one length together.
    while chunk := list(islice(rows, max(1, 4 * batch_size // completions_per_prompt))):
        encoded = [encode_prompt(tokenizer, record.prompt) for record in chunk]
        seeds = [
            derive_seed(seed, "sample", record.id, k)
            for record in chunk
            for k in range(completions_per_prompt)
        ]
        drawn = generate(
            model,
            [ids for ids in encoded for _ in range(completions_per_prompt)],
            sampling=sampling,
            seeds=seeds,
            eos_token_id=eos_id(tokenizer),
            pad_token_id=pad_id(tokenizer),
            batch_size=batch_size,
        )
        completions = [
            Completion(
                # A byte-level model can write a NUL, which no database can store.
                text=decode_completion(tokenizer, row).replace("\x00", "\ufffd"),
                source=(source,),
                sampling={**settings, "seed": one_seed, "finished": finished, "tokens": len(row)},
            )
            for row, one_seed, finished in zip(drawn.rows(), seeds, drawn.finished.tolist(), strict=True)
        ]
        for i, record in enumerate(chunk):
            made_of = [record.id, prompt_json(record.prompt), settings, completions_per_prompt, seed]
            yield Comparison(
                id="c-" + content_hash(made_of)[:32],
                prompt=record.prompt,
                completions=tuple(completions[i * completions_per_prompt : (i + 1) * completions_per_prompt]),
                tags=record.tags,
            )


def prompts_for(path: Path, use: str | None, limit: int | None) -> list[PromptRecord]:
    """The prompts of a file that are kept for a use; DataError where none are or two have one id."""
    everything = list(read_prompts(path))
    prompts = [record for record in everything if use is None or record.use == use][:limit]
    if not prompts:
        uses = sorted({record.use for record in everything})
        raise DataError(
            f"{path} has no prompt with the use '{use}' (it has {', '.join(uses) or 'no prompts at all'}); choose "
            "another use or file"
        )
    seen: set[str] = set()
    for record in prompts:
        if record.id in seen:
            raise DataError(f"{path} has two prompts with the id '{record.id}'; ids must differ")
        seen.add(record.id)
    return prompts


def sampling_of(config: Any) -> Sampling:
    """The sampling settings of a `SampleConfig` or `PPOConfig`."""
    return Sampling(
        max_new_tokens=config.max_new_tokens,
        temperature=config.temperature,
        top_k=config.top_k,
        top_p=config.top_p,
    )


class _Part:
    """The comparisons sampled so far, beside the output, with the settings they were sampled with."""

    def __init__(self, config: SampleConfig, checkpoint: str) -> None:
        output = config.output
        self.path = output.with_name(f".{output.name.removesuffix('.gz')}.part")
        self.settings_path = self.path.with_suffix(".settings")
        leave_out = {"output", "overwrite", "batch_size", "device", "checkpoint"}  # none changes a completion
        values: Mapping[str, Any] = config_to_dict(config)
        settings = {key: value for key, value in values.items() if key not in leave_out}
        self.settings = canonical_json(
            {**settings, "checkpoint": checkpoint, "prompts": hash_file(config.prompts)}
        )

    def count(self) -> int:
        """How many whole comparisons are there; those of other settings are dropped, a line cut short too."""
        same = self.settings_path.exists() and self.settings_path.read_text(encoding="utf-8") == self.settings
        if not same or not self.path.exists():
            self.remove()
            with write_file_aside(self.settings_path) as file:
                file.write(self.settings.encode())
            self.path.touch()
            return 0
        whole = self.path.read_bytes()
        whole = whole[: whole.rfind(b"\n") + 1]
        with write_file_aside(self.path) as file:
            file.write(whole)
        return whole.count(b"\n")

    def extend(self, comparisons: Iterator[Comparison]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            for comparison in comparisons:
                file.write(canonical_json(comparison_to_json(comparison)) + "\n")
                file.flush()

    def read(self) -> Iterator[Comparison]:
        return read_comparisons(self.path)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
        self.settings_path.unlink(missing_ok=True)


def _run_name(folder: Path) -> str:
    return read_checkpoint(folder, verify=False).run if is_checkpoint(folder) else folder.name
