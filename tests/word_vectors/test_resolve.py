"""Which word vectors a training or an analysis uses."""

from __future__ import annotations

import pytest
import torch

from safr_lens import SafrPenalty, TrainConfig, train, train_tokenizer
from safr_lens.data.rows import Texts
from safr_lens.errors import ConfigError, DataError
from safr_lens.word_vectors import analysis_vectors, read_word_vectors, training_vectors, word_vectors
from tests.training.corpus import sentiment_data, tiny_classifier

DATA = sentiment_data(n_train=64, n_other=16)


@pytest.fixture
def tokenizer():
    return tiny_classifier().tokenizer


def written(tmp_path, tokenizer, *, d_embed: int = 4, skip: int = 2):
    rows = torch.randn(tokenizer.d_vocab, d_embed, generator=torch.Generator().manual_seed(0)).tolist()
    lines = [f"{tokenizer.word(i)} {' '.join(map(str, rows[i]))}" for i in range(2, tokenizer.d_vocab, skip - 1)]
    path = tmp_path / "vectors.vec"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_vectors_come_from_the_training_split_unless_others_are_given(tokenizer):
    own = training_vectors(DATA, tokenizer, used=True, widest=16)
    expected = word_vectors(Texts(DATA["train"]), tokenizer, d_embed=16)
    torch.testing.assert_close(own.vectors, expected.vectors, equal_nan=True)
    assert own.source == f"the training split of {DATA.source}"
    others = word_vectors(Texts(DATA["test"]), tokenizer, d_embed=3)
    assert training_vectors(DATA, tokenizer, used=True, given=others) is others
    assert training_vectors(DATA, tokenizer, used=False) is None


def test_a_file_of_vectors(tmp_path, tokenizer):
    path = written(tmp_path, tokenizer)
    found, read = training_vectors(DATA, tokenizer, used=True, given=path), read_word_vectors(path, tokenizer)
    torch.testing.assert_close(found.vectors, read.vectors, equal_nan=True)
    assert found.source == str(path)
    for given in (path, str(path)):
        table = analysis_vectors(tokenizer, Texts(DATA["test"]), given)
        torch.testing.assert_close(table, read.vectors, equal_nan=True)


def test_vectors_longer_than_the_model_takes_keep_their_angles(tmp_path, tokenizer):
    path = written(tmp_path, tokenizer, d_embed=40)
    whole = read_word_vectors(path, tokenizer)
    n_known = int(whole.known.sum())
    for widest in (n_known, 5):
        found = training_vectors(DATA, tokenizer, used=True, given=path, widest=widest)
        assert found.vectors.shape[1] == widest
        assert found.vectors[found.known].norm(dim=1).tolist() == pytest.approx([1.0] * n_known)
    same = training_vectors(DATA, tokenizer, used=True, given=path, widest=n_known).vectors[whole.known]
    torch.testing.assert_close(same @ same.T, whole.vectors[whole.known] @ whole.vectors[whole.known].T)


def test_vectors_that_are_named_for_nothing_or_twice_or_know_too_little(tmp_path, tokenizer):
    path = written(tmp_path, tokenizer)
    with pytest.raises(ConfigError, match="nothing uses them"):
        training_vectors(DATA, tokenizer, used=False, given=path)
    with pytest.raises(ConfigError, match="name one of them"):
        training_vectors(DATA, tokenizer, used=True, given=path, from_data="imdb")
    large = train_tokenizer([" ".join(f"w{i}" for i in range(100)) + " good bad"], min_frequency=1)
    path.write_text("good 1 0\nbad 0 1\n")
    for find in (
        lambda: training_vectors(DATA, large, used=True, given=path),
        lambda: analysis_vectors(large, [], path),
    ):
        with pytest.raises(ConfigError, match="another language"):
            find()


def test_too_few_words_name_what_to_do_instead(tokenizer):
    with pytest.raises(DataError, match=r'--word-vectors-from.*preset "attention"'):
        training_vectors(sentiment_data(n_train=2, n_other=2), tokenizer, used=True)
    assert analysis_vectors(tokenizer, ["a good film"]).isnan().all()


def trained(*, penalty=None, word_vectors=None, embedding_start="words"):
    config = TrainConfig(batch_size=8, learning_rate=1e-2, epochs=1, embedding_start=embedding_start)
    penalty = penalty or SafrPenalty(information_weight=0.1, batch_tokens=40, mono_weight=0.5)
    return train(tiny_classifier(), DATA, config, penalty=penalty, word_vectors=word_vectors, progress=False)


def test_a_training_that_uses_no_vectors_refuses_them():
    attending = SafrPenalty.preset("attention")
    with pytest.raises(ConfigError, match="nothing uses them"):
        trained(penalty=attending, embedding_start="random", word_vectors=word_vectors(Texts(DATA["test"])))


def test_a_file_of_vectors_is_used_and_recorded(tmp_path, tokenizer):
    path = written(tmp_path, tokenizer)
    found = trained(word_vectors=path)
    assert found.metrics["word_vectors"] == str(path)
    assert trained().metrics["word_vectors"] == f"the training split of {DATA.source}"
    attending = SafrPenalty.preset("attention")
    assert trained(penalty=attending, embedding_start="random").metrics["word_vectors"] is None
