"""Padded batches of similar lengths: each text once, as large as their limits allow."""

from __future__ import annotations

import itertools

import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.data import TextTokenizer, batches, train_tokenizer
from safr_lens.data.batching import POOL_BATCHES, pad
from safr_lens.data.tokenizer import Encoding

N_CTX = 64

VOCABULARY = [f"w{i}" for i in range(40)]


def tokens(tokenizer: TextTokenizer, text: str) -> list[str]:
    return tokenizer.encode(text, n_ctx=N_CTX).tokens


def words(tokenizer: TextTokenizer, text: str) -> list[str]:
    return [tokenizer.word(i) for i in tokenizer.encode(text, n_ctx=N_CTX).ids]


@pytest.fixture(scope="module")
def word_tokenizer() -> TextTokenizer:
    return train_tokenizer(VOCABULARY, min_frequency=1)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def split_of(n: int, *, longest: int = 12) -> Dataset:
    """Return ``n`` different texts of 1 to ``longest`` words."""
    drawn = torch.randint(0, len(VOCABULARY), (n, longest), generator=seeded(n)).tolist()
    rows = []
    for i, words in enumerate(drawn):
        chosen = [VOCABULARY[i % 40], *(VOCABULARY[word] for word in words[: i * 7 % longest])]
        rows.append({"text": " ".join(chosen), "label": i % 3})
    return Dataset.from_list(rows)


def examples(split, tokenizer, seed: int) -> list[list[int]]:
    """Return the examples of each batch."""
    made = batches(split, tokenizer, n_ctx=N_CTX, batch_size=4, generator=seeded(seed))
    return [batch.example.tolist() for batch in made]


@pytest.fixture(params=["dataset", "list", "stream"])
def any_split(request):
    split = split_of(90)
    return {"dataset": split, "list": list(split), "stream": split.to_iterable_dataset()}[request.param]


@pytest.mark.parametrize("seed", [None, 0])
def test_every_example_comes_exactly_once_with_its_own_tokens_and_label(any_split, word_tokenizer, seed):
    rows = list(any_split)
    encodings = word_tokenizer.encode_batch([row["text"] for row in rows], n_ctx=N_CTX)
    seen = []
    generator = None if seed is None else seeded(seed)
    for batch in batches(any_split, word_tokenizer, n_ctx=N_CTX, batch_size=8, generator=generator):
        for i, (ids, mask, label) in enumerate(zip(batch.tokens, batch.mask, batch.labels, strict=True)):
            example = int(batch.example[i])
            assert ids[mask].tolist() == encodings[example].ids
            assert int(label) == rows[example]["label"]
            seen.append(example)
    assert sorted(seen) == list(range(len(rows)))


def test_a_batch_is_padded_at_the_right_to_its_own_longest(word_tokenizer):
    widths = set()
    for batch in batches(split_of(90), word_tokenizer, n_ctx=N_CTX, batch_size=8, generator=seeded(0)):
        lengths = batch.mask.sum(1)
        assert batch.tokens.shape == batch.mask.shape == (len(batch.labels), int(lengths.max()))
        assert torch.equal(batch.mask, torch.arange(batch.tokens.shape[1]) < lengths.unsqueeze(1))
        assert torch.equal(batch.tokens == word_tokenizer.pad_id, ~batch.mask)
        widths.add(batch.tokens.shape[1])
    assert len(widths) > 3


def test_all_batches_but_one_are_full(word_tokenizer):
    sizes = [len(b.labels) for b in batches(split_of(90), word_tokenizer, n_ctx=N_CTX, batch_size=8)]
    assert sorted(sizes, reverse=True) == [8] * 11 + [2]


@pytest.mark.parametrize("seed", [None, 0])
def test_batches_of_a_pool_cover_ranges_of_length_that_do_not_overlap(word_tokenizer, seed):
    split = split_of(90)
    assert len(split) <= 8 * POOL_BATCHES
    generator = None if seed is None else seeded(seed)
    made = batches(split, word_tokenizer, n_ctx=N_CTX, batch_size=8, generator=generator)
    ranges = sorted((int(b.mask.sum(1).min()), int(b.mask.sum(1).max())) for b in made)
    for (_, longest), (shortest, _) in itertools.pairwise(ranges):
        assert longest <= shortest


def test_a_split_of_several_pools_is_read_whole(word_tokenizer):
    split = split_of(2 * POOL_BATCHES + 7)
    for generator in (None, seeded(0)):
        made = list(batches(split, word_tokenizer, n_ctx=N_CTX, batch_size=2, generator=generator))
        assert sorted(torch.cat([b.example for b in made]).tolist()) == list(range(len(split)))


def test_the_same_generator_gives_the_same_batches(any_split, word_tokenizer):
    assert examples(any_split, word_tokenizer, 3) == examples(any_split, word_tokenizer, 3)


def test_another_generator_gives_the_batches_in_another_order(any_split, word_tokenizer):
    assert examples(any_split, word_tokenizer, 0) != examples(any_split, word_tokenizer, 1)


def test_another_generator_puts_other_examples_together(any_split, word_tokenizer):
    one, other = (examples(any_split, word_tokenizer, seed) for seed in (0, 1))
    assert set(map(frozenset, one)) != set(map(frozenset, other))


