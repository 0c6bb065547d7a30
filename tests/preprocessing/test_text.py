"""Texts as numbers: what the stored values of test_golden.py do not show."""

import json

import numpy as np
import pytest

from gpukeras.preprocessing import text

TEXTS = ["The cat sat on the mat.", "The dog, the log: a Dog!", ["Big", "cat"]]


def fitted(texts=TEXTS, **settings):
    made = text.Tokenizer(**settings)
    made.fit_on_texts(texts)
    return made


def test_words():
    assert text.text_to_word_sequence("") == []
    assert text.text_to_word_sequence("Eins,zwei  DREI\n") == ["eins", "zwei", "drei"]
    assert text.text_to_word_sequence("kırk? dokuz!") == ["kırk", "dokuz"]
    assert text.text_to_word_sequence("a.b", filters=[".", "b"], lower=False) == ["a"]


def test_hashes():
    numbers = text.hashing_trick("the cat the", 1000, hash_function="md5")
    assert numbers[0] == numbers[2] != numbers[1]
    assert text.one_hot("the cat", 50) == [hash("the") % 49 + 1, hash("cat") % 49 + 1]
    assert text.one_hot("the cat", 50) == text.hashing_trick("the cat", 50)


def test_numbers_go_by_frequency():
    made = fitted()
    assert made.document_count == 3
    assert made.word_counts["the"] == 4 and made.word_docs["the"] == 2
    assert made.word_index["the"] == 1 and made.index_word[1] == "the"
    assert [made.word_counts[made.index_word[i]] for i in range(1, len(made.word_index) + 1)] == sorted(
        made.word_counts.values(), reverse=True
    )
    assert made.index_docs[made.word_index["cat"]] == 2
    made.fit_on_texts(["mat mat mat mat mat"])
    assert made.word_index["mat"] == 1 and made.document_count == 4


def test_unknown_words():
    assert fitted().texts_to_sequences(["the new cat"]) == [[1, 2]]
    made = fitted(oov_token="?", num_words=3)
    assert made.texts_to_sequences(["the new cat log"]) == [[2, 1, 1, 1]]
    assert made.sequences_to_texts([[2, 1, 9, 77]]) == ["the ? ? ?"]
    assert next(made.texts_to_sequences_generator(["the"])) == [2]
    assert text.Tokenizer(oov_token="?").texts_to_sequences(["never fitted"]) == [[]]


def test_characters():
    made = fitted(["abca", "B"], char_level=True)
    assert made.word_index == {"a": 1, "b": 2, "c": 3}
    assert fitted(["aB"], char_level=True, lower=False).word_index == {"a": 1, "B": 2}


def test_matrices():
    made = text.Tokenizer(num_words=4)
    made.fit_on_sequences([[1, 2, 2], [2, 3]])
    f = made.sequences_to_matrix
    rows = [[2, 2, 1, 9], []]
    assert f(rows).tolist() == [[0, 1, 1, 0], [0, 0, 0, 0]]
    assert f(rows, "count").tolist() == [[0, 1, 2, 0], [0, 0, 0, 0]]
    assert f(rows, "freq").tolist() == [[0, 0.25, 0.5, 0], [0, 0, 0, 0]]
    expected = [0, np.log(1 + 2 / 2), (1 + np.log(2)) * np.log(1 + 2 / 3), 0]
    np.testing.assert_allclose(f(rows, "tfidf")[0], expected)


@pytest.mark.parametrize("settings", [dict(), dict(num_words=5, oov_token="?"), dict(char_level=True)])
def test_json_round_trip(settings):
    made = fitted(**settings)
    written = made.to_json(sort_keys=True)
    assert json.loads(written)["class_name"] == "Tokenizer"
    twin = text.tokenizer_from_json(written)
    assert twin.to_json(sort_keys=True) == written
    new = TEXTS + ["a new log"]
    assert twin.texts_to_sequences(new) == made.texts_to_sequences(new)
    np.testing.assert_array_equal(twin.texts_to_matrix(new, "tfidf"), made.texts_to_matrix(new, "tfidf"))
    # The copy can go on counting.
    for tokenizer in (made, twin):
        tokenizer.fit_on_texts(["log log log"])
    assert twin.get_config() == made.get_config()


def test_what_is_wrong():
    with pytest.raises(TypeError, match="Unrecognized keyword arguments: {'words': 3}"):
        text.Tokenizer(words=3)
    with pytest.warns(UserWarning, match="renamed `num_words`"):
        assert text.Tokenizer(nb_words=7).num_words == 7
    with pytest.raises(ValueError, match="Unknown vectorization mode"):
        fitted().texts_to_matrix(TEXTS, mode="bits")
    with pytest.raises(ValueError, match="Specify a dimension"):
        text.Tokenizer().sequences_to_matrix([[1]])
    with pytest.raises(ValueError, match="before using tfidf"):
        text.Tokenizer(num_words=3).sequences_to_matrix([[1]], mode="tfidf")
