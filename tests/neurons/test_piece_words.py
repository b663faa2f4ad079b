"""Pieces of words are shown in the word that they were cut from most often."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from safr_lens import HookedClassifier, ModelConfig, neuron_table, train_tokenizer, views
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.neurons.piece_words import MOST_TEXTS, pieces_in_words
from tests.training.corpus import rows

VOCABULARY = ["[PAD]", "[UNK]", "un", "##fit", "##real", "film", "a", "fit"]
ID = {piece: number for number, piece in enumerate(VOCABULARY)}


@pytest.fixture
def tokenizer():
    made = Tokenizer(models.WordPiece(vocab=ID, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return TextTokenizer(made, pad_id=0)


def found(tokenizer, *texts: str) -> dict[str, str]:
    return {VOCABULARY[i]: shown for i, shown in pieces_in_words(tokenizer, texts, n_ctx=16).items()}


def test_the_most_common_word_is_shown_and_the_rest_of_it_is_in_brackets(tokenizer):
    texts = ["a unfit film", "unfit fit", "unreal film"]
    assert found(tokenizer, *texts) == {"un": "un(fit)", "##fit": "(un)fit", "##real": "(un)real"}


def test_a_piece_that_is_mostly_a_word_of_its_own_is_left_as_it_is(tokenizer):
    assert found(tokenizer, "un film", "a un", "unfit") == {"##fit": "(un)fit"}


def test_later_texts_are_not_read(tokenizer):
    assert found(tokenizer, *["a film"] * MOST_TEXTS, "unfit") == {}


def test_words_are_no_pieces():
    assert pieces_in_words(train_tokenizer(["a ( film )"] * 2), ["a ( film )"], n_ctx=16) == {}


def test_unknown_pieces_and_parts_of_a_character_are_in_no_word():
    made = train_tokenizer(["good film bad"] * 3, kind="bpe")
    assert pieces_in_words(made, ["gööd f世lm 世"], n_ctx=32) == {}
    alphabet = {sign: number for number, sign in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    raw = Tokenizer(models.BPE(vocab=alphabet, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    pretrained = TextTokenizer(raw, pad_id=0, add_special_tokens=True)
    found = pieces_in_words(pretrained, ["ab c 好"], n_ctx=32)
    assert found == {alphabet["a"]: "a(b)", alphabet["b"]: "(a)b", alphabet["c"]: "c"}


def test_a_long_word_is_cut_beside_the_piece(tokenizer):
    assert pieces_in_words(tokenizer, ["un" + 30 * "fit"], n_ctx=31)[ID["un"]] == "un(fitfitfi…tfitfit)"


def test_neuron_table_and_dashboard_show_them():
    data = rows(40, seed=2)
    pieces = train_tokenizer([row["text"] for row in rows(40, seed=1)], kind="bpe", max_vocab=60)
    config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8, n_ctx=64)
    model = HookedClassifier.from_config(config, tokenizer=pieces, labels=["negative", "positive"])
    expected = pieces_in_words(pieces, [row["text"] for row in data], n_ctx=64)
    table = neuron_table(model, data)
    shown = {word for words in table["top_words"] for word in words}
    assert expected and shown & set(expected.values()) and not shown & {pieces.word(token) for token in expected}
    number = int(table["top_words"].map(lambda words: len(set(words) & set(expected.values()))).argmax())
    words = [word for word, _, _ in views.neuron(model, data, number).content["words"]]
    assert words[:10] == table["top_words"][number]


def test_a_word_that_the_context_cuts_is_not_taken_for_a_shorter_one(tokenizer):
    texts = ["film unfit"] * 3 + ["a film unreal"]
    whole = pieces_in_words(tokenizer, texts, n_ctx=3)
    assert whole[ID["un"]] == "un(fit)"
    assert pieces_in_words(tokenizer, texts, n_ctx=2) == {}, "'un' is the start of a word, and no word of its own"
    assert pieces_in_words(tokenizer, ["film unfit"] + ["a film unfit"] * 3, n_ctx=3)[ID["un"]] == "un(fit)"
