"""No size of a configuration is believed: what it describes is counted ahead of any weight, and compared."""

from __future__ import annotations

import json
from math import prod

import pytest

from safr_lens import HookedClassifier, ModelConfig
from safr_lens.backbones.pretrained.size import encoder_weights
from safr_lens.errors import CheckpointError, ConfigError
from safr_lens.models.sizes import check_fits, least_weights

SIZES = ("n_layers", "d_model", "n_heads", "d_mlp", "n_ctx", "d_vmask")


@pytest.mark.parametrize("n_layers", [1, 3])
@pytest.mark.parametrize("d_vmask", [0, 8])
def test_the_bound_is_below_the_weights_of_a_model_and_close_to_them(make_model, n_layers, d_vmask):
    model = make_model(n_layers=n_layers, d_vmask=d_vmask, d_model=64, d_mlp=256)
    described = least_weights(model.config, d_vocab=model.tokenizer.d_vocab)
    made = sum(weight.numel() for weight in model.parameters())
    assert 0.9 * made < described <= made
    check_fits(model.config, [weight.shape for weight in model.parameters()], d_vocab=model.tokenizer.d_vocab)


def test_an_encoder_is_counted_without_being_made(small_bert):
    config = json.loads((small_bert / "config.json").read_text())
    model = HookedClassifier.from_pretrained_backbone(small_bert, labels=["bad", "good"], d_mlp=8)
    assert encoder_weights(config) == sum(weight.numel() for weight in model.adapter.module.encoder.parameters())


@pytest.fixture(scope="module")
def saved(make_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    make_model().save_pretrained(folder)
    return folder


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("value", [10**9, 10**6, 2**70, -1, 0.5, "8", None, [8], True])
def test_a_size_that_the_weights_do_not_have_is_refused_before_it_is_made(saved, size, value):
    written = (saved / "config.json").read_text()
    config = json.loads(written)
    config["model"][size] = value
    (saved / "config.json").write_text(json.dumps(config))
    try:
        with pytest.raises(CheckpointError, match=r"config\.json"):
            HookedClassifier.from_pretrained(saved)
    finally:
        (saved / "config.json").write_text(written)


@pytest.mark.parametrize("name", ["num_hidden_layers", "hidden_size", "intermediate_size", "vocab_size"])
@pytest.mark.parametrize("value", [10**9, -1, "x", None])
def test_an_encoder_that_its_files_do_not_hold_is_refused(small_bert, tmp_path, name, value):
    for path in small_bert.iterdir():
        (tmp_path / path.name).symlink_to(path)
    config = json.loads((small_bert / "config.json").read_text()) | {name: value}
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises((CheckpointError, ConfigError)):
        HookedClassifier.from_pretrained_backbone(tmp_path, labels=["bad", "good"])


@pytest.mark.parametrize("sizes", [{"d_model": 10**8}, {"n_layers": 10**6}, {"d_mlp": 10**12}, {"n_ctx": 10**9}])
def test_a_model_beyond_the_memory_is_refused(tokenizer, sizes):
    with pytest.raises(ConfigError, match="of this machine"):
        HookedClassifier.from_config(ModelConfig(**sizes), tokenizer=tokenizer, labels=["bad", "good"])


def test_zero_sized_tensors_count_for_nothing():
    shapes = [[10**9, 0]] * 100
    assert sum(map(prod, shapes)) == 0
    with pytest.raises(ConfigError, match="describes at least"):
        check_fits(ModelConfig(d_model=2**12), shapes, d_vocab=10)
