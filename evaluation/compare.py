"""Compare: policies against the policy they started from, as one dict of estimates and the samples behind it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.config import START, CompareConfig
from evaluation.likelihood import negative_log_likelihoods, sequence_kls
from evaluation.reward_accuracy import (
    accuracy,
    calibration_error,
    label_ceiling,
    pairs_of_labels,
    pairs_of_truth,
)
from evaluation.samples import (
    Floats,
    GroundTruth,
    Samples,
    draw_samples,
    load_ground_truth,
    score_by_models,
    score_by_truth,
)
from evaluation.win_rates import best_of_n_wins, mean_over_prompts, ratio_over_prompts, win_rate
from reward.scoring import RewardScorer
from workbench.checkpoints import parent_of, resolve_checkpoint
from workbench.errors import DataError
from workbench.jsonl import read_comparisons, read_prompts
from workbench.modeling.chat import pad_id
from workbench.modeling.generation import Sampling
from workbench.modeling.loading import load_causal_lm, load_tokenizer
from workbench.records import Comparison, PromptRecord
from workbench.seeds import derive_seed, numpy_generator
from workbench.snapshots import open_snapshot
from workbench.statistics.estimates import Estimate
from workbench.text import distinct_n

NO_TRUTH = "no ground truth was given: people's labels, or --ground-truth"
NO_MODEL = "no reward model was given"
NO_JUDGE = "no judge model took part"


@dataclass
class Measured:
    """One policy's samples and what was measured on them; scores are (P, S)."""

    samples: Samples
    truth: Floats | None
    reward: Floats | None
    kl: Floats
    base_nll: Floats | None
    lengths: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.lengths = self.samples.by_prompt([len(completion) for _, completion in self.samples.rows])


@dataclass(frozen=True)
class Compared:
    """The report's JSON, and what a page shows beside it."""

    report: dict[str, Any]
    prompts: list[PromptRecord]
    measured: dict[str, Measured]


def compare(
    config: CompareConfig, *, truth: GroundTruth | None = None, labelled: Sequence[Comparison] | None = None
) -> Compared:
    """Sample every policy and the start (twice, for the noise floor) on the same prompts, and measure.

    `truth` and `labelled` stand in for the settings of those names where the caller has them at hand. The report has
    the keys of docs/algorithms/evaluation.md; every estimate is {"value", "low", "high", "n"}.
    """
    prompts = _prompts(config)
    truth = truth or (load_ground_truth(config.ground_truth) if config.ground_truth else None)
    scorers = [RewardScorer.load(path, device=config.device) for path in config.reward_models]
    if labelled is None and config.comparisons is not None:
        labelled = read_labelled(config.comparisons)
    bench = _Bench(config, prompts, truth, scorers)
    measured = {START: bench.measure(config.start or "", "first")}
    again = bench.measure(config.start or "", "second")
    for name, checkpoint in config.policy_checkpoints.items():
        measured[name] = bench.measure(checkpoint, "first")
    rng = numpy_generator(config.seed, "evaluation", "bootstrap")
    report = {
        "ground_truth": (truth.__doc__ or "").strip().partition("\n")[0] if truth else None,
        "prompts": len(prompts),
        "samples_per_prompt": config.samples_per_prompt,
        "temperature": config.temperature,
        "policies": {name: _policy(config, one, measured[START], rng) for name, one in measured.items()},
        "noise_floor": _wins(config, again.truth, measured[START].truth, NO_TRUTH, rng).to_json(),
        "reward_model_noise_floor": _wins(
            config, again.reward, measured[START].reward, NO_MODEL, rng
        ).to_json(),
        "best_of_n": _best_of_n(config, measured[START], again, rng),
        "reward_model": _reward_model(config, measured[START], scorers, labelled, rng),
    }
    return Compared(report, prompts, measured)


