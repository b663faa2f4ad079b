"""Related words by a pretrained encoder's own embeddings."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from safr_lens import HookedClassifier
from safr_lens.data import TextTokenizer
from safr_lens.models.compared import COMPARED, ComparedPairs
from safr_lens.models.encoder_words import SOURCE, encoder_word_vectors
from safr_lens.word_vectors import embedding_table
from tests.backbones import toy_encoder  # noqa: F401  (registers a head)


def test_they_are_centred_unit_rows_of_the_embedding_matrix(make_model):
    model = make_model(backbone="toy_head")
    found = encoder_word_vectors(model)
    rows = model.adapter.embedding.detach().double().tolist()[1:]  # without padding
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    for i in (1, 5):
        centred = [value - m for value, m in zip(rows[i - 1], mean, strict=True)]
        length = sum(value**2 for value in centred) ** 0.5
        assert found.vectors[i].tolist() == pytest.approx([value / length for value in centred], abs=1e-5)
    assert found.vectors[0].isnan().all() and found.known.sum() == len(rows)
    torch.testing.assert_close(embedding_table(found, model.tokenizer)[1:], found.vectors[1:])


@pytest.mark.parametrize(("freeze", "derived"), [("all", True), ("none", False)])
def test_a_checkpoint_whose_weights_hold_them_has_no_second_copy(make_model, tmp_path, freeze, derived):
    model = make_model(backbone="toy_head", freeze=freeze)
    vectors = embedding_table(encoder_word_vectors(model), model.tokenizer)
    model.compared = ComparedPairs("words", 0.4, SOURCE, vectors)
    model.save_pretrained(tmp_path)
    assert ("vectors" in load_file(tmp_path / COMPARED)) is not derived
    loaded = HookedClassifier.from_pretrained(tmp_path).compared
    assert loaded == model.compared
    torch.testing.assert_close(loaded.vectors, vectors, rtol=0, atol=0, equal_nan=True)


def test_special_tokens_have_none(make_model):
    model = make_model(backbone="toy_head")
    inner = Tokenizer.from_str(model.tokenizer.tokenizer.to_str())
    inner.add_special_tokens(["film"])
    model.tokenizer = TextTokenizer(inner)
    known = encoder_word_vectors(model).known
    assert not known[inner.token_to_id("film")] and known[inner.token_to_id("dull")]
