"""What every registered backbone keeps to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from safr_lens import HookedClassifier, ModelConfig
from safr_lens.backbones import BackboneAdapter, make_backbone, register_backbone, registered_backbones
from safr_lens.backbones.pretrained import DECODERS, FAMILIES
from safr_lens.backbones.versions import has_hooked_transformer
from safr_lens.errors import CheckpointError, ConfigError, HookError
from tests.backbones import toy, toy_encoder  # noqa: F401  (registers them)
from tests.backbones.pretrained.encoders import small_configs

TEXT = "the acting is warm and the story is moving"


GONE = () if has_hooked_transformer() else ("hooked_transformer",)  # TransformerLens 4 removed the class
ON_ENCODERS = {  # one kind for each family
    "pretrained": FAMILIES,
    "neuron_head": [*FAMILIES, *DECODERS],
    "hf_classifier": FAMILIES,
}
READOUTS = {  # of kinds that do not have both
    "toy_head": [("neurons", 1)],
    "neuron_head": [("neurons", 1)],
    "hf_classifier": [("residual", 1), ("residual", 2)],
}
KINDS = [
    (kind, family) for kind in registered_backbones() for family in ON_ENCODERS.get(kind, [None]) if kind not in GONE
]
SHAPES = [
    (kind, family, readout, n_layers)
    for kind, family in KINDS
    for readout, n_layers in READOUTS.get(kind, [("neurons", 1), ("neurons", 2), ("residual", 2)])
]


@pytest.fixture
def make_kind(make_model, tokenizer) -> Callable[..., HookedClassifier]:
    def make(kind: str, family: str | None, readout: str, n_layers: int = 1) -> HookedClassifier:
        options = {}
        if family is not None:
            blocks = n_layers + (kind == "hf_classifier")  # which does not count the last one
            configs = small_configs(vocab_size=tokenizer.d_vocab, n_layers=blocks, n_ctx=32)
            options = {"encoder": {**configs[family], "special_token_ids": []}, "freeze": "none"}
        return make_model(readout, n_layers=n_layers, backbone=kind, **options)

    return make


@pytest.fixture(params=KINDS, ids=lambda kind: "-".join(filter(None, kind)))
def kind(request) -> tuple[str, str | None]:
    return request.param


@pytest.fixture(params=SHAPES, ids=lambda shape: "-".join(str(part) for part in shape if part))
def model(request, make_kind) -> HookedClassifier:
    return make_kind(*request.param)


def test_it_has_all_that_the_protocol_asks_for(model):
    backbone = model.adapter
    assert isinstance(backbone, BackboneAdapter)
    assert backbone.module is model.backbone
    assert (backbone.d_model, backbone.d_mlp, backbone.n_ctx) == (16, 32, 32)
    assert backbone.n_layers == model.config.n_layers


def test_every_point_that_it_names_is_met_and_has_its_shape(model):
    backbone, layers = model.adapter, range(model.config.n_layers)
    wide, narrow = (1, 9, 16), (1, 9, 32)
    out = (1, 9, backbone.w_out(0).shape[1])
    shapes = {backbone.token_embedding: wide, backbone.gated: wide}
    shapes |= {} if backbone.readout_scale is None else {backbone.readout_scale: (1, 9, 1)}
    shapes |= dict.fromkeys([*backbone.residual_writers(), *backbone.dropout_points], out)
    for layer in layers:
        shapes |= dict.fromkeys([backbone.neurons(layer), backbone.readable_neurons(layer)], narrow)
        shapes |= dict.fromkeys([backbone.mlp_output(layer), backbone.residual(layer)], out)
    seen = model(TEXT, capture=[*shapes, backbone.attention_pattern(0), backbone.attention_scores(0)]).activations
    assert {name: tuple(seen[name].shape) for name in shapes} == shapes
    assert seen[backbone.attention_pattern(0)].shape == seen[backbone.attention_scores(0)].shape
    assert seen[backbone.attention_pattern(0)].shape[2:] == (9, 9)
    rows = seen[backbone.attention_pattern(0)].sum(-1)
    torch.testing.assert_close(rows, torch.ones_like(rows))


def test_the_token_embedding_is_a_row_of_the_matrix(model):
    tokens, _ = model.to_tokens(TEXT)
    gated_here = model.adapter.gated == model.adapter.token_embedding
    name = "hook_ungated_embed" if gated_here else model.adapter.token_embedding
    assert torch.equal(model(TEXT, capture=[name]).activations[name][0], model.adapter.embedding[tokens[0]])


def test_mlps_write_what_their_neurons_say(model):
    backbone, last = model.adapter, model.config.n_layers - 1
    seen = model(TEXT, capture=[backbone.neurons(last), backbone.mlp_output(last)]).activations
    written = seen[backbone.neurons(last)] @ backbone.w_out(last) + backbone.b_out(last)
    torch.testing.assert_close(seen[backbone.mlp_output(last)], written, atol=1e-5, rtol=1e-5)
    assert backbone.w_in(last).shape == (16, 32)
    assert backbone.capabilities.signed_neurons or (seen[backbone.neurons(last)] >= 0).all()


def test_the_residual_read_out_is_the_sum_of_its_writers(model):
    backbone, last = model.adapter, model.config.n_layers - 1
    if not backbone.capabilities.exact_decomposition:
        with pytest.raises(ConfigError, match="reads the text as a whole"):
            backbone.readout()
        return
    writers = [backbone.mlp_output(last)] if model.config.readout == "neurons" else [*backbone.residual_writers()]
    seen = model(TEXT, capture=[*writers, backbone.residual(last)]).activations
    torch.testing.assert_close(seen[backbone.residual(last)], sum(seen[name] for name in writers), atol=1e-5, rtol=1e-5)
    logits = backbone.readout().logits(seen[backbone.residual(last)])
    torch.testing.assert_close(logits, model(TEXT).token_logits, atol=1e-5, rtol=1e-4)


def test_padding_changes_nothing(model):
    both, alone = model([TEXT, "boring"]), model("boring")
    torch.testing.assert_close(both.logits[1], alone.logits[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("point", ["attention_scores", "attention_pattern"])
def test_edits_reach_the_logits_where_it_says_so(make_kind, kind, point):
    model = make_kind(*kind, "neurons" if ("neurons", 1) in READOUTS.get(kind[0], []) else "residual")
    capable = model.adapter.capabilities
    name = getattr(model.adapter, point)(0)
    noise = torch.randn(9, 9, generator=torch.Generator().manual_seed(0))
    with model.hooks(fwd_hooks=[(name, lambda value, hook: value + noise)]):
        edited = model(TEXT).logits
    can = capable.editable_scores if point == "attention_scores" else capable.editable_patterns
    assert ((edited - model(TEXT).logits).abs().max() > 1e-3) == can


def test_gradients_reach_every_weight_and_every_point_on_the_way(model):
    backbone, layers = model.adapter, range(model.config.n_layers)
    names = [at(layer) for layer in layers for at in (backbone.neurons, backbone.residual, backbone.mlp_output)]
    output = model(TEXT, capture=names)
    output.logits[:, 0].sum().backward()
    assert all(weight.grad is not None for weight in model.parameters() if weight.requires_grad)
    fresh = model(TEXT, capture=names)
    gradients = torch.autograd.grad(fresh.logits[:, 0].sum(), [fresh.activations[name] for name in names])
    assert all(gradient.abs().max() > 0 for gradient in gradients)


def test_its_logits_are_the_sum_that_decompose_gives(model):
    if not model.adapter.capabilities.exact_decomposition:
        with pytest.raises(ConfigError, match="no exact sum"):
            model.decompose(TEXT)
        return
    parts = model.decompose(TEXT)
    torch.testing.assert_close(parts.total(), parts.logits, atol=1e-4, rtol=0)


def test_an_unknown_point_is_refused_with_the_near_match(model):
    known = model.adapter.neurons(0)
    assert model.hook_dict[known].name == known
    with pytest.raises(HookError, match=f"no hook point '{known}s'.*Did you mean '{known}'"):
        model(TEXT, capture=[f"{known}s"])


def test_writing_to_the_embedding_changes_the_network(make_kind, kind):
    model = make_kind(*kind, READOUTS.get(kind[0], [("neurons", 1)])[0][0])
    before = model(TEXT).logits
    with torch.no_grad():
        model.adapter.embedding[model.to_tokens("story")[0].item()] += torch.linspace(-1, 1, 16)
    assert (model(TEXT).logits - before).abs().max() > 1e-4


def test_its_weights_are_saved_and_loaded(model, tmp_path):
    assert {name.split(".")[0] for name in model.state_dict()} == {"backbone", "vmask"}
    model.save_pretrained(tmp_path)
    again = HookedClassifier.from_pretrained(tmp_path)
    assert again.config == model.config
    assert torch.equal(again(TEXT).logits, model(TEXT).logits)


def test_an_unknown_kind_is_an_error_with_near_matches():
    with pytest.raises(ConfigError, match=r"backbone must be one of .*Did you mean 'native_bridge'"):
        make_backbone(ModelConfig(backbone="native_bridges"), d_vocab=3, n_classes=2)


def test_a_checkpoint_of_an_unknown_kind_is_an_error(make_model, tmp_path):
    make_model().save_pretrained(tmp_path)
    config = tmp_path / "config.json"
    (tmp_path / "manifest.json").unlink()
    config.write_text(config.read_text().replace(f'"{ModelConfig().backbone}"', '"elsewhere"'))
    with pytest.raises(CheckpointError, match=r"config\.json: backbone must be one of"):
        HookedClassifier.from_pretrained(tmp_path)


def test_a_name_is_given_once():
    with pytest.raises(ConfigError, match="already"):
        register_backbone("hooked_transformer", lambda config, **sizes: None)