def read_labelled(reference: str) -> list[Comparison]:
    """The test split of a snapshot (a folder or the start of its hash), or all of a comparisons.jsonl."""
    if Path(reference).is_file():
        return list(read_comparisons(reference))
    return list(open_snapshot(reference).comparisons("test"))


class _Bench:
    """Loads the shared models once, and measures one policy after the other."""

    def __init__(
        self,
        config: CompareConfig,
        prompts: Sequence[PromptRecord],
        truth: GroundTruth | None,
        scorers: Sequence[RewardScorer],
    ) -> None:
        self.config, self.prompts, self.truth, self.scorers = config, prompts, truth, scorers
        self.start = load_causal_lm(resolve_checkpoint(config.start or ""), device=config.device, merge=True)
        self.base = self.base_tokenizer = None
        if config.base:
            folder = resolve_checkpoint(config.base)
            self.base = load_causal_lm(folder, device=config.device, merge=True)
            self.base_tokenizer = load_tokenizer(folder)

    def measure(self, checkpoint: str, draw: str) -> Measured:
        """Samples of the checkpoint and all its measures; `draw` names the stream of random numbers."""
        config, folder = self.config, resolve_checkpoint(checkpoint)
        model, tokenizer = load_causal_lm(folder, device=config.device, merge=True), load_tokenizer(folder)
        samples = draw_samples(
            model,
            tokenizer,
            self.prompts,
            samples_per_prompt=config.samples_per_prompt,
            sampling=Sampling(max_new_tokens=config.max_new_tokens, temperature=config.temperature),
            # The same stream for every policy would tie their samples together; the weights name their own, wherever
            # they stand.
            seed=derive_seed(config.seed, "evaluation", parent_of("policy", folder).hash, draw),
            batch_size=config.batch_size,
        )
        pad = pad_id(tokenizer)
        kl = sequence_kls(model, self.start, samples.rows, temperature=config.temperature, pad_token_id=pad)
        return Measured(
            samples=samples,
            truth=score_by_truth(self.truth, self.prompts, samples) if self.truth else None,
            reward=score_by_models(self.scorers, self.prompts, samples) if self.scorers else None,
            kl=samples.by_prompt(kl),
            base_nll=self._base_nll(samples),
        )

    def _base_nll(self, samples: Samples) -> Floats | None:
        """-log p of each text under the base alone, behind its bos, beside its number of tokens: (P, S, 2).

        The prompt is left out, for the base never saw the roles of a conversation.
        """
        if self.base is None:
            return None
        tokenizer = self.base_tokenizer
        assert tokenizer is not None
        start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
        rows = [
            ([start], tokenizer.encode(text or " ", add_special_tokens=False))
            for group in samples.texts
            for text in group
        ]
        nll = negative_log_likelihoods(self.base, rows, pad_token_id=pad_id(tokenizer))
        counts = np.array([len(completion) for _, completion in rows], dtype=np.float64)
        return np.stack([samples.by_prompt(nll), samples.by_prompt(counts)], axis=-1)


def _policy(
    config: CompareConfig, one: Measured, start: Measured, rng: np.random.Generator
) -> dict[str, Any]:
    """The figures of one policy; the start's win rates against itself are exactly one half and left out."""

    def mean(values: Floats) -> Estimate:
        return mean_over_prompts(values, draws=config.bootstrap_draws, generator=rng)

    itself = one is start
    half = Estimate.missing("the start itself; the noise floor is the start against other samples of its own")
    perplexity = Estimate.missing("no base model was given")
    if one.base_nll is not None:
        perplexity = ratio_over_prompts(
            one.base_nll[..., 0].sum(1),
            one.base_nll[..., 1].sum(1),
            draws=config.bootstrap_draws,
            generator=rng,
            transform=np.exp,
        )
    figures = {
        "win_rate": half if itself else _wins(config, one.truth, start.truth, NO_TRUTH, rng),
        "reward_model_win_rate": half if itself else _wins(config, one.reward, start.reward, NO_MODEL, rng),
        "judge_win_rate": Estimate.missing(NO_JUDGE),
        "truth_score": Estimate.missing(NO_TRUTH) if one.truth is None else mean(one.truth),
        "reward_model_score": Estimate.missing(NO_MODEL) if one.reward is None else mean(one.reward),
        "kl": mean(one.kl),
        "distinct_2": Estimate(
            distinct_n([completion for _, completion in one.samples.rows], 2), n=len(one.samples.rows)
        ),
        "length": mean(one.lengths),
        "perplexity": perplexity,
    }
    return {name: estimate.to_json() for name, estimate in figures.items()}


