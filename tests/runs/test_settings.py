"""Settings of a training: presets among them, which more special settings win over."""

from __future__ import annotations

import pytest

from safr_lens import SafrPenalty
from safr_lens.errors import ConfigError
from safr_lens.penalty.presets import PRESETS
from safr_lens.runs.settings import make_settings


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_sets_the_penalty_and_where_its_word_vectors_come_from(name):
    penalty, settings = SafrPenalty.preset(name), make_settings({"preset": name})
    assert settings.penalty == penalty
    words = ("words", "imdb") if penalty.needs_words else ("random", None)
    assert (settings.train.embedding_start, settings.data.word_vectors_from) == words


def test_own_settings_win_over_a_preset():
    own = {"l1_ratio": 0.1, "embedding_start": "random", "word_vectors_from": None}
    settings = make_settings({"preset": "strong", **own})
    assert (settings.penalty.to_dict()["l1_ratio"], settings.train.embedding_start) == (0.1, "random")
    assert settings.data.word_vectors_from is None


def test_presets_have_fewer_neurons_where_no_encoder_and_no_other_number_is_named():
    assert make_settings({"preset": "strong"}).model.d_mlp == 256
    assert make_settings({"preset": "strong", "d_mlp": 1024}).model.d_mlp == 1024
    assert make_settings({"preset": "strong", "backbone": "path/to/encoder"}).model.d_mlp == 1024
    assert {make_settings({"preset": name}).model.d_mlp for name in ("light", "faithful")} == {256}


def test_an_unknown_preset_is_an_error():
    with pytest.raises(ConfigError, match="preset must be one of"):
        make_settings({"preset": "heavy"})


def test_a_file_takes_the_place_of_the_texts_that_a_preset_names():
    assert make_settings({"preset": "strong", "word_vectors": "v.vec"}).data.word_vectors_from is None
    with pytest.raises(ConfigError, match="name one of them"):
        make_settings({"word_vectors": "v.vec", "word_vectors_from": "imdb"})
