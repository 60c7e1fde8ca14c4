"""The run of `accord ppo train`: settings to models, through the iterations, to a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from policy.config import PPOConfig
from policy.models import Critic, drop_reference_adapter, restore_state, trained_state
from policy.ppo_trainer import PPOTrainer
from policy.sample import prompts_for
from reward.scoring import RewardScorer
from workbench.artifacts import write_file_aside
from workbench.checkpoints import (
    CheckpointInfo,
    is_checkpoint,
    parent_of,
    read_checkpoint,
    resolve_checkpoint,
    save_checkpoint,
)
from workbench.console import progress_bar, say
from workbench.errors import ConfigError
from workbench.identity import prompt_json
from workbench.metrics import read_metrics
from workbench.modeling.chat import decode_completion, template_hash
from workbench.modeling.devices import set_threads
from workbench.modeling.loading import load_causal_lm, load_tokenizer, save_model
from workbench.modeling.lora import lora_config
from workbench.modeling.processes import join_launch, open_shared_run
from workbench.runs import Run, RunResult

__all__ = ["PPOConfig", "PPOTrainer", "build_trainer", "train"]

STATE_FILE = "state.pt"
SHOWN = 8
"""Completions written to samples/ at each save."""


def train(config: PPOConfig, *, name: str | None = None, fresh: bool = False) -> RunResult:
    """Train the policy that `config` describes; resumes exactly, or returns a finished run of the same settings.

    Launched by accelerate on several processes, each takes its share of every batch and the main one writes. Only
    whole models a process (data parallel) are supported, not sharded ones.
    """
    _check_needed(config)
    processes = join_launch(config.device)
    is_main = processes.is_main_process
    with open_shared_run(processes, "ppo", config, name=name, fresh=fresh) as run:
        if run.finished:
            say(f"run '{run.name}' is finished: {run.final_checkpoint}")
            return run.result()
        trainer = build_trainer(config)
        begin(trainer, run, is_main)
        _iterate(trainer, run, is_main)
        first = _first_metrics(run)
        last = trainer.measure()
        if is_main:
            run.log(config.iterations + 1, last)
        return _finish(trainer, run, first, last, is_main)


def build_trainer(config: PPOConfig) -> PPOTrainer:
    """The trainer of these settings, with every model loaded."""
    assert config.policy is not None and config.prompts is not None
    set_threads(config.threads)
    folder = resolve_checkpoint(config.policy)
    records = prompts_for(config.prompts, config.prompt_use, None)
    lora = lora_config(config.lora_rank, config.lora_alpha, config.lora_targets) if config.lora_rank else None
    model = load_causal_lm(folder, device=config.device, dtype=config.dtype if lora else "float32")
    rewards = [RewardScorer.load(path, config.device, dtype=config.dtype) for path in config.reward_models]
    critic = None
    if config.critic_init == "reward_model":
        critic = Critic.of_reward_model(rewards[0], with_heads=config.value_head_init == "reward_model")
    return PPOTrainer(
        model=model,
        reward_model=rewards,
        train_dataset=records,
        processing_class=load_tokenizer(folder),
        args=config,
        value_model=critic,
        peft_config=lora,
    )


def begin(trainer: PPOTrainer, run: Run, is_main: bool) -> None:
    """Put the saved state back, where there is one, or prepare the run's first iteration."""
    state = run.folder / STATE_FILE
    if state.exists():
        trainer.restore(state)
        say(f"run '{run.name}' goes on after iteration {trainer.progress.iteration}")
    else:
        trainer.prepare()
    if is_main:
        run.rewind_metrics(trainer.progress.iteration)


def _iterate(trainer: PPOTrainer, run: Run, is_main: bool) -> None:
    config = trainer.config
    with progress_bar() as bar:
        task = bar.add_task("ppo", total=config.iterations, completed=trainer.progress.iteration, note="")
        while trainer.progress.iteration < config.iterations:
            metrics = trainer.iterate()
            done = trainer.progress.iteration
            if is_main:
                run.log(done, metrics)
            if done % config.save_every == 0 or done == config.iterations:
                if is_main:
                    _write_samples(trainer, run.folder / "samples" / f"iteration-{done:06d}.jsonl")
                trainer.save(run.folder / STATE_FILE)
            note = f"score {metrics['objective/scores']:.3f}  kl {metrics['objective/kl']:.2f}"
            bar.update(task, completed=done, note=note)