def _wins(
    config: CompareConfig, policy: Floats | None, start: Floats | None, reason: str, rng: np.random.Generator
) -> Estimate:
    if policy is None or start is None:
        return Estimate.missing(reason)
    return win_rate(policy, start, draws=config.bootstrap_draws, generator=rng)


def _best_of_n(
    config: CompareConfig, start: Measured, again: Measured, rng: np.random.Generator
) -> dict[str, Any]:
    """How often the best of n samples of the start beats a fresh one, chosen by the truth (an oracle) and by reward.

    n is samples_per_prompt. The oracle's rate is n / (n + 1) less half the share of ties.
    """
    figures = dict.fromkeys(("oracle", "reward_model"), Estimate.missing(NO_TRUTH))
    if start.truth is not None and again.truth is not None:
        for name, chooser in (("oracle", start.truth), ("reward_model", start.reward)):
            if chooser is not None:
                wins = best_of_n_wins(chooser, start.truth, again.truth, config.samples_per_prompt)
                figures[name] = mean_over_prompts(wins, draws=config.bootstrap_draws, generator=rng)
    return {
        "n": config.samples_per_prompt,
        **{name: estimate.to_json() for name, estimate in figures.items()},
    }


def _reward_model(
    config: CompareConfig,
    start: Measured,
    scorers: Sequence[RewardScorer],
    labelled: Sequence[Comparison] | None,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Accuracy on held-out labels beside their ceiling, calibration, and accuracy against the ground truth."""
    figures = dict.fromkeys(("accuracy", "ceiling", "ece", "truth_accuracy"), Estimate.missing(NO_MODEL))
    if scorers:
        draws = config.bootstrap_draws
        figures = dict.fromkeys(
            ("accuracy", "ceiling", "ece"),
            Estimate.missing("no labelled comparisons were given (--comparisons)"),
        )
        if labelled:
            texts = [[completion.text for completion in c.completions] for c in labelled]
            each = [
                [[s.value for s in row] for row in scorer.score([c.prompt for c in labelled], texts)]
                for scorer in scorers
            ]
            scores = [np.mean(rows, axis=0).tolist() for rows in zip(*each, strict=True)]
            pairs = pairs_of_labels(labelled, scores)
            temperature = float(np.mean([scorer.temperature for scorer in scorers]))
            figures["accuracy"] = accuracy(pairs, draws=draws, generator=rng)
            figures["ceiling"] = label_ceiling(labelled, draws=draws, generator=rng)
            figures["ece"] = calibration_error(pairs, temperature=temperature, draws=draws, generator=rng)
        figures["truth_accuracy"] = Estimate.missing(NO_TRUTH)
        if start.truth is not None and start.reward is not None:
            pairs = pairs_of_truth(start.truth, start.reward)
            figures["truth_accuracy"] = accuracy(pairs, draws=draws, generator=rng)
    return {name: estimate.to_json() for name, estimate in figures.items()}


def _prompts(config: CompareConfig) -> list[PromptRecord]:
    assert config.prompts is not None
    kept = [
        r for r in read_prompts(config.prompts) if config.prompt_use is None or r.use == config.prompt_use
    ]
    if not kept:
        raise DataError(f"{config.prompts} has no prompt with the use {config.prompt_use!r}; set prompt_use")
    return kept[: config.max_prompts]
