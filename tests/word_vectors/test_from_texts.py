"""Word vectors: the counts, their information, the neighbours, and what a user may get wrong."""

from __future__ import annotations

import importlib
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from tokenizers import Tokenizer, models, pre_tokenizers

from safr_lens import train_tokenizer
from safr_lens.data import TextTokenizer
from safr_lens.errors import ConfigError, DataError, TextError
from safr_lens.measures.formulas.monosemanticity import similarity_baseline
from safr_lens.word_vectors import WordVectors, ppmi_svd, word_vectors
from safr_lens.word_vectors.ppmi_svd import centred_unit_rows, cooccurrence, positive_pmi
from safr_lens.word_vectors.table import embedding_table
from tests.reference import slow_meaning as slow

few = settings(max_examples=25)
GROUPS = (
    ("dull", "boring", "tedious", "bland"),
    ("film", "plot", "story", "scene"),
    ("brave", "gifted", "young", "famous"),
    ("actor", "singer", "writer", "dancer"),
)


def sentences(n=400, *, seed=0):
    """Sentences of an adjective and a noun of two topics: within a group words are exchangeable."""
    draw = random.Random(seed)
    topics = [draw.choice((0, 2)) for _ in range(n)]
    return [f"see {draw.choice(GROUPS[topic])} {draw.choice(GROUPS[topic + 1])}" for topic in topics]


def numbered(texts):
    """The words of all texts in a row, and the number of the text of each."""
    words = np.array([word for text in texts for word in text], dtype=np.int32)
    return words, np.repeat(np.arange(len(texts)), [len(text) for text in texts])


def random_texts(seed, n_words=5):
    draw = random.Random(seed)
    return [[draw.randrange(-1, n_words) for _ in range(draw.randrange(0, 9))] for _ in range(draw.randrange(1, 8))]


@pytest.fixture(scope="module")
def found() -> WordVectors:
    return word_vectors(sentences(), d_embed=6)


# ---- counts of pairs and their information


@few
@given(seed=st.integers(0, 10_000), window=st.integers(1, 12), chunk=st.integers(1, 50))
def test_counts_equal_slow_loop_in_chunks_of_any_size(seed, window, chunk):
    texts = random_texts(seed)
    counts = cooccurrence(*numbered(texts), n_words=5, window=window, chunk=chunk)
    assert counts.toarray().tolist() == slow.cooccurrence(texts, 5, window)


def test_windows_do_not_cross_texts():
    counts = cooccurrence(*numbered([[0, 1], [2, 3], [], [4]]), n_words=5, window=9).toarray()
    assert [tuple(pair) for pair in np.argwhere(counts)] == [(0, 1), (1, 0), (2, 3), (3, 2)]


def test_a_word_that_is_not_counted_keeps_its_place():
    assert cooccurrence(*numbered([[0, -1, 1]]), n_words=2, window=1).nnz == 0
    assert cooccurrence(*numbered([[0, -1, 1]]), n_words=2, window=2).nnz == 2


@few
@given(seed=st.integers(0, 10_000), smoothing=st.sampled_from([0.75, 1.0]))
def test_information_equals_slow_loop(seed, smoothing):
    counts = cooccurrence(*numbered(random_texts(seed)), n_words=5, window=2)
    expected = slow.positive_pmi(counts.toarray().tolist(), smoothing)
    np.testing.assert_allclose(positive_pmi(counts, smoothing=smoothing).toarray(), expected, atol=1e-12)


def test_contexts_are_smoothed_by_three_quarters_unless_told_otherwise():
    counts = cooccurrence(*numbered([[0, 1, 2, 2, 2, 2, 2, 0, 1]]), n_words=3, window=1)
    expected = slow.positive_pmi(counts.toarray().tolist(), 0.75)
    np.testing.assert_allclose(positive_pmi(counts).toarray(), expected, atol=1e-12)
    assert abs(positive_pmi(counts, smoothing=1.0) - positive_pmi(counts)).max() > 0.1


# ---- vectors


def test_neighbours_are_exchangeable_words(found):
    for group in GROUPS:
        for word in group:
            assert {other for other, _ in found.nearest(word, 3)} == set(group) - {word}


def test_two_words_that_stand_in_the_same_places_have_the_same_vector():
    texts = [text.replace("dull", word) for text in sentences(300) for word in ("dull", "drab")]
    near = dict(word_vectors(texts).nearest("dull", 15))
    assert near["drab"] == pytest.approx(1.0, abs=1e-6)
    assert near["boring"] < 1 - 1e-4


def test_vectors_have_unit_length_and_a_small_baseline(found):
    known = found.vectors[found.known]
    torch.testing.assert_close(known.norm(dim=1), torch.ones(len(known)))
    assert similarity_baseline(known).abs() < 0.1