def _finish(
    trainer: PPOTrainer, run: Run, first: dict[str, Any], last: dict[str, float], is_main: bool
) -> RunResult:
    """Write checkpoints/final, the other of best and last beside it, and the report."""
    config, best = trainer.config, trainer.progress.best
    measured = {key: last[f"objective/{key}"] for key in ("scores", "kl", "length", "distinct_2")}
    summary: dict[str, Any] = {
        "iterations": config.iterations,
        "episodes": config.iterations * config.batch_size,
        "prompts": len(trainer.prompts),
        "kept": config.keep,
        "first": {key: first.get(f"objective/{key}") for key in measured},
        "last": measured,
        "best": None
        if best is None
        else {"iteration": best.iteration, "value": best.value, "scores": best.score, "kl": best.kl},
        "kl_coef": trainer.progress.kl_coef,
    }
    if not is_main:
        return RunResult(folder=run.folder, checkpoint=run.final_checkpoint, summary=summary)
    drop_reference_adapter(trainer.policy)
    weights = {"last": trained_state(trainer.policy), "best": None if best is None else best.weights}
    kept = config.keep if weights[config.keep] is not None else "last"
    if kept != config.keep:
        say(
            "no iteration met the conditions of the best policy (best_max_kl, best_min_distinct_2); keeping the last"
        )
        summary["kept"] = kept
    for which, state in weights.items():
        if state is not None:
            target = run.final_checkpoint if which == kept else run.checkpoints / which
            _save_policy(trainer, run, target, state, {"kept": which, **summary[which]})
    return run.finish(summary)


def _save_policy(
    trainer: PPOTrainer, run: Run, target: Path, state: dict[str, torch.Tensor], extra: dict[str, Any]
) -> None:
    config = trainer.config
    assert config.policy is not None
    folders = [resolve_checkpoint(config.policy), *map(resolve_checkpoint, config.reward_models)]
    tags: dict[str, Any] = {}
    for folder in folders:
        # What its parents were trained on, this policy was trained on, at one remove.
        tags |= dict(read_checkpoint(folder, verify=False).tags) if is_checkpoint(folder) else {}
    roles = ["policy", *["reward_model"] * len(config.reward_models)]
    info = CheckpointInfo(
        stage="ppo",
        run=run.name,
        parents=tuple(parent_of(role, folder) for role, folder in zip(roles, folders, strict=True)),
        template_hash=template_hash(trainer.tokenizer),
        tags=tags,
        extra=extra,
    )
    restore_state(trainer.policy, state)
    save_checkpoint(target, info, lambda path: save_model(path, trainer.policy, trainer.tokenizer))


def _write_samples(trainer: PPOTrainer, path: Path) -> None:
    """A few completions of the last iteration with their scores, for people to read."""
    assert trainer.last is not None
    scored = trainer.last
    rows = zip(scored.prompts, scored.rollout.completions(), scored.scores.tolist(), strict=True)
    with write_file_aside(path) as file:
        for prompt, tokens, score in list(rows)[:SHOWN]:
            line = {
                "prompt": prompt_json(prompt),
                "completion": decode_completion(trainer.tokenizer, tokens),
                "score": score,
            }
            file.write((json.dumps(line, ensure_ascii=False) + "\n").encode())


def _first_metrics(run: Run) -> dict[str, Any]:
    rows = read_metrics(run.folder / "metrics.jsonl")
    return rows[0] if rows else {}


def _check_needed(config: PPOConfig) -> None:
    needed = {"policy": config.policy, "reward_models": config.reward_models, "prompts": config.prompts}
    missing = [name for name, value in needed.items() if not value]
    if missing:
        flags = ", ".join("--" + name.replace("_", "-") for name in missing)
        raise ConfigError(f"not set: {', '.join(missing)}. Give {flags}, or set them in the --config file")