def test_shuffling_draws_nothing_from_the_global_generator(word_tokenizer):
    before = torch.random.get_rng_state()
    list(batches(split_of(30), word_tokenizer, n_ctx=N_CTX, batch_size=4, generator=seeded(0)))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_long_texts_are_cut_and_counted(word_tokenizer):
    split = split_of(60)
    encodings = word_tokenizer.encode_batch(split["text"][:], n_ctx=N_CTX)
    too_long = sum(len(encoding.ids) > 5 for encoding in encodings)
    made = list(batches(split, word_tokenizer, n_ctx=5, batch_size=8))
    assert 0 < too_long < 60
    assert sum(batch.n_cut for batch in made) == too_long
    for batch in made:
        for example, ids, mask in zip(batch.example.tolist(), batch.tokens, batch.mask, strict=True):
            assert ids[mask].tolist() == encodings[example].ids[:5]


def test_an_empty_split_gives_no_batch(word_tokenizer):
    assert list(batches([], word_tokenizer, n_ctx=N_CTX)) == []


def test_pad_fills_with_the_padding_id_and_masks_it():
    encodings = [Encoding([5, 6, 7], ["a", "b", "c"], [0, 1, 2], 0), Encoding([8], ["d"], [0], 0)]
    tokens, mask = pad([one.ids for one in encodings], pad_id=9)
    assert tokens.tolist() == [[5, 6, 7], [8, 9, 9]]
    assert mask.tolist() == [[True, True, True], [True, False, False]]


def test_a_moved_batch_keeps_everything(word_tokenizer):
    batch = next(batches(split_of(30), word_tokenizer, n_ctx=3, batch_size=8))
    moved = batch.to("meta")
    assert {moved.tokens.device.type, moved.mask.device.type, moved.labels.device.type} == {"meta"}
    assert moved.tokens.shape == batch.tokens.shape
    assert moved.n_cut == batch.n_cut


SHORT_CTX = 20


def rows_of(lengths):
    return [{"text": " ".join(f"w{(i + k) % 40}" for k in range(n)), "label": i} for i, n in enumerate(lengths)]


lengths_of_texts = st.lists(st.integers(1, SHORT_CTX), min_size=1, max_size=30)

limits = st.integers(1, 150)


@settings(max_examples=25)
@given(lengths_of_texts, limits)
def test_no_batch_exceeds_the_limit_unless_a_single_text_does(word_tokenizer, lengths, limit):
    for batch in batches(rows_of(lengths), word_tokenizer, n_ctx=SHORT_CTX, batch_size=8, max_positions=limit):
        assert len(batch.labels) <= 8
        assert batch.tokens.numel() <= limit or len(batch.labels) == 1


@settings(max_examples=25)
@given(lengths_of_texts, limits)
def test_every_text_comes_exactly_once_with_its_own_tokens(word_tokenizer, lengths, limit):
    rows = rows_of(lengths)
    encodings = word_tokenizer.encode_batch([row["text"] for row in rows], n_ctx=SHORT_CTX)
    seen = []
    for batch in batches(rows, word_tokenizer, n_ctx=SHORT_CTX, batch_size=8, max_positions=limit):
        for ids, mask, label, example in zip(batch.tokens, batch.mask, batch.labels, batch.example, strict=True):
            assert ids[mask].tolist() == encodings[int(example)].ids
            assert int(label) == int(example)
            seen.append(int(example))
    assert sorted(seen) == list(range(len(rows)))


@settings(max_examples=25)
@given(lengths_of_texts, limits)
def test_a_batch_ends_only_where_one_text_more_would_exceed_the_limit(word_tokenizer, lengths, limit):
    made = list(batches(rows_of(lengths), word_tokenizer, n_ctx=SHORT_CTX, batch_size=8, max_positions=limit))
    for batch, following in itertools.pairwise(made):
        with_one_more = (len(batch.labels) + 1) * int(following.mask.sum(1).min())
        assert len(batch.labels) == 8 or with_one_more > limit


@pytest.mark.parametrize("limit", [None, 8 * SHORT_CTX, 10_000])
def test_a_limit_that_no_batch_reaches_changes_nothing(word_tokenizer, limit):
    rows = rows_of([1 + i * 7 % SHORT_CTX for i in range(50)])
    made = list(batches(rows, word_tokenizer, n_ctx=SHORT_CTX, batch_size=8, max_positions=limit))
    assert [len(batch.labels) for batch in made] == [8] * 6 + [2]


def test_one_position_is_one_text_a_batch(word_tokenizer):
    made = list(batches(rows_of([3, 1, 2]), word_tokenizer, n_ctx=SHORT_CTX, max_positions=1))
    assert [batch.example.tolist() for batch in made] == [[1], [2], [0]]
    assert all(batch.mask.all() for batch in made)


def test_texts_that_were_cut_are_counted_where_they_are(word_tokenizer):
    rows = rows_of([3, SHORT_CTX + 5, 2, SHORT_CTX + 1, SHORT_CTX])
    made = list(batches(rows, word_tokenizer, n_ctx=SHORT_CTX, max_positions=2 * SHORT_CTX))
    cut = {tuple(sorted(batch.example.tolist())): batch.n_cut for batch in made}
    assert cut == {(0, 2): 0, (1, 3): 2, (4,): 0}


def test_the_limit_holds_for_shuffled_batches_too(word_tokenizer):
    rows = rows_of([1 + i * 7 % SHORT_CTX for i in range(50)])
    generator = torch.Generator().manual_seed(0)
    made = list(batches(rows, word_tokenizer, n_ctx=SHORT_CTX, batch_size=8, max_positions=40, generator=generator))
    assert sorted(torch.cat([batch.example for batch in made]).tolist()) == list(range(50))
    assert max(batch.tokens.numel() for batch in made) <= 40
