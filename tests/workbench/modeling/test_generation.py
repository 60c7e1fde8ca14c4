"""Sampling equals transformers' own where that is exact, and does not depend on the batch where it is random."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from workbench.modeling.decoders import CacheDecoder, LeanDecoder, decoder_for
from workbench.modeling.generation import Sampling, draw, generate, keep_likeliest, left_pad

PAD, EOS, VOCABULARY = 0, 2, 61
SHAPE = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "pad_token_id": PAD, "eos_token_id": EOS, "bos_token_id": 1,
}  # fmt: skip


def llama() -> PreTrainedModel:
    return LlamaForCausalLM(LlamaConfig(**SHAPE, tie_word_embeddings=True))


def llama3_rope() -> PreTrainedModel:
    rope = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 4.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 16}  # fmt: skip
    return LlamaForCausalLM(LlamaConfig(**SHAPE, rope_parameters=rope))


def qwen2() -> PreTrainedModel:
    return Qwen2ForCausalLM(Qwen2Config(**SHAPE))


def qwen3() -> PreTrainedModel:
    return Qwen3ForCausalLM(Qwen3Config(**SHAPE, head_dim=8))


def gpt2() -> PreTrainedModel:
    shape = {"vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
    return GPT2LMHeadModel(GPT2Config(**shape, pad_token_id=PAD, eos_token_id=EOS, bos_token_id=1))


def make(build: Callable[[], PreTrainedModel]) -> PreTrainedModel:
    torch.manual_seed(0)
    model = build()
    for parameter in model.parameters():  # wide weights, so that greedy paths differ between prompts
        parameter.data.add_(torch.randn_like(parameter), alpha=0.15)
    return model.eval()


def prompts_of(*lengths: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(3, VOCABULARY, (n,), generator=generator).tolist() for n in lengths]


def sampled(
    model: torch.nn.Module, prompts: list[list[int]], seeds: list[int], **settings: float
) -> list[list[int]]:
    sampling = Sampling(max_new_tokens=20, **settings)  # type: ignore[arg-type]  # a plain mapping of settings
    drawn = generate(model, prompts, sampling=sampling, seeds=seeds, eos_token_id=EOS, pad_token_id=PAD)
    return drawn.rows()


@pytest.mark.parametrize("build", [llama, llama3_rope, qwen2, qwen3, gpt2])
def test_greedy_equals_transformers_generate(build: Callable[[], PreTrainedModel]) -> None:
    model = make(build)
    prompts = prompts_of(3, 9, 5, 9, 1, 12)
    ids, mask = left_pad(prompts, PAD)
    theirs = model.generate(input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=20)
    expected = []
    for row in theirs[:, ids.shape[1] :].tolist():
        expected.append(row[: row.index(EOS) + 1] if EOS in row else row)
    assert isinstance(decoder_for(model), CacheDecoder if build is gpt2 else LeanDecoder)
    assert sampled(model, prompts, list(range(6)), temperature=0.0) == expected
    assert len({tuple(row) for row in expected}) > 3, "the models must not all say the same"


@pytest.mark.parametrize("build", [llama, gpt2])
def test_log_probs_are_those_of_a_forward_pass_at_the_same_temperature(
    build: Callable[[], PreTrainedModel],
) -> None:
    model, prompts = make(build), prompts_of(4, 7, 2)
    sampling = Sampling(max_new_tokens=12, temperature=0.7, top_p=0.9, top_k=30)
    drawn = generate(model, prompts, sampling=sampling, seeds=[1, 2, 3], eos_token_id=EOS, pad_token_id=PAD)
    for prompt, row, log_probs in zip(prompts, drawn.rows(), drawn.log_probs, strict=True):
        logits = model(torch.tensor([prompt + row])).logits[0, len(prompt) - 1 : -1]
        expected = (logits / 0.7).log_softmax(-1).gather(1, torch.tensor(row)[:, None]).squeeze(1)
        torch.testing.assert_close(log_probs[: len(row)], expected, atol=1e-5, rtol=1e-5)
        assert bool((log_probs[len(row) :] == 0).all())


@pytest.mark.parametrize("build", [llama, gpt2])
def test_a_sequence_does_not_depend_on_its_batch(build: Callable[[], PreTrainedModel]) -> None:
    model = make(build)
    prompts = prompts_of(*[1 + i % 11 for i in range(40)])
    seeds = [100 + i for i in range(40)]
    together = sampled(model, prompts, seeds)
    alone = [sampled(model, [p], [s])[0] for p, s in zip(prompts, seeds, strict=True)]
    assert alone == together
    backwards = sampled(model, prompts[::-1], seeds[::-1])
    assert backwards[::-1] == together
    lengths = {len(row) for row in together}
    assert len(lengths) > 4 and max(lengths) == 20, "rows must leave the batch at different steps"


def test_repeated_prompts_differ_by_seed_and_repeat_with_it() -> None:
    model = make(llama)
    prompt = prompts_of(5)[0]
    first = sampled(model, [prompt] * 6, [1, 2, 3, 1, 2, 3])
    assert first[:3] == first[3:]
    assert len({tuple(row) for row in first}) == 3


def test_finished_means_closed_by_eos_within_the_limit() -> None:
    model = make(llama)
    prompts = prompts_of(*[4] * 60)
    sampling = Sampling(max_new_tokens=20)
    drawn = generate(
        model, prompts, sampling=sampling, seeds=range(60), eos_token_id=EOS, pad_token_id=PAD, batch_size=16
    )
    rows = drawn.rows()
    assert drawn.finished.tolist() == [row[-1] == EOS for row in rows]
    assert 0 < int(drawn.finished.sum()) < 60
    assert all(EOS not in row[:-1] for row in rows)
    assert all(len(row) == 20 for row, done in zip(rows, drawn.finished.tolist(), strict=True) if not done)
    after = torch.arange(drawn.tokens.shape[1]) >= drawn.lengths[:, None]
    assert bool((drawn.tokens[after] == PAD).all())


def test_an_active_lora_adapter_is_sampled_from_and_a_disabled_one_is_not() -> None:
    model = make(llama)
    prompts, seeds = prompts_of(4, 6, 8), [1, 2, 3]
    plain = sampled(model, prompts, seeds)
    adapted = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "down_proj"], lora_alpha=32))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_()
    ids, mask = left_pad(prompts, PAD)
    theirs = adapted.generate(input_ids=ids, attention_mask=mask, do_sample=False, max_new_tokens=20)
    greedy = sampled(adapted, prompts, seeds, temperature=0.0)
    for row, expected in zip(greedy, theirs[:, ids.shape[1] :].tolist(), strict=True):
        assert row == expected[: len(row)]
    assert sampled(adapted, prompts, seeds) != plain
    with adapted.disable_adapter():
        assert sampled(adapted, prompts, seeds) == plain


def test_draws_follow_the_distribution() -> None:
    """p = (.1, .2, .3, .4): 40,000 evenly spaced draws give counts of 4,000, 8,000, 12,000 and 16,000."""
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log().expand(40_000, 4)
    noise = (torch.arange(40_000) + 0.5) / 40_000
    tokens, log_probs = draw(logits, noise, Sampling())
    assert (torch.bincount(tokens) - torch.tensor([4000, 8000, 12000, 16000])).abs().max() <= 1
    torch.testing.assert_close(log_probs[0], torch.tensor(math.log(0.1)))


def test_the_ends_of_the_noise_never_draw_a_token_that_was_cut() -> None:
    logits = torch.tensor([[0.1, 0.2, 0.3, 0.4]]).log().repeat(2, 1)
    tokens, _ = draw(logits, torch.tensor([1e-7, 1.0]), Sampling(top_k=2))
    assert tokens.tolist() == [2, 3]


def test_top_p_keeps_the_likeliest_until_their_sum_reaches_it() -> None:
    """Of (.1, .2, .3, .4): p = .5 needs .4 and .3 (sum .7); p = .4 needs .4 alone; p = .71 needs three."""
    log_probs = torch.tensor([[0.1, 0.2, 0.3, 0.4]]).log()

    def kept(top_p: float) -> list[bool]:
        return torch.isfinite(keep_likeliest(log_probs, 0, top_p))[0].tolist()

    assert kept(0.5) == [False, False, True, True]
    assert kept(0.39) == [False, False, False, True]
    assert kept(0.71) == [False, True, True, True]
    assert kept(1.0) == [True] * 4


def test_streaming_hears_every_token_of_a_single_prompt() -> None:
    model, heard = make(llama), []
    drawn = generate(
        model, prompts_of(5), sampling=Sampling(max_new_tokens=9), seeds=[3], eos_token_id=EOS, pad_token_id=PAD,
        on_token=lambda tokens: heard.append(int(tokens[0])),
    )  # fmt: skip
    assert heard == drawn.rows()[0]


def test_what_cannot_be_sampled_is_refused_with_the_way_out() -> None:
    model = make(llama)
    with pytest.raises(
        ValueError, match=r"prompt 1 has 50 tokens and 20 more may follow.*64 positions.*to 14"
    ):
        sampled(model, prompts_of(49, 50, 3), [0, 1, 2])
    with pytest.raises(ValueError, match="prompt 0 has no tokens"):
        sampled(model, [[]], [0])
    with pytest.raises(ValueError, match="one seed a prompt"):
        sampled(model, prompts_of(3), [0, 1])
    for wrong in ({"temperature": -1.0}, {"top_p": 0.0}, {"top_k": -1}, {"max_new_tokens": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Sampling(**wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_left_pad_puts_padding_first() -> None:
    ids, mask = left_pad([[5, 6, 7], [8]], PAD)
    assert ids.tolist() == [[5, 6, 7], [PAD, PAD, 8]]
    assert mask.tolist() == [[1, 1, 1], [0, 0, 1]]
