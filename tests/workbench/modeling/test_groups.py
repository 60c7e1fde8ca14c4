import random

import pytest
import torch

from tests.tiny_models import byte_tokenizer
from tests.tiny_models import tiny_model as plain_model
from workbench.errors import CheckpointError, DataError
from workbench.modeling.groups import (
    Group,
    collate_groups,
    encode_group,
    final_hidden,
    group_logprobs,
    sum_by_completion,
    use_grouped_attention,
)
from workbench.records import Comparison, Completion


def tiny_model(*arguments, **settings):
    model = plain_model(*arguments, **settings)
    use_grouped_attention(model)
    return model


def random_groups(sizes, seed=0, longest=40):
    """Groups with prompts and completions of very different lengths; a completion may be the eos alone."""
    chance = random.Random(seed)

    def draw(most):
        return tuple(chance.randrange(6, 262) for _ in range(chance.choice([0, 1, 2, most // 2, most])))

    return [
        Group(f"c{i}", (1, 4, *draw(longest), 5), tuple((*draw(longest), 2) for _ in range(k)))
        for i, k in enumerate(sizes)
    ]


def alone(model, group, i):
    """Logits of one completion encoded as an ordinary sequence, by transformers' own attention."""
    model.set_attn_implementation("sdpa")
    ids = torch.tensor([[*group.prompt, *group.completions[i]]])
    return ids, model(ids).logits


@pytest.mark.parametrize("family", ["llama", "qwen3"])
@torch.no_grad()
def test_log_probabilities_equal_those_of_separate_sequences(family):
    model = tiny_model(family)
    groups = random_groups([1, 2, 4, 9, 1, 3])
    batch = collate_groups(groups, pad_id=0)
    ours = sum_by_completion(group_logprobs(model, batch), batch)
    expected = []
    for group in groups:
        for i, completion in enumerate(group.completions):
            ids, logits = alone(model, group, i)
            table = torch.log_softmax(logits[0, :-1], -1).gather(1, ids[0, 1:, None])[:, 0]
            expected.append(table[-len(completion) :].sum())
    expected = torch.stack(expected)
    # Sums over up to 41 tokens of about -5 each: 1e-5 relative to the mean per token.
    torch.testing.assert_close(ours, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", ["llama", "qwen3"])
@pytest.mark.parametrize("k", range(1, 10))
@torch.no_grad()
def test_scores_equal_those_of_separate_sequences(family, k):
    model = tiny_model(family, heads=2)
    groups = random_groups([k, k], seed=k)
    batch = collate_groups(groups, pad_id=0)
    scores = model.score(final_hidden(model, batch))
    expected = torch.cat([alone(model, group, i)[1] for group in groups for i in range(k)])
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_equal_completions_get_equal_scores():
    model = tiny_model(heads=1)
    group = Group("c", (1, 4, 70, 5), ((80, 81, 2), (2,), (80, 81, 2), (90,) * 30 + (2,)))
    batch = collate_groups([group], pad_id=0)
    scores = model.score(final_hidden(model, batch))[:, 0]
    torch.testing.assert_close(scores[0], scores[2], atol=1e-5, rtol=0)
    assert abs(scores[0] - scores[1]) > 1e-3


def test_gradients_equal_those_of_separate_sequences():
    groups = random_groups([3, 2], seed=4)
    results = []
    for grouped in (True, False):
        model = tiny_model(heads=1)
        if grouped:
            scores = model.score(final_hidden(model, collate_groups(groups, pad_id=0)))
        else:
            scores = torch.cat([alone(model, g, i)[1] for g in groups for i in range(len(g.completions))])
        (scores[:, 0] * torch.tensor([1.0, -2.0, 0.5, 3.0, -1.0])).sum().backward()
        results.append([p.grad for p in model.parameters()])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_every_token_is_encoded_once():
    groups = random_groups([4, 9, 1], seed=2)
    batch = collate_groups(groups, pad_id=0)
    assert int((batch.input_ids != 0).sum()) == sum(group.num_tokens for group in groups)
    tokens = batch.input_ids[0, batch.token].tolist()
    assert tokens == [t for group in groups for completion in group.completions for t in completion]
    assert batch.sizes == (4, 9, 1)


def test_similar_lengths_pad_little():
    completions = tuple((9,) * n for n in (30, 6, 29, 31, 6, 6, 32))
    batch = collate_groups([Group("c", (1,), completions)], pad_id=0)
    assert [block.count for block in batch.blocks] == [4, 3]
    assert batch.input_ids.shape[1] == 1 + 4 * 32 + 3 * 6


@torch.no_grad()
def test_ordinary_batches_run_as_under_sdpa():
    ids, seen = torch.tensor([[1, 40, 41, 2], [1, 50, 2, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    expected = plain_model(heads=1)(ids, attention_mask=seen).logits
    assert torch.equal(tiny_model(heads=1)(ids, attention_mask=seen).logits, expected)


def test_the_name_of_our_attention_is_not_saved(tmp_path):
    tiny_model().save_pretrained(tmp_path)
    assert "accord" not in (tmp_path / "config.json").read_text()


def test_windows_are_refused():
    model = plain_model("qwen3", use_sliding_window=True, sliding_window=4, max_window_layers=0)
    with pytest.raises(CheckpointError, match="sliding_attention"):
        use_grouped_attention(model)


def test_what_exceeds_the_context_is_named_with_its_counts():
    comparison = Comparison("c-17", "four", (Completion("1234567"), Completion("")))
    tokenizer = byte_tokenizer()
    assert encode_group(tokenizer, comparison, max_length=16).num_tokens == 8 + 8 + 1
    with pytest.raises(
        DataError, match=r"'c-17' has 8 tokens of prompt and 8 .* together 16; .* context is 15"
    ):
        encode_group(tokenizer, comparison, max_length=15)
