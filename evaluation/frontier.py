"""Frontier: reward and ground truth against KL, for every checkpoint of some runs and for best-of-n of their start."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.config import FrontierConfig
from evaluation.likelihood import sequence_kls
from evaluation.samples import Floats, draw_samples, load_ground_truth, score_by_models, score_by_truth
from evaluation.win_rates import best_of_n, best_of_n_kl, mean_over_prompts
from reward.scoring import RewardScorer
from workbench.checkpoints import is_checkpoint, parent_of, resolve_checkpoint
from workbench.errors import DataError
from workbench.home import runs_folder
from workbench.jsonl import read_prompts
from workbench.modeling.chat import pad_id
from workbench.modeling.generation import Sampling
from workbench.modeling.loading import load_causal_lm, load_tokenizer
from workbench.page import Block, Page, Section
from workbench.plots import Line, line_plot
from workbench.seeds import derive_seed, numpy_generator
from workbench.statistics.estimates import Estimate
from workbench.tables import Column, Table

BEST_OF_N = "best of n"


def frontier(config: FrontierConfig) -> dict[str, Any]:
    """Points by run, in order of KL: {"points": {run: [{"checkpoint", "kl", "reward", "truth"}]}}; estimates as JSON.

    A run's points are the checkpoints in its folder. Best-of-n costs n samples a completion and moves by
    log n - (n - 1) / n; its scores are expectations over all subsets of the samples drawn.
    """
    assert config.prompts is not None
    kept = [
        r for r in read_prompts(config.prompts) if config.prompt_use is None or r.use == config.prompt_use
    ]
    prompts = kept[: config.max_prompts]
    if not prompts:
        raise DataError(f"{config.prompts} has no prompt with the use {config.prompt_use!r}; set prompt_use")
    truth = load_ground_truth(config.ground_truth) if config.ground_truth else None
    scorers = [RewardScorer.load(path, device=config.device) for path in config.reward_models]
    start = load_causal_lm(resolve_checkpoint(config.start or ""), device=config.device, merge=True)
    rng = numpy_generator(config.seed, "frontier", "bootstrap")

    def mean(values: Floats) -> dict[str, Any]:
        return mean_over_prompts(values, draws=config.bootstrap_draws, generator=rng).to_json()

    def measured(folder: Path, samples_per_prompt: int) -> tuple[Floats, Floats, Floats | None]:
        model, tokenizer = load_causal_lm(folder, device=config.device, merge=True), load_tokenizer(folder)
        samples = draw_samples(
            model,
            tokenizer,
            prompts,
            samples_per_prompt=samples_per_prompt,
            sampling=Sampling(max_new_tokens=config.max_new_tokens, temperature=config.temperature),
            seed=derive_seed(config.seed, "frontier", parent_of("policy", folder).hash),
            batch_size=config.batch_size,
        )
        kl = sequence_kls(
            model, start, samples.rows, temperature=config.temperature, pad_token_id=pad_id(tokenizer)
        )
        reward = score_by_models(scorers, prompts, samples)
        return samples.by_prompt(kl), reward, score_by_truth(truth, prompts, samples) if truth else None

    points: dict[str, list[dict[str, Any]]] = {}
    for run in config.runs:
        found = []
        for folder in checkpoints_of(run):
            kl, reward, true = measured(folder, config.samples_per_prompt)
            found.append(
                {"checkpoint": folder.name, "kl": mean(kl), "reward": mean(reward)}
                | ({"truth": mean(true)} if true is not None else {})
            )
        points[run] = sorted(found, key=lambda point: float(point["kl"]["value"]))
    _, reward, true = measured(resolve_checkpoint(config.start or ""), max(config.best_of))
    points[BEST_OF_N] = [
        {
            "checkpoint": f"n = {n}",
            "kl": Estimate(best_of_n_kl(n), n=len(prompts)).to_json(),
            "reward": mean(best_of_n(reward, reward, n)),
        }
        | ({"truth": mean(best_of_n(reward, true, n))} if true is not None else {})
        for n in sorted(config.best_of)
    ]
    return {"prompts": len(prompts), "points": points}


def checkpoints_of(run: str) -> list[Path]:
    """The checkpoints in a run's folder; DataError where there are none. Equal ones are kept once."""
    folder = runs_folder() / run / "checkpoints"
    found = {p.resolve(): p for p in sorted(folder.glob("*")) if is_checkpoint(p)} if folder.is_dir() else {}
    if not found:
        raise DataError(f"no checkpoint in {folder}; 'accord runs list' names the runs")
    return list(found.values())


def frontier_page(report: Mapping[str, Any]) -> Page:
    """The points as a plot and a table."""
    keys = [
        "reward",
        *(["truth"] if any("truth" in p for ps in report["points"].values() for p in ps) else []),
    ]
    return Page(
        title="Reward against KL",
        summary=[
            f"Mean score of samples for {report['prompts']:,} held-out prompts, against how far the policy moved from "
            "its start. Best-of-n shows what choosing among n samples of the start brings."
        ],
        sections=[Section(title=key.capitalize(), blocks=_blocks(report["points"], key)) for key in keys],
    )


def _blocks(points: Mapping[str, Sequence[Mapping[str, Any]]], key: str) -> list[Block]:
    lines = [
        Line(
            label=run,
            x=[float(p["kl"]["value"]) for p in found],
            y=[float(p[key]["value"]) for p in found],
            low=[float(p[key]["low"]) for p in found],
            high=[float(p[key]["high"]) for p in found],
        )
        for run, found in points.items()
        if all(p[key]["low"] is not None for p in found)
    ]
    table = Table(
        columns=[
            Column(title="run"),
            Column(title="checkpoint"),
            Column(title="KL", kind="estimate", with_n=False),
            Column(title=key, kind="estimate", with_n=False),
        ],
        rows=[
            [run, str(p["checkpoint"]), Estimate.from_json(p["kl"]), Estimate.from_json(p[key])]
            for run, found in points.items()
            for p in found
        ],
    )
    plot = line_plot(
        lines,
        title=f"{key.capitalize()} against KL",
        x_label="KL from the start, nats a completion",
        y_label=key,
    )
    return [plot, table]
