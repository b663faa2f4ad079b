"""From text to token ids and back: both kinds of tokenizer, what they learn, and what is no text."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from safr_lens.data import TextTokenizer, train_tokenizer
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
    assert cut == Encoding(whole.ids[:3], whole.tokens[:3], whole.words[:3], n_cut=2)


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


def test_a_decomposed_accent_is_shown_with_its_letter():
    tokenizer = train_tokenizer(["a café scene"], min_frequency=1)
    encoding = tokenizer.encode("cafe\u0301 scene", n_ctx=8)
    assert encoding.tokens == ["café", "scene"]
    assert encoding.ids == tokenizer.encode("café scene", n_ctx=8).ids


@pytest.mark.parametrize("size", [{"min_frequency": 0}, {"max_vocab": 2}])
def test_a_vocabulary_without_room_is_an_error(size):
    with pytest.raises(ConfigError, match="min_frequency >= 1 and max_vocab >= 3"):
        train_tokenizer(["a film"], **size)


def wrapped(**options) -> TextTokenizer:
    """Word pieces between ``[CLS]`` and ``[SEP]``, as BERT has them."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "film", "un", "##put", "##down", "sep", "[", "]"]
    inner = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    inner.normalizer, inner.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    inner.add_special_tokens(pieces[:4])
    inner.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return TextTokenizer(inner, **options)


def test_special_tokens_stand_around_the_text_where_they_are_asked_for():
    tokenizer = wrapped(add_special_tokens=True)
    one = tokenizer.encode("A film", n_ctx=N_CTX)
    assert (one.ids, one.tokens, one.n_cut) == ([2, 4, 5, 3], ["A", "film"], 0)
    assert tokenizer.special_ids == (2, 3)
    assert tokenizer.ids_batch(["A film", "film"], n_ctx=N_CTX) == [([2, 4, 5, 3], 0), ([2, 5, 3], 0)]
    assert wrapped().encode("A film", n_ctx=N_CTX).ids == [4, 5]
    assert wrapped().special_ids == ()


def test_special_tokens_are_kept_when_a_text_is_cut():
    tokenizer = wrapped(add_special_tokens=True)
    one = tokenizer.encode("a film a film", n_ctx=4, truncate=True)
    assert (one.ids, one.tokens, one.n_cut) == ([2, 4, 5, 3], ["a", "film"], 2)
    assert tokenizer.ids_batch(["a film a film"], n_ctx=4) == [([2, 4, 5, 3], 2)]
    with pytest.raises(TextError, match="has 4 tokens, but the model reads at most 2"):
        tokenizer.encode("a film a film", n_ctx=4)


def test_a_text_that_spells_out_a_special_token_is_text():
    one = wrapped(add_special_tokens=True).encode("a [SEP] film", n_ctx=N_CTX)
    assert one.tokens == ["a", "[", "SEP", "]", "film"]
    assert one.ids == [2, 4, 10, 9, 11, 5, 3]


def test_a_text_without_a_token_is_refused_whatever_stands_around_it():
    with pytest.raises(TextError, match="no token"):
        wrapped(add_special_tokens=True).encode("  ", n_ctx=N_CTX)


def test_pieces_know_the_word_they_belong_to():
    one = wrapped(add_special_tokens=True).encode("a unputdown film", n_ctx=N_CTX)
    assert (one.tokens, one.words) == (["a", "un", "put", "down", "film"], [0, 1, 1, 1, 2])
    assert train_tokenizer(["a film"], min_frequency=1).encode("a film", n_ctx=N_CTX).words == [0, 1]


def test_special_tokens_survive_saving(tmp_path):
    wrapped(add_special_tokens=True).save(tmp_path / "tokenizer.json")
    again = TextTokenizer.load(tmp_path / "tokenizer.json", add_special_tokens=True)
    assert again.encode("a [SEP]", n_ctx=N_CTX) == wrapped(add_special_tokens=True).encode("a [SEP]", n_ctx=N_CTX)
    assert TextTokenizer.load(tmp_path / "tokenizer.json").special_ids == ()


def test_byte_level_pieces_are_shown_as_text():
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner = Tokenizer(
        models.BPE({c: i for i, c in enumerate(sorted({*alphabet, "\u0120a", "an"}))}, [("\u0120", "a"), ("a", "n")])
    )
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    inner.add_special_tokens(["<s>"])
    of_pretrained = TextTokenizer(inner, add_special_tokens=True)
    shown = {entry: of_pretrained.word(inner.token_to_id(entry)) for entry in ("\u0120a", "an", "!", "\u0120", "<s>")}
    assert shown == {"\u0120a": "a", "an": "##an", "!": "!", "\u0120": "\u0120", "<s>": "<s>"}
    assert TextTokenizer(inner).word(inner.token_to_id("\u0120a")) == "\u0120a"
