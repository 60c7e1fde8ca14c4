"""PPO end to end on a tiny model: it learns, it starts where it should, and nothing depends on how batches are cut."""

import dataclasses

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model

from policy.config import PPOConfig
from policy.models import trained_state
from policy.ppo_trainer import PPOTrainer
from policy.rollout import micro_batches
from policy.sample import prompts_for
from workbench.errors import RunError

SMALL = PPOConfig(
    total_episodes=96, batch_size=24, max_new_tokens=8, temperature=1.0, num_ppo_epochs=2, num_mini_batches=2,
    micro_batch_tokens=512, learning_rate=2e-3, kl_coef=0.05, missing_eos="keep", device="cpu", seed=3,
)  # fmt: skip


def vowels(prompts, texts):
    return [sum(letter in "aeiou" for letter in text) / 4 for text in texts]


@pytest.fixture
def trainer_of(make_policy, tokenizer, prompts_file):
    def make(model=None, reward=vowels, **changes):
        return PPOTrainer(
            model=model or make_policy(),
            reward_model=reward,
            train_dataset=prompts_for(prompts_file, "rl", None),
            processing_class=tokenizer,
            args=dataclasses.replace(SMALL, **{k: v for k, v in changes.items() if k != "peft_config"}),
            peft_config=changes.get("peft_config"),
        )

    return make


def test_the_score_rises(trainer_of):
    trainer = trainer_of(
        total_episodes=960, batch_size=48, micro_batch_tokens=4096, learning_rate=5e-3, kl_coef=0.02
    )
    scores = [trainer.iterate()["objective/scores"] for _ in range(20)]
    assert sum(scores[-3:]) / 3 > sum(scores[:3]) / 3 + 0.4, scores


def test_the_first_iteration_starts_at_ratio_one_and_kl_zero(trainer_of):
    metrics = trainer_of(num_ppo_epochs=1, num_mini_batches=1).iterate()
    assert abs(metrics["objective/kl"]) < 1e-4
    assert metrics["policy/ratio"] == pytest.approx(1, abs=1e-5)
    assert metrics["policy/ratio_error"] < 1e-5
    assert metrics["policy/clipfrac"] == 0
    assert metrics["policy/approx_kl"] == pytest.approx(0, abs=1e-6)


def test_the_samplers_log_probs_are_those_of_a_forward_pass(trainer_of):
    from policy.ppo_trainer import _Clock

    trainer = trainer_of(temperature=0.7)
    rollout = trainer.collect(_Clock()).rollout
    old, _, reference = trainer._forward(rollout)
    torch.testing.assert_close(old, rollout.sampler_log_probs, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(old, reference, atol=1e-5, rtol=1e-5)


def gradients(trainer, experience):
    sums = trainer.updater._backward(experience, torch.arange(len(experience.rollout)), train_policy=True)
    return sums, [p.grad.clone() for p in trainer.networks.parameters() if p.grad is not None]


def test_gradients_do_not_depend_on_microbatches_or_padding(trainer_of):
    from policy.ppo_trainer import _Clock

    whole = trainer_of(micro_batch_tokens=100_000)
    experience, _ = whole.experience(whole.collect(_Clock()))
    sums, expected = gradients(whole, experience)
    assert any(bool(g.abs().max() > 1e-4) for g in expected)
    cut = trainer_of(micro_batch_tokens=20)
    assert len(list(micro_batches(experience.rollout, torch.arange(24), 20))) > 8
    sums_cut, found = gradients(cut, experience)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)
    assert sums_cut == pytest.approx(sums, rel=1e-4, abs=1e-4)
    rollout = experience.rollout
    wider = dataclasses.replace(
        rollout,
        ids=torch.nn.functional.pad(rollout.ids, (0, 9)),
        mask=torch.nn.functional.pad(rollout.mask, (0, 5)),
    )
    tensors = ("old_log_probs", "old_values", "advantages", "returns")
    padded = {name: torch.nn.functional.pad(getattr(experience, name), (0, 5), value=7.0) for name in tensors}
    _, with_padding = gradients(cut, dataclasses.replace(experience, rollout=wider, **padded))
    for a, b in zip(with_padding, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)


def test_a_loss_is_a_mean_over_tokens_not_over_rows(trainer_of):
    """One microbatch a row: each row weighs by its tokens, so the parts add up to the gradient of the whole."""
    from policy.ppo_trainer import _Clock

    trainer = trainer_of()
    experience, _ = trainer.experience(trainer.collect(_Clock()))
    lengths = experience.rollout.lengths
    assert len(set(lengths.tolist())) > 2
    _, whole = gradients(trainer, experience)
    summed = [torch.zeros_like(g) for g in whole]
    for row in range(24):
        trainer.updater._backward(experience, torch.tensor([row]), train_policy=True)
        for total, p in zip(
            summed, [p for p in trainer.networks.parameters() if p.grad is not None], strict=True
        ):
            total += p.grad * lengths[row] / lengths.sum()
    for a, b in zip(summed, whole, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)


