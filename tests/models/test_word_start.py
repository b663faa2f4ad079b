"""Where an embedding that starts from word vectors starts."""

from __future__ import annotations

import pytest
import torch

from safr_lens.errors import ConfigError
from safr_lens.models.word_start import start_from_words
from tests.training.corpus import tiny_classifier


def test_the_start_keeps_the_angles_of_words_and_the_length_of_an_embedding():
    model = tiny_classifier()
    before = model.backbone.embed.W_E.detach().clone()
    vectors = torch.randn(model.tokenizer.d_vocab, 5, generator=torch.Generator().manual_seed(0))
    vectors[3], vectors[4] = torch.nan, 0.0
    start_from_words(model, vectors, seed=1)
    after = model.backbone.embed.W_E.detach()
    known = torch.ones(len(vectors), dtype=torch.bool).index_fill(0, torch.tensor([3, 4]), False)
    assert torch.equal(after[~known], before[~known])
    cosines = torch.nn.functional.cosine_similarity
    torch.testing.assert_close(cosines(after[5:-1], after[6:]), cosines(vectors[5:-1], vectors[6:]), atol=1e-5, rtol=0)
    torch.testing.assert_close(after[known].norm(dim=1), torch.full((int(known.sum()),), 0.02 * 4.0))
    other = tiny_classifier()
    start_from_words(other, vectors, seed=2)
    assert not torch.allclose(other.backbone.embed.W_E[known], after[known])


def test_vectors_of_another_vocabulary_or_too_wide_are_an_error():
    model = tiny_classifier()
    for shape in ((3, 5), (model.tokenizer.d_vocab, 17)):
        with pytest.raises(ConfigError, match=r"at most 16\].*got \[" + str(shape[0])):
            start_from_words(model, torch.ones(shape))
