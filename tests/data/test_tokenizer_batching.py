"""From text to token ids, and from token ids to padded batches of similar lengths."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest
import torch
from datasets import Dataset

from safr_lens.data import TextTokenizer, batches, train_tokenizer
from safr_lens.data.batching import POOL_BATCHES, pad
from safr_lens.data.tokenizer import PAD, UNK, Encoding
from safr_lens.errors import CheckpointError, ConfigError, DataError, TextError

N_CTX = 64
VOCABULARY = [f"w{i}" for i in range(40)]


def tokens(tokenizer: TextTokenizer, text: str) -> list[str]:
    return tokenizer.encode(text, n_ctx=N_CTX).tokens


def words(tokenizer: TextTokenizer, text: str) -> list[str]:
    return [tokenizer.word(i) for i in tokenizer.encode(text, n_ctx=N_CTX).ids]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("it doesn't work", ["it", "does", "n't", "work"]),
        ("it does n't work", ["it", "does", "n't", "work"]),
        ("the film's end", ["the", "film", "'s", "end"]),
        ("they're bad, no?", ["they", "'re", "bad", ",", "no", "?"]),
        ("good.<br /><br/>bad", ["good", ".", "<br />", "<br/>", "bad"]),
        ("10/10 -- yes...", ["10", "/", "10", "-", "-", "yes", ".", ".", "."]),
        ("naïve café", ["naïve", "café"]),
        ("good 😀👍 film", ["good", "😀", "👍", "film"]),
        ("  two\n\nlines ", ["two", "lines"]),
    ],
)
def test_text_is_split_into_words_and_signs(tokenizer, text, parts):
    assert tokens(tokenizer, text) == parts


def test_learned_words_are_known_and_others_unknown():
    tokenizer = train_tokenizer(["It doesn't work", "a film's end"], min_frequency=1)
    assert words(tokenizer, "a film doesn't end well") == ["a", "film", "does", "n't", "end", UNK]


def test_unknown_word_is_shown_as_it_stands_in_the_text(tokenizer):
    assert words(tokenizer, "a Zyxgrwl film") == ["a", UNK, "film"]
    assert tokens(tokenizer, "a Zyxgrwl film") == ["a", "Zyxgrwl", "film"]


def test_case_is_shown_but_does_not_make_another_word(tokenizer):
    upper, lower = (tokenizer.encode(text, n_ctx=N_CTX) for text in ("A Dull FILM", "a dull film"))
    assert upper.ids == lower.ids
    assert upper.tokens == ["A", "Dull", "FILM"]


def test_composed_and_decomposed_letters_are_the_same_word():
    tokenizer = train_tokenizer(["caf\u00e9 film"], min_frequency=1)
    assert words(tokenizer, "cafe\u0301") == ["caf\u00e9"]


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_padding_written_in_a_text_is_no_padding(texts, kind):
    tokenizer = train_tokenizer([*texts, "[PAD] [UNK]"], kind=kind, min_frequency=1)
    for text in ("[PAD]", "a [PAD] film", "[PAD][PAD]", "[pad]"):
        encoding = tokenizer.encode(text, n_ctx=N_CTX)
        assert tokenizer.pad_id not in encoding.ids
        assert "".join(encoding.tokens) == text.replace(" ", "")


@pytest.mark.parametrize("text", ["film \ud800 good", "film \udfff good"])
def test_lone_surrogate_becomes_the_replacement_sign(tokenizer, text):
    assert tokens(tokenizer, text) == ["film", "\ufffd", "good"]


def test_surrogate_pair_becomes_its_emoji(tokenizer):
    assert tokens(tokenizer, "film \ud83d\ude00") == ["film", "😀"]


def test_a_tokenizer_learns_from_texts_with_lone_surrogates():
    assert words(train_tokenizer(["a \ud800 film"], min_frequency=1), "a film") == ["a", "film"]


def test_min_frequency_leaves_out_rarer_words():
    corpus = ["once twice twice thrice", "thrice thrice"]
    for min_frequency, known in ((1, ["once", "twice", "thrice"]), (2, ["twice", "thrice"]), (3, ["thrice"])):
        tokenizer = train_tokenizer(corpus, min_frequency=min_frequency)
        assert sorted(map(tokenizer.word, range(tokenizer.d_vocab))) == sorted([PAD, UNK, *known])


def test_max_vocab_keeps_the_most_frequent_words():
    tokenizer = train_tokenizer(["a a a b b c"], min_frequency=1, max_vocab=4)
    assert [tokenizer.word(i) for i in range(tokenizer.d_vocab)] == [PAD, UNK, "a", "b"]


def test_nothing_to_learn_from_is_an_error():
    with pytest.raises(DataError, match="at least 2 times"):
        train_tokenizer(["every word once"])
    with pytest.raises(DataError):
        train_tokenizer([])


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_training_again_gives_the_same_tokenizer(kind):
    corpus = [" ".join(VOCABULARY[i % 7 :]) for i in range(20)]  # many words of equal frequency
    made = {train_tokenizer(corpus, kind=kind).tokenizer.to_str() for _ in range(5)}
    assert len(made) == 1


def test_another_process_trains_the_same_tokenizers():
    code = (
        "from safr_lens.data import train_tokenizer\n"
        "corpus = [' '.join(f'w{i}' for i in range(40)[k % 7:]) for k in range(20)]\n"
        "for kind in ('word', 'bpe'): print(train_tokenizer(corpus, kind=kind).tokenizer.to_str())"
    )
    env = {**os.environ, "PYTHONHASHSEED": "12345"}
    printed = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    corpus = [" ".join(VOCABULARY[k % 7 :]) for k in range(20)]
    here = [train_tokenizer(corpus, kind=kind).tokenizer.to_str() for kind in ("word", "bpe")]
    assert printed.splitlines() == "\n".join(here).splitlines()


def test_bpe_cuts_an_unseen_word_into_pieces_of_the_text():
    tokenizer = train_tokenizer(["low lower lowest new newer newest"] * 3, kind="bpe")
    pieces = tokens(tokenizer, "Lowew")
    assert len(pieces) > 1
    assert "".join(pieces) == "Lowew"
    assert UNK not in words(tokenizer, "Lowew")


def test_bpe_respects_the_size_of_the_vocabulary():
    tokenizer = train_tokenizer(["low lower lowest new newer newest"] * 3, kind="bpe", max_vocab=12)
    assert tokenizer.d_vocab == 12


def test_unknown_kind_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"'words'; expected word or bpe.*Did you mean 'word'"):
        train_tokenizer(["a"], kind="words")


@pytest.mark.parametrize("blank", ["", "  ", "\n\t", "\u00a0"])
def test_blank_text_is_an_error(tokenizer, blank):
    with pytest.raises(TextError, match="no token"):
        tokenizer.encode(blank, n_ctx=N_CTX)


def test_a_blank_among_good_texts_is_an_error(tokenizer):
    with pytest.raises(TextError, match="no token"):
        tokenizer.encode_batch(["a film", " "], n_ctx=N_CTX)


@pytest.mark.parametrize("wrong", [3, None, b"a film", ["a film"]])
def test_what_is_no_text_is_an_error(tokenizer, wrong):
    with pytest.raises(TextError, match=f"Expected a text, got {type(wrong).__name__}"):
        tokenizer.encode_batch([wrong], n_ctx=N_CTX)


def test_too_long_text_is_an_error_that_names_both_lengths_and_the_way_out(tokenizer):
    with pytest.raises(TextError, match=r"5 tokens.*at most 4.*--truncate.*truncate=True"):
        tokenizer.encode("a gripping , funny film", n_ctx=4)


def test_truncation_keeps_the_first_tokens_and_counts_the_others(tokenizer):
    whole = tokenizer.encode("a gripping , funny film", n_ctx=5)
    cut = tokenizer.encode("a gripping , funny film", n_ctx=3, truncate=True)
    assert whole.n_cut == 0
    assert cut == Encoding(whole.ids[:3], whole.tokens[:3], n_cut=2)


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_a_saved_tokenizer_encodes_as_before(tmp_path, texts, kind):
    tokenizer = train_tokenizer(texts, kind=kind, min_frequency=1)
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = TextTokenizer.load(tmp_path / "tokenizer.json")
    odd = [*texts, "[PAD] unseen 😀 words", "A <br /> doesn't"]
    assert loaded.encode_batch(odd, n_ctx=N_CTX) == tokenizer.encode_batch(odd, n_ctx=N_CTX)
    assert (loaded.d_vocab, loaded.pad_id) == (tokenizer.d_vocab, tokenizer.pad_id)


@pytest.mark.parametrize("content", [b"{}", b'{"model": 3}', b"no json", b"\xff\xfe", b""])
def test_foreign_tokenizer_file_is_an_error(tmp_path, content):
    (tmp_path / "tokenizer.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is not a tokenizer\.json"):
        TextTokenizer.load(tmp_path / "tokenizer.json")


def test_missing_tokenizer_file_is_an_error(tmp_path):
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is missing"):
        TextTokenizer.load(tmp_path / "tokenizer.json")


# batches


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
    encodings = [Encoding([5, 6, 7], ["a", "b", "c"], 0), Encoding([8], ["d"], 0)]
    tokens, mask = pad([one.ids for one in encodings], pad_id=9)
    assert tokens.tolist() == [[5, 6, 7], [8, 9, 9]]
    assert mask.tolist() == [[True, True, True], [True, False, False]]


def test_a_moved_batch_keeps_everything(word_tokenizer):
    batch = next(batches(split_of(30), word_tokenizer, n_ctx=3, batch_size=8))
    moved = batch.to("meta")
    assert {moved.tokens.device.type, moved.mask.device.type, moved.labels.device.type} == {"meta"}
    assert moved.tokens.shape == batch.tokens.shape
    assert moved.n_cut == batch.n_cut