def test_dropout_in_the_policy_is_noticed(trainer_of):
    trainer = trainer_of()
    trainer.policy.model.layers[0].mlp.register_forward_hook(
        lambda m, i, out: out + torch.randn_like(out) * 0.1
    )
    with pytest.raises(RunError, match="not 0"):
        trainer.iterate()


def test_lora_trains_adapters_only_and_the_reference_is_the_base(trainer_of):
    trainer = trainer_of(peft_config=LoraConfig(r=4, target_modules=["q_proj", "v_proj", "down_proj"]))
    before = {name: p.clone() for name, p in trainer.policy.named_parameters()}
    first = trainer.iterate()
    assert abs(first["objective/kl"]) < 1e-4
    changed = {name for name, p in trainer.policy.named_parameters() if not torch.equal(p, before[name])}
    assert changed and all("lora_" in name for name in changed)
    second = trainer.iterate()
    assert abs(second["objective/kl"]) > 1e-4, "the policy moved away from its reference"
    assert all("lora_" in name or "head" in name for name in trained_state(trainer.networks))


def test_a_policy_with_an_adapter_goes_on_from_it_and_is_measured_against_it(trainer_of, make_policy):
    tuned = get_peft_model(make_policy(), LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.2)
    trainer = trainer_of(model=tuned)
    assert abs(trainer.iterate()["objective/kl"]) < 1e-4, "the reference is the adapter it came with"
    assert abs(trainer.iterate()["objective/kl"]) > 1e-4
    assert isinstance(trainer.policy, PeftModel)
    assert trainer.policy.active_adapter == "default"
    frozen = [p for name, p in trainer.policy.named_parameters() if ".ref." in name]
    assert frozen and not any(p.requires_grad for p in frozen)


def test_inner_epochs_stop_on_approximate_kl(trainer_of):
    far = trainer_of(learning_rate=0.05, early_stop_kl=0.01, num_ppo_epochs=4)
    assert far.iterate()["policy/steps"] < 8
    near = trainer_of(learning_rate=1e-6, early_stop_kl=0.01, num_ppo_epochs=4)
    assert near.iterate()["policy/steps"] == 8


def test_the_adaptive_coefficient_stays_within_its_limits(trainer_of):
    settings = {"kl_controller": "adaptive", "kl_target": 1000.0, "kl_horizon": 24, "total_episodes": 240}
    trainer = trainer_of(kl_coef_limits=(0.5, 8.0), **settings)
    for _ in range(6):
        trainer.iterate()
    assert trainer.progress.kl_coef == pytest.approx(0.025)
    free = trainer_of(kl_coef_limits=None, **settings)
    for _ in range(6):
        free.iterate()
    assert free.progress.kl_coef == pytest.approx(0.05 * 0.8**6)


def test_rates_fall_to_zero_and_the_critic_may_warm_up_alone(trainer_of):
    trainer = trainer_of(critic_warmup_iterations=1, critic_learning_rate=1e-2)
    before = trained_state(trainer.policy)
    critic = trained_state(trainer.networks.critic)
    rates = [trainer.iterate()["lr"]]
    assert all(torch.equal(before[name], value) for name, value in trained_state(trainer.policy).items())
    assert any(not torch.equal(critic[n], v) for n, v in trained_state(trainer.networks.critic).items())
    rates += [trainer.iterate()["lr"] for _ in range(3)]
    assert rates == pytest.approx([0, 0.75 * 2e-3, 0.5 * 2e-3, 0.25 * 2e-3])


def test_scores_are_normalised_on_samples_of_the_start(trainer_of):
    trainer = trainer_of(score_normalization="start", score_normalization_samples=96, score_clip=1.0)
    trainer.prepare()
    moments = trainer.progress.moments
    assert moments.count == 96
    first = trainer.iterate()
    assert abs(first["objective/scores"]) < 0.5
    assert first["objective/scores_raw"] != pytest.approx(first["objective/scores"], abs=1e-3)


def test_a_reward_that_is_not_finite_is_refused(trainer_of):
    with pytest.raises(RunError, match="not a finite number"):
        trainer_of(reward=lambda prompts, texts: [float("nan")] * len(texts)).iterate()
