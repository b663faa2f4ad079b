"""Classifiers on pretrained encoders: what they read, what they keep, and what is refused."""

from __future__ import annotations

import socket

import pytest
import torch
from transformers import BertModel

from safr_lens import HookedClassifier
from safr_lens.backbones.pretrained import load_encoder
from safr_lens.errors import CheckpointError, ConfigError
from tests.backbones.pretrained.encoders import MINILM, write_small_bert

LABELS = ("negative", "positive")
TEXTS = ["A gripping , unputdownable film", "dull"]
READOUTS = ("neuron_head", "neurons", "residual")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_small_bert(tmp_path_factory.mktemp("encoders") / "small-bert")


@pytest.fixture(params=READOUTS)
def model(request, folder) -> HookedClassifier:
    return HookedClassifier.from_pretrained_backbone(folder, labels=LABELS, readout=request.param, d_mlp=8)


def test_the_encoder_is_the_one_that_was_named(model, folder):
    encoder, tokenizer, _ = load_encoder(folder)
    weights = model.backbone.encoder.state_dict()
    assert all(torch.equal(weights[name], value) for name, value in encoder.module.state_dict().items())
    assert model.tokenizer.special_ids == tokenizer.special_ids == (101, 102)
    assert (model.config.d_model, model.config.n_ctx) == (16, 24)


@pytest.mark.parametrize("readout", READOUTS)
def test_it_is_saved_and_loaded_bit_for_bit_without_network(folder, tmp_path, monkeypatch, readout):
    monkeypatch.setattr(socket.socket, "connect", lambda *args: pytest.fail("a connection was made"))
    options = {"readout": readout, "d_mlp": 8, "d_vmask": 4, "freeze": 1}
    model = HookedClassifier.from_pretrained_backbone(folder, labels=LABELS, **options)
    model.save_pretrained(tmp_path / "saved")
    again = HookedClassifier.from_pretrained(tmp_path / "saved")
    assert again.config == model.config and again.labels == LABELS
    assert {name: p.requires_grad for name, p in again.named_parameters()} == {
        name: p.requires_grad for name, p in model.named_parameters()
    }
    assert torch.equal(again(TEXTS).logits, model(TEXTS).logits)
    assert again.to_tokens(TEXTS)[0].tolist() == model.to_tokens(TEXTS)[0].tolist()


def test_what_is_new_depends_on_the_seed_alone(folder):
    made = [
        HookedClassifier.from_pretrained_backbone(folder, labels=LABELS, d_mlp=8, seed=seed)(TEXTS).logits
        for seed in (0, 0, 1)
    ]
    assert torch.equal(made[0], made[1]) and not torch.allclose(made[0], made[2])


def test_the_global_random_state_is_left_alone(folder):
    before = torch.get_rng_state()
    HookedClassifier.from_pretrained_backbone(folder, labels=LABELS, d_mlp=8)
    assert torch.equal(torch.get_rng_state(), before)


def test_residual_reads_the_token_vectors_of_transformers():
    model = HookedClassifier.from_pretrained_backbone(MINILM, labels=LABELS, readout="residual")
    tokens, mask = model.to_tokens(TEXTS)
    plain = BertModel.from_pretrained(MINILM, attn_implementation="eager", local_files_only=True).eval()
    with torch.no_grad():
        output, vectors = model(tokens, mask), plain(tokens, attention_mask=mask).last_hidden_state
        read = vectors @ model.backbone.head.weight.T + model.backbone.head.bias
    torch.testing.assert_close(output.token_logits[output.mask], read[output.mask], atol=1e-5, rtol=0)


def test_neurons_reads_nothing_but_the_last_mlp(folder):
    model = HookedClassifier.from_pretrained_backbone(folder, labels=LABELS, readout="neurons")
    silent = [("blocks.1.mlp.hook_post", lambda value, hook: torch.zeros_like(value))]
    with model.hooks(fwd_hooks=silent):
        logits = model(TEXTS).logits
    torch.testing.assert_close(logits[0], logits[1], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(*model(TEXTS).logits, atol=1e-3)


def test_logits_are_the_sum_of_their_parts(model):
    parts = model.decompose(TEXTS[0])
    assert parts.tokens == ["A", "gripping", ",", "un", "put", "down", "able", "film"]
    torch.testing.assert_close(parts.total(), model(TEXTS[0]).logits[0], atol=1e-5, rtol=0)


def test_fewer_layers_are_the_lowest(folder):
    model = HookedClassifier.from_pretrained_backbone(folder, labels=LABELS, readout="residual", layers=1)
    whole = HookedClassifier.from_pretrained_backbone(folder, labels=LABELS, readout="residual")
    assert model.config.n_layers == 1
    name = "blocks.0.hook_resid_post"
    seen = [one(TEXTS, capture=[name]).activations[name] for one in (model, whole)]
    torch.testing.assert_close(*seen, atol=1e-5, rtol=0)


def test_what_is_frozen_is_not_trained(folder):
    def trained(**options) -> set[str]:
        model = HookedClassifier.from_pretrained_backbone(folder, labels=LABELS, d_mlp=8, **options)
        return {name.split(".")[1] for name, weight in model.named_parameters() if weight.requires_grad}

    assert trained() == trained(freeze="all") == {"head"}
    assert trained(freeze="none") == trained(readout="residual") == {"encoder", "head"}


def test_gelu_neurons_are_called_signed(folder):
    of = {r: HookedClassifier.from_pretrained_backbone(folder, labels=LABELS, readout=r) for r in READOUTS}
    assert [of[r].adapter.capabilities.signed_neurons for r in READOUTS] == [False, True, True]


def test_settings_without_meaning_are_errors(folder, tmp_path):
    make = HookedClassifier.from_pretrained_backbone
    with pytest.raises(ConfigError, match=r"readout must be one of neuron_head, neurons, residual.*Did you mean"):
        make(folder, labels=LABELS, readout="neuron")
    with pytest.raises(ConfigError, match="layers must be a whole number, from 1 to 2"):
        make(folder, labels=LABELS, layers=3)
    with pytest.raises(ConfigError, match="n_ctx must be a whole number, from 3 to 24"):
        make(folder, labels=LABELS, n_ctx=25)
    with pytest.raises(ConfigError, match="at least two labels"):
        make(folder, labels=["one"])
    with pytest.raises(CheckpointError, match="no such folder"):
        make(tmp_path / "nothing", labels=LABELS)
