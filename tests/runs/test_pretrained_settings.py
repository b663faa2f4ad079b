"""Settings of a classifier on a pretrained encoder."""

from __future__ import annotations

import pytest

from safr_lens import ModelConfig, SafrPenalty
from safr_lens.errors import ConfigError
from safr_lens.runs.pretrained_settings import PretrainedConfig
from safr_lens.runs.settings import make_settings

SOURCE = {"backbone": "some/encoder"}


def test_a_folder_or_an_id_means_a_neuron_head_on_a_frozen_encoder():
    settings = make_settings(SOURCE)
    assert settings.model == PretrainedConfig(backbone="some/encoder")
    assert (settings.model.readout, settings.model.frozen, settings.train.learning_rate) == ("neuron_head", True, 1e-3)
    penalty = settings.penalty
    assert penalty.weights(0.0) == {"information": 0.0, "importance": 20.0, "interaction": 10.0}
    assert (penalty.pairs.word_threshold, penalty.gates) == (0.4, "shared")
    assert penalty == SafrPenalty.preset("pretrained")


def test_own_settings_win_over_these_defaults():
    settings = make_settings(
        {**SOURCE, "importance_weight": 1.0, "word_threshold": 0.3, "learning_rate": 1e-4, "d_mlp": 64, "freeze": "2"}
    )
    assert settings.penalty.weights(0.0) == {"information": 0.0, "importance": 1.0, "interaction": 10.0}
    assert settings.penalty.pairs.word_threshold == 0.3
    assert (settings.train.learning_rate, settings.model.d_mlp, settings.model.freeze) == (1e-4, 64, 2)


def test_a_head_is_trained_alone_at_first_where_its_encoder_is_trained_too():
    settings = make_settings({**SOURCE, "freeze": "none"})
    assert (settings.train.head_epochs, settings.train.epochs) == (5, 3)
    assert settings.penalty.weights(4.9) == {"information": 0.0, "importance": 20.0, "interaction": 10.0}
    assert settings.penalty.weights(5.0) == {"information": 0.0, "importance": 6.0, "interaction": 3.0}
    own = make_settings({**SOURCE, "freeze": "4", "preset": "sparse", "head_epochs": 2, "importance_weight": 1.0})
    assert [own.penalty.weights(at)["importance"] for at in (0.0, 2.0)] == [1.0, 1.0]
    assert [own.penalty.weights(at)["interaction"] for at in (1.9, 2.0)] == [5.0, 1.5]
    late = make_settings({**SOURCE, "freeze": "none", "preset": "faithful"}).penalty
    assert [late.weights(at)["importance"] for at in (4.9, 5.0)] == [20.0, 6.0]


@pytest.mark.parametrize(
    ("named", "alone"),
    [
        ({"site": "none"}, 0),
        ({"site": "none", "d_vmask": 8}, 0),  # its information term is about gates alone
        ({"importance_weight": 0.0, "interaction_weight": 0.0}, 0),
        ({"site": "none", "preset": "sparse"}, 0),
        ({"site": "none", "head_epochs": 2}, 2),
        ({"site": "none", "l1_weight": 3.0}, 5),
        ({"interaction_weight": 0.0}, 5),
    ],
)
def test_a_head_is_trained_alone_where_a_penalty_would_spoil_its_encoder(named, alone):
    assert make_settings({**SOURCE, "freeze": "none", **named}).train.head_epochs == alone


@pytest.mark.parametrize("named", [{}, {"freeze": "none", "readout": "neurons"}, {"freeze": "none", "head_epochs": 0}])
def test_weights_stay_where_no_head_is_trained_alone(named):
    settings = make_settings({**SOURCE, **named})
    assert settings.train.head_epochs == 0 and settings.penalty == SafrPenalty.preset("pretrained")


def test_a_head_can_keep_its_largest_neurons_alone():
    settings = make_settings({**SOURCE, "act_fn": "topk", "k": 16, "k_epochs": 2})
    assert (settings.model.act_fn, settings.model.k, settings.train.k_epochs) == ("topk", 16, 2)


def test_the_sparse_preset_is_for_a_head_that_keeps_its_largest_neurons():
    settings = make_settings({**SOURCE, "preset": "sparse"})
    assert (settings.model.act_fn, settings.model.k, settings.train.learning_rate) == ("topk", 16, 0.001)
    assert settings.penalty == SafrPenalty.preset("sparse") and settings.penalty.pairs.overlap_of == "evidence"
    assert make_settings({**SOURCE, "preset": "sparse", "k": 4}).model.k == 4
    assert make_settings({**SOURCE, "preset": "sparse", "act_fn": "batch_topk", "k": 8}).model.act_fn == "batch_topk"
    assert make_settings({**SOURCE, "preset": "sparse", "act_fn": "relu"}).model.k is None
    baseline = make_settings({**SOURCE, "preset": "sparse", "site": "none"})
    assert baseline.model.k == 16 and baseline.penalty.pairs is None
    assert make_settings({**SOURCE, "preset": "sparse", "d_vmask": 8}).penalty.gates == "apart"


def test_the_information_term_is_there_where_vmask_is():
    with_vmask = make_settings({**SOURCE, "d_vmask": 8}).penalty
    assert with_vmask.weights(0.0)["information"] > 0 and with_vmask.gates == "apart"
    assert make_settings({**SOURCE, "site": "none"}).penalty.weights(0.0) == {"information": 0.0}
    assert make_settings({**SOURCE, "site": "none", "l1_weight": 3.0}).penalty.weights(0.0)["l1"] == 3.0


@pytest.mark.parametrize("preset", ["light", "strong", "attention"])
def test_a_preset_keeps_its_weights_and_the_encoder_its_words(preset):
    settings, plain = make_settings({**SOURCE, "preset": preset}), make_settings({"preset": preset})
    for name in ("importance", "interaction"):
        assert settings.penalty.schedules[name] == plain.penalty.schedules[name]
    assert settings.train.embedding_start == "random" and settings.data.word_vectors_from is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"freeze": "all"}, r"freeze='all' needs a pretrained encoder.*--backbone"),
        ({"readout": "neuron_head"}, r"readout='neuron_head' needs a pretrained encoder.*--backbone"),
        ({**SOURCE, "readout": "neuron"}, r"readout must be one of neuron_head, .*Did you mean"),
        ({**SOURCE, "tokenizer": "bpe"}, r"tokenizer has no meaning.*its own tokenizer"),
        ({**SOURCE, "embedding_start": "words"}, r"embedding_start has no meaning.*its own token embeddings"),
        ({**SOURCE, "act_fn": "gelu"}, r"act_fn has no meaning with a pretrained backbone"),
        ({**SOURCE, "d_mlp": 0}, r"d_mlp must be a whole number"),
        ({**SOURCE, "act_fn": "topk"}, r"keeps the k largest of 1024 neurons\. State how many, as k=16"),
        ({**SOURCE, "act_fn": "topk", "k": 0}, r"k must be a whole number, from 1 to 1024; got 0"),
        ({**SOURCE, "k": 8}, r"k has no meaning with act_fn='relu'"),
        ({**SOURCE, "readout": "neurons", "act_fn": "topk", "k": 8}, r"reads the encoder's own neurons"),
        ({"encoder": {}}, r"Unknown setting 'encoder'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_has_no_meaning_is_an_error(values, message):
    with pytest.raises(ConfigError, match=message):
        make_settings(values)


def test_a_kind_of_backbone_is_one_still():
    assert make_settings({"backbone": "native_bridge"}).model == ModelConfig(backbone="native_bridge")