def test_counts_are_those_of_the_texts_and_special_tokens_have_neither_count_nor_vector():
    texts = sentences()
    tokenizer = train_tokenizer(texts[:5], min_frequency=1)
    found = word_vectors([*texts, "unheard words"], tokenizer)
    split = " ".join(texts).split()
    assert found.counts.tolist() == [0, 0] + [split.count(tokenizer.word(i)) for i in range(2, tokenizer.d_vocab)]
    assert found.words == tuple(tokenizer.word(i) for i in range(tokenizer.d_vocab))
    assert not found.known[:2].any() and found.known[2:].all()
    assert found.vectors.shape == (tokenizer.d_vocab, tokenizer.d_vocab - 3)
    assert found.vectors.dtype == torch.float32


def foreign_tokenizer():
    """Without a normaliser, with special tokens of other names, and with padding that a text can spell."""
    ids = {"<unk>": 0, "a": 1, "b": 2, "c": 3, "d\u00e9": 4, "<s>": 5, "fill": 6}
    inner = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.add_special_tokens(["<s>"])
    return TextTokenizer(inner, pad_id=6)


def test_special_tokens_of_a_foreign_tokenizer_are_no_words():
    found = word_vectors(["<s> a b x c d\u00e9 y a c fill"] * 5, foreign_tokenizer(), window=2)
    assert found.counts.tolist() == [0, 10, 5, 10, 5, 0, 0]
    assert found.known.tolist() == [False, True, True, True, True, False, False]


def test_letters_and_their_decomposed_accents_are_one_word():
    found = word_vectors(["a b c de\u0301"] * 5, foreign_tokenizer())
    assert found.counts[4] == 5


def test_a_tokenizer_made_from_the_texts_has_the_words_that_get_a_vector():
    frequent = word_vectors(sentences(), min_count=52)
    assert 3 <= len(frequent.words) - 2 < 17
    assert frequent.known[2:].all() and frequent.counts[2:].min() >= 52
    assert len(word_vectors(sentences(), max_words=4).words) == 2 + 4


def test_rare_words_have_no_vector_and_the_most_frequent_ones_come_first():
    texts = sentences()
    tokenizer = train_tokenizer(texts, min_frequency=1)
    counts = word_vectors(texts, tokenizer).counts
    threshold = int(counts.sort().values[-6])
    frequent = word_vectors(texts, tokenizer, min_count=threshold)
    assert torch.equal(frequent.known, counts >= threshold)
    most = word_vectors(texts, tokenizer, max_words=4)
    assert int(most.known.sum()) == 4
    assert counts[most.known].min() >= counts[~most.known].max()


def test_words_that_are_left_out_bring_no_others_nearer():
    texts = ["a x b", "a y c", "b x c", "c d a"] * 5 + ["q"]
    tokenizer = train_tokenizer(texts, min_frequency=1)
    assert not word_vectors(texts, tokenizer, min_count=1, window=2).vectors.isnan().all()
    with pytest.raises(DataError, match="Only 0 words stand near others"):
        word_vectors(["a x b", "b y c", "c z a"] * 5, train_tokenizer(["a b c"], min_frequency=1), window=1)


def test_the_same_texts_give_the_same_vectors():
    first, again = (word_vectors(sentences(), d_embed=5) for _ in range(2))
    assert torch.equal(first.vectors.nan_to_num(), again.vectors.nan_to_num())


