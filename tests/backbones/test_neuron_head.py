"""All evidence passes through the neurons of a neuron head, and its encoder can stay as it is."""

from __future__ import annotations

import pytest
import torch

from safr_lens import HookedClassifier
from safr_lens.backbones import Encoder
from safr_lens.models.evaluating import evaluating
from tests.backbones.toy_encoder import ToyEncoder

TEXT = "the acting is warm and the story is moving"
POINTS = ("ln.hook_scale", "ln.hook_normalized", "mlp.hook_pre", "mlp.hook_post", "hook_mlp_out")


@pytest.fixture(params=[0, 8], ids="d_vmask={}".format)
def model(request, make_model) -> HookedClassifier:
    return make_model(backbone="toy_head", d_vmask=request.param)


def test_the_toy_is_an_encoder():
    assert isinstance(ToyEncoder(16, 30), Encoder)


def test_its_hook_points_stand_beside_the_encoders(model):
    assert set(model.adapter.encoder.hook_points) | {f"head.{name}" for name in POINTS} <= set(model.hook_dict)


def test_token_logits_equal_a_slow_loop(model):
    """relu(LN(x) g W_in + b_in) W_out + b, number by number."""
    backbone, head = model.adapter, model.backbone.head
    seen = model(TEXT, capture=[backbone.token_vectors]).activations[backbone.token_vectors]
    q = model(TEXT).importance[0]
    for i in (0, 8):
        x = seen[0, i].double().tolist()
        mean = sum(x) / 16
        scale = (sum((one - mean) ** 2 for one in x) / 16 + 1e-5) ** 0.5
        read = [
            (one - mean) / scale * w + b for one, w, b in zip(x, head.ln.w.tolist(), head.ln.b.tolist(), strict=True)
        ]
        logits = head.mlp.b_out.tolist()
        for n in range(32):
            h = head.mlp.b_in[n].item() + sum(
                v * q[i].item() * w for v, w in zip(read, head.mlp.W_in[:, n].tolist(), strict=True)
            )
            logits = [one + max(h, 0.0) * w for one, w in zip(logits, head.mlp.W_out[n].tolist(), strict=True)]
        assert model(TEXT).token_logits[0, i].tolist() == pytest.approx(logits, abs=1e-4)


def test_the_evidence_of_a_neuron_is_its_activation_times_its_weight(model):
    parts = model.decompose(TEXT)
    h = model(TEXT, capture=["head.mlp.hook_post"]).activations["head.mlp.hook_post"][0]
    expected = h.unsqueeze(-1) * model.adapter.w_out(0) / 9
    torch.testing.assert_close(parts.neurons, expected.detach(), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(parts.total(), model(TEXT).logits[0], atol=1e-5, rtol=0)


def test_without_its_neurons_only_a_constant_is_left(model):
    silent = [("head.mlp.hook_post", lambda value, hook: torch.zeros_like(value))]
    with model.hooks(fwd_hooks=silent):
        logits = model(["boring", TEXT]).logits
    torch.testing.assert_close(logits, model.adapter.b_out(0).expand(2, -1))


def test_without_vmask_every_token_has_importance_one(make_model):
    output = make_model(backbone="toy_head", d_vmask=0)(["boring", TEXT])
    assert torch.equal(output.importance, output.mask.float())


def test_vmask_gates_what_the_head_reads_or_the_embedding_where_that_is_trained(make_model):
    for freeze, gated in (("all", "head.ln.hook_normalized"), ("none", "words"), (1, "words")):
        model = make_model(backbone="toy_head", freeze=freeze)
        shut = [("hook_mask", lambda value, hook: 0 * value)]
        with model.hooks(fwd_hooks=shut):
            seen = model(TEXT, capture=[gated, "hook_ungated_embed"]).activations
        assert (seen[gated] == 0).all() and (seen["hook_ungated_embed"] != 0).any()


def test_a_frozen_encoder_is_the_same_in_training_and_gets_no_gradient(make_model):
    model = make_model(backbone="toy_head", d_vmask=0, dropout=0.0)
    expected = model(TEXT).logits
    model.train()
    found = model(TEXT)
    assert torch.equal(found.logits, expected)
    found.logits.sum().backward()
    with_gradient = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert with_gradient and all(name.startswith("backbone.head.") for name in with_gradient)


def test_the_encoder_has_its_dropout_where_it_is_trained(make_model):
    model = make_model(backbone="toy_head", d_vmask=0, dropout=0.0, freeze="none")
    expected = model(TEXT).logits
    model.train()
    assert (model(TEXT).logits - expected).abs().max() > 1e-3
    with evaluating(model):
        assert torch.equal(model(TEXT).logits, expected)
