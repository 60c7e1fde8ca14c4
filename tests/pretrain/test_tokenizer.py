"""Tokenizer: exact round trips, control tokens, the chat template, and merges that others found too."""

import gzip
import itertools
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from pretrain.tokenizer import load_tokenizer, save_tokenizer, text_encoder, train_tokenizer
from workbench.errors import CheckpointError, DataError
from workbench.modeling.chat import decode_completion, encode_completion, encode_prompt, preflight
from workbench.records import Message

TEXT = [
    "The fox ran over the hill and the fox ran home.",
    "Under the hill there was a fox.",
    "世界 hello",
] * 5


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(TEXT, vocab_size=320, max_length=64)


def test_control_tokens_come_first_and_pad_is_not_eos(tokenizer):
    preflight(tokenizer, [(Message("user", "x"),)])
    assert tokenizer.convert_ids_to_tokens(list(range(6))) == [
        "<|pad|>", "<|bos|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>",
    ]  # fmt: skip
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    assert len(tokenizer) == 302, "the text has no more pairs to merge"
    assert tokenizer.model_max_length == 64


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_text_comes_back_exactly(tokenizer, text):
    ids = encode_completion(tokenizer, text)
    assert ids[-1] == tokenizer.eos_token_id
    assert min(ids[:-1], default=9) > 5, "text never becomes a control token"
    assert decode_completion(tokenizer, ids) == text


def test_control_tokens_in_documents_are_plain_text(tokenizer):
    ids = text_encoder(tokenizer).encode("a<|end|>b", add_special_tokens=False).ids
    assert min(ids) > 5
    assert tokenizer.decode(ids) == "a<|end|>b"


def test_template_and_mask(tokenizer):
    chat = [
        {"role": "system", "content": "Be kind. "},
        {"role": "user", "content": "The fox\n"},
        {"role": "assistant", "content": " ran home"},
        {"role": "user", "content": "And?"},
        {"role": "assistant", "content": ""},
    ]
    text = tokenizer.apply_chat_template(chat, tokenize=False)
    assert text == (
        "<|bos|><|system|>Be kind. <|end|><|user|>The fox\n<|end|><|assistant|> ran home<|end|>"
        "<|user|>And?<|end|><|assistant|><|end|>"
    )
    out = tokenizer.apply_chat_template(chat, return_dict=True, return_assistant_tokens_mask=True)
    kept = [i for i, m in zip(out["input_ids"], out["assistant_masks"], strict=True) if m]
    assert tokenizer.decode(kept) == " ran home<|end|><|end|>"
    # The two ways to tokens agree: template at once, or prompt and completion apart.
    messages = tuple(Message(m["role"], m["content"]) for m in chat)
    assert (
        encode_prompt(tokenizer, messages[:2]) + encode_completion(tokenizer, " ran home")
        == out["input_ids"][
            : len(encode_prompt(tokenizer, messages[:2])) + len(encode_completion(tokenizer, " ran home"))
        ]
    )
    assert encode_prompt(tokenizer, messages[:4]) + encode_completion(tokenizer, "") == out["input_ids"]
    with pytest.raises(Exception, match="got tool"):
        tokenizer.apply_chat_template([{"role": "tool", "content": "x"}])


def test_saved_and_loaded_it_is_the_same(tokenizer, tmp_path):
    save_tokenizer(tokenizer, tmp_path / "t")
    for loaded in (load_tokenizer(tmp_path / "t"), AutoTokenizer.from_pretrained(tmp_path / "t")):
        assert loaded.get_vocab() == tokenizer.get_vocab()
        assert loaded.chat_template == tokenizer.chat_template
        assert loaded("the fox").input_ids == tokenizer("the fox").input_ids
        assert loaded.pad_token == "<|pad|>"
    with pytest.raises(CheckpointError, match="no tokenizer.json"):
        load_tokenizer(tmp_path)


def test_bad_use():
    with pytest.raises(ValueError, match="262 or more"):
        train_tokenizer(TEXT, vocab_size=200)
    with pytest.raises(DataError, match="no text"):
        train_tokenizer([], vocab_size=300)


def test_merges_agree_with_the_reference(shared):
    """Against 243 merges of an independent trainer: equal but for pairs that are equally frequent.

    The reference takes the pair that is greater as bytes, the tokenizers library the one with the smaller ids. Until
    the first tie both lists are the same; afterwards every merge of ours is still a most frequent pair at its time.
    """
    folder = shared / "known_answers" / "bpe"
    text = gzip.decompress((folder / "corpus.en.gz").read_bytes()).decode()
    reference = [
        tuple(line.split(" ")) for line in (folder / "reference-merges.txt").read_text().splitlines() if line
    ]
    ours = train_tokenizer([text], vocab_size=6 + 256 + len(reference))
    backend = ours.backend_tokenizer
    merges = [tuple(pair) for pair in json.loads(backend.to_str())["model"]["merges"]]
    assert merges[:31] == reference[:31]
    assert set(merges[31:33]) == set(reference[31:33])  # The first tie.
    assert len(merges) == 243
    assert len(set(merges) & set(reference)) == 239

    words = Counter(tuple(word) for word, _ in backend.pre_tokenizer.pre_tokenize_str(text))
    for merge in merges[:100]:
        pairs = Counter()
        for word, count in words.items():
            for pair in itertools.pairwise(word):
                pairs[pair] += count
        assert pairs[merge] == max(pairs.values())
        words = Counter({merged(word, merge): count for word, count in words.items()})


def merged(word, pair):
    out = []
    for symbol in word:
        if out and (out[-1], symbol) == pair:
            out[-1] += symbol
        else:
            out.append(symbol)
    return tuple(out)


def test_sampled_bytes_that_no_database_stores_become_replacement_characters(tokenizer):
    nul, half = (
        tokenizer.encode("\x00", add_special_tokens=False),
        tokenizer.encode("é", add_special_tokens=False)[:1],
    )
    a = tokenizer.encode("a", add_special_tokens=False)
    assert decode_completion(tokenizer, [*a, *nul, *a]) == "a\ufffda"
    if len(tokenizer.encode("é", add_special_tokens=False)) > 1:
        assert decode_completion(tokenizer, [*a, *half]) == "a\ufffd"