def test_the_same_seed_gives_the_same_numbers_and_another_the_same_but_for_rounding(monkeypatch):
    monkeypatch.setattr(ppmi_svd, "DENSE", 0)
    table = sparse.random_array((300, 300), density=0.2, rng=np.random.default_rng(0)).tocsr()
    first, again, other = (centred_unit_rows(table, 5, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    torch.testing.assert_close(other, first, atol=1e-6, rtol=0)


def test_the_seed_reaches_the_search(monkeypatch):
    seen = []
    making = importlib.import_module("safr_lens.word_vectors.from_texts")
    monkeypatch.setattr(making, "centred_unit_rows", lambda *_, seed: seen.append(seed) or torch.zeros(17, 1))
    word_vectors(sentences(), seed=5)
    assert seen == [5]


def test_a_row_at_the_mean_has_no_direction():
    assert centred_unit_rows(sparse.csr_array(np.ones((4, 4))), 2, seed=0).isnan().all()
    rows = np.array([[3.0, 1, 0], [1, 3, 0], [2, 2, 0]])
    assert centred_unit_rows(sparse.csr_array(rows), 2, seed=0).isnan().all(1).tolist() == [False, False, True]


def test_large_and_small_vocabularies_are_factored_alike(monkeypatch):
    whole = word_vectors(sentences(), d_embed=5)
    monkeypatch.setattr(ppmi_svd, "DENSE", 0)
    torch.testing.assert_close(
        word_vectors(sentences(), d_embed=5).vectors, whole.vectors, atol=1e-4, rtol=0, equal_nan=True
    )


def test_cosines_are_those_of_centred_singular_vectors_weighted_by_the_square_root():
    texts = sentences()
    found = word_vectors(texts, d_embed=4, window=2)
    place = {word: i for i, word in enumerate(w for w, known in zip(found.words, found.known, strict=True) if known)}
    counts = slow.cooccurrence([[place[word] for word in text.split()] for text in texts], len(place), 2)
    left, values, _ = np.linalg.svd(np.array(slow.positive_pmi(counts, 0.75)))
    rows = left[:, :4] * values[:4] ** 0.5
    rows -= rows.mean(0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    known = found.vectors[found.known].double().numpy()
    np.testing.assert_allclose(known @ known.T, rows @ rows.T, atol=1e-5)


def test_texts_that_can_be_read_but_once_give_the_same(found):
    assert torch.equal(word_vectors(iter(sentences()), d_embed=6).vectors.nan_to_num(), found.vectors.nan_to_num())


def test_parts_of_any_size_are_read_alike(found, monkeypatch):
    monkeypatch.setattr(importlib.import_module("safr_lens.word_vectors.from_texts"), "TEXTS_AT_ONCE", 7)
    assert torch.equal(word_vectors(sentences(), d_embed=6).vectors.nan_to_num(), found.vectors.nan_to_num())


def test_byte_pair_pieces_get_vectors():
    tokenizer = train_tokenizer(sentences(), kind="bpe", min_frequency=50)
    assert word_vectors(sentences(), tokenizer).known.sum() >= 10


@pytest.mark.parametrize("hostile", ["", " \n\t", "\x00", "\ud800", "[PAD] [UNK]", "e\u0301" * 3, "\u202e<br />" * 40])
def test_texts_that_are_empty_or_hostile_change_nothing_but_the_counts_of_their_words(found, hostile):
    tokenizer = train_tokenizer(sentences(), min_frequency=5)
    more = word_vectors([hostile, *sentences(), hostile], tokenizer, d_embed=6)
    assert torch.equal(more.vectors.nan_to_num(), found.vectors.nan_to_num())


# ---- neighbours


def test_neighbours_come_in_order_without_the_word_itself(found):
    near = found.nearest("dull", 100)
    assert len(near) == int(found.known.sum()) - 1
    assert "dull" not in dict(near)
    cosines = [cosine for _, cosine in near]
    assert cosines == sorted(cosines, reverse=True) and max(map(abs, cosines)) <= 1 + 1e-6
    vector = {word: row for word, row in zip(found.words, found.vectors, strict=True)}
    word, cosine = near[5]
    assert cosine == pytest.approx(float(vector[word] @ vector["dull"]), abs=1e-6)
    assert found.nearest("dull", 2) == near[:2]


def test_an_unknown_word_is_an_error_with_the_nearest_spelling(found):
    with pytest.raises(TextError, match=r"'dul' is not among the 17 words .* Did you mean 'dull'"):
        found.nearest("dul")
    with pytest.raises(TextError, match="is not among"):
        found.nearest("[UNK]")
    with pytest.raises(ConfigError, match="k = 0"):
        found.nearest("dull", 0)


# ---- what a user may get wrong


@pytest.mark.parametrize("setting", ["d_embed", "window", "max_words", "min_count"])
def test_settings_below_one_are_refused(setting):
    with pytest.raises(ConfigError, match=f"{setting} of at least 1; got 0"):
        word_vectors(sentences(), **{setting: 0})


@pytest.mark.parametrize("texts", ["one text", None, 3])
def test_what_is_not_a_list_of_texts_is_refused(texts):
    with pytest.raises(ConfigError, match=f"Expected a list of texts; got {type(texts).__name__}"):
        word_vectors(texts)


def test_what_is_not_a_text_is_refused():
    with pytest.raises(TextError, match="Expected a text, got NoneType: None"):
        word_vectors([*sentences(), None], train_tokenizer(sentences()))


@pytest.mark.parametrize("texts", [[], ["", " "], ["a b"] * 9, ["a b c d"] * 4])
def test_too_few_frequent_words_are_a_data_error(texts):
    tokenizer = train_tokenizer(["a b c d"], min_frequency=1)
    n = 2 if len(texts) == 9 else 0
    with pytest.raises(DataError, match=f"Only {n} words stand at least 5 times .* need three. Give more texts"):
        word_vectors(texts, tokenizer)


def test_words_that_all_stand_alone_are_a_data_error():
    with pytest.raises(DataError, match="Only 0 words stand near others"):
        word_vectors(["a", "b", "c", "d"] * 9)


def test_a_word_that_stands_alone_has_no_vector():
    tokenizer = train_tokenizer([*sentences(), "alone lonely"], min_frequency=1)
    without = word_vectors(sentences(), tokenizer, d_embed=6)
    found = word_vectors([*sentences(), *["alone", "lonely"] * 9], tokenizer, d_embed=6)
    assert not found.known[[found.words.index("alone"), found.words.index("lonely")]].any()
    assert found.known.sum() == 17
    torch.testing.assert_close(found.vectors, without.vectors, atol=1e-5, rtol=0, equal_nan=True)


# ---- embeddings as a user has them


@pytest.fixture(scope="module")
def small() -> TextTokenizer:
    return train_tokenizer(["a dull film"], min_frequency=1)


@pytest.mark.parametrize("kind", [torch.tensor, np.array, lambda rows: torch.tensor(rows, requires_grad=True)])
def test_a_table_is_taken_as_it_is(small, kind):
    rows = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0], [8.0, float("nan")]]
    found = embedding_table(kind(rows), small)
    assert found.dtype == torch.float32 and not found.requires_grad
    assert found.tolist()[:4] == rows[:4] and found[4].isnan().tolist() == [False, True]


def test_a_table_is_a_copy(small):
    given_rows = torch.ones(5, 2)
    embedding_table(given_rows, small)[0] = 9.0
    assert given_rows.max() == 1


def test_arrays_in_any_memory_order_and_read_only_are_taken(small):
    rows = np.arange(15.0).reshape(5, 3)[::-1]
    rows.flags.writeable = False
    assert embedding_table(rows, small).tolist() == rows.tolist()


def test_a_mapping_is_looked_up_word_by_word(small):
    found = embedding_table({"film": [1, 2], "dull": torch.tensor([3.0, 4.0]), "Dull": np.ones(2), "x": "?"}, small)
    rows = {small.word(i): row for i, row in enumerate(found)}
    assert rows["film"].tolist() == [1, 2] and rows["dull"].tolist() == [3, 4]
    assert all(rows[word].isnan().all() for word in ("a", "[PAD]", "[UNK]"))


def test_word_vectors_are_matched_by_word_whatever_their_tokenizer(found):
    tokenizer = train_tokenizer(["tedious unheard film"], min_frequency=1)
    table = embedding_table(found, tokenizer)
    for i in range(tokenizer.d_vocab):
        word = tokenizer.word(i)
        expected = found.vectors[found.words.index(word)] if word in ("tedious", "film") else torch.tensor(torch.nan)
        torch.testing.assert_close(table[i], expected.expand(table.shape[1]), equal_nan=True)


def test_word_vectors_of_the_same_tokenizer_are_their_own_table():
    tokenizer = train_tokenizer(sentences())
    found = word_vectors(sentences(), tokenizer)
    torch.testing.assert_close(embedding_table(found, tokenizer), found.vectors, equal_nan=True)


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        (torch.ones(4, 2), r"shape \[5, d_embed\], one row a token id; got \[4, 2\]"),
        (np.ones(5), r"got \[5\]"),
        (torch.ones(5, 0), r"got \[5, 0\]"),
        ([[1.0, 2.0]] * 5, r"Expected embeddings as a tensor or array \[5, d_embed\], a mapping .* got list"),
        ("glove", "got str"),
        (np.array([["a", "b"]] * 5), "The embeddings: expected numbers"),
        ({"dull": [1.0, 2.0], "film": [1.0]}, "of one length; that of '(dull|film)' is . long, of '(dull|film)' ."),
        ({"dull": "abc", "film": "abc"}, "The vector of '(dull|film)': expected numbers; got 'abc'"),
        ({"dull": [[1.0]], "film": [[1.0]]}, "expected a list of numbers"),
        ({"dull": [], "film": []}, "expected a list of numbers"),
        ({"dull": [1.0, [2.0]], "film": [1.0]}, "expected numbers"),
        ({"dull": [1j], "film": [1.0]}, "expected a list of numbers"),
        ({}, "know 0 of the tokenizer's 5 entries"),
        ({"Dull": [1.0], "film": [1.0]}, "know 1 of the tokenizer's 5 entries; .* spelled like '.*', '.*', '.*'"),
        ({"dull": [0.0], "film": [1.0]}, "know 1 of"),
        (torch.zeros(5, 2), "know 0 of"),
    ],
)
def test_other_embeddings_are_refused_with_what_was_expected(small, embeddings, message):
    with pytest.raises(ConfigError, match=message):
        embedding_table(embeddings, small)
