"""Words, n-grams, distinct-n and repetition, with text that has no spaces."""

import pytest

from workbench.text import characters, distinct_n, is_unspaced, ngrams, repetition, words


def test_words_keep_apostrophes_and_fold_width_and_case():
    assert words("Don't STOP, Ｆｏｘ!") == ["don't", "stop", "fox"]


def test_unspaced_scripts_are_cut_into_characters():
    assert words("第3章abc 好") == ["第", "3", "章", "abc", "好"]
    assert is_unspaced("今日は良い天気")
    assert not is_unspaced("a fox 狐")
    assert characters("A-b 狐") == ["a", "b", "狐"]


def test_ngrams_of_three_words():
    assert ngrams(["a", "b", "c"], 2) == [("a", "b"), ("b", "c")]
    assert ngrams(["a"], 2) == []
    with pytest.raises(ValueError, match="1 or more"):
        ngrams(["a"], 0)


def test_distinct_2_by_hand():
    # (1,2) (2,1) | (1,2): three bigrams, two of them distinct.
    assert distinct_n([[1, 2, 1], [1, 2]], 2) == pytest.approx(2 / 3)
    assert distinct_n([[1]], 2) == 0.0


def test_repetition_by_hand():
    # abab: ab, ba, ab -> one of three was there before.
    assert repetition("abab", 2) == pytest.approx(1 / 3)
    assert repetition("ab", 3) == 0.0
