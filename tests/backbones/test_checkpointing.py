"""Gradient checkpointing: the gradients of a pass whose blocks are kept, with edits, captures, gates and dropout."""

from __future__ import annotations

import threading

import pytest
import torch

from safr_lens import HookedClassifier, SafrPenalty
from safr_lens.backbones.checkpointing import checkpointed
from safr_lens.backbones.edits import Edits
from safr_lens.backbones.pretrained import DECODERS, FAMILIES
from safr_lens.data.batching import Batch
from safr_lens.errors import HookError
from safr_lens.training.step import batch_terms
from tests.backbones.pretrained.encoders import TEXTS, on_small_encoder

PENALTY = SafrPenalty(layers=[0, 1], pairs="attention", threshold=0.3, gates="shared", information_weight=0.1)


def gradients(model: HookedClassifier, *, edits=None, penalty=PENALTY, thread=False) -> dict[str, torch.Tensor]:
    tokens, mask = model.to_tokens(TEXTS)
    batch = Batch(tokens, mask, torch.tensor([1, 0, 1]), torch.arange(3), 0)
    model.zero_grad()
    torch.manual_seed(0)
    with (edits or Edits()).around(model.hook_dict):
        terms = batch_terms(model, batch, penalty, backbone=model.adapter)
    loss = sum(terms.values())
    if thread:  # as the backward passes of accelerators, in which the edits of this thread are unknown
        running = threading.Thread(target=loss.backward)
        running.start()
        running.join()
    else:
        loss.backward()
    found = {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}
    return found | {f"term {name}": value.detach() for name, value in terms.items()}


CASES = [(family, readout) for family in FAMILIES for readout in ("neuron_head", "neurons", "residual")]
CASES += [(family, "neuron_head") for family in DECODERS]


@pytest.mark.parametrize("thread", [False, True], ids=["", "thread"])
@pytest.mark.parametrize(("family", "readout"), CASES)
def test_gradients_are_those_of_keeping_everything(family, readout, thread):
    model = on_small_encoder(family, readout)
    head = readout == "neuron_head"
    penalty = PENALTY.changed(layers=[0]) if head else PENALTY
    noise = torch.randn(24, 32, generator=torch.Generator().manual_seed(1))
    edits = Edits(after=[("blocks.0.mlp.hook_post", lambda value: value * 2 + noise[: value.shape[1]])])
    kept = gradients(model, edits=edits, penalty=penalty)
    assert any(not torch.equal(kept[name], one) for name, one in gradients(model, penalty=penalty).items())
    runs = []
    counting = model.adapter.hook_points["blocks.1.mlp.hook_post"]
    counting.add_hook(lambda value, hook: runs.append(hook.name))
    with checkpointed(model.adapter.encoder.blocks):
        again = gradients(model, edits=edits, penalty=penalty, thread=thread)
    assert len(runs) == 2, "the block ran once forward and once backward"
    assert kept.keys() == again.keys()
    for name, one in kept.items():
        torch.testing.assert_close(again[name], one, atol=1e-6, rtol=1e-5, msg=name)
    assert any(name.startswith("vmask") for name in kept) and kept["term interaction"] > 0


def test_captured_activations_stay_those_of_the_forward_pass():
    model = on_small_encoder("bert", "neurons")
    name = "blocks.0.mlp.hook_post"
    with checkpointed(model.adapter.encoder.blocks):
        output = model(TEXTS, capture=[name])
        value = output.activations[name]
        output.logits.sum().backward()
    assert output.activations[name] is value


def test_evaluation_keeps_as_before_and_nothing_is_left_behind():
    model = on_small_encoder("bert", "neurons").eval()
    expected, state = model(TEXTS).logits, list(model.state_dict())
    blocks = model.adapter.encoder.blocks
    with checkpointed(blocks):
        assert torch.equal(model(TEXTS).logits, expected) and list(model.state_dict()) == state
    assert not any("forward" in vars(block) for block in blocks)


def test_a_graph_that_is_kept_can_be_gone_through_twice():
    model = on_small_encoder("bert", "residual")
    with checkpointed(model.adapter.encoder.blocks):
        logits = model(TEXTS).logits
        weight = model.adapter.encoder.linear(0, "w_in").weight
        one, other = (torch.autograd.grad(logits.sum(), weight, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(one, other) and one.abs().max() > 0


def test_hooks_that_are_gone_before_the_backward_pass_are_an_error_whose_advice_works():
    model = on_small_encoder("bert", "neurons")
    hooks = [("blocks.0.mlp.hook_post", lambda value, hook: value * 2)]
    with checkpointed(model.adapter.encoder.blocks):
        with model.hooks(fwd_hooks=hooks):
            loss = model(TEXTS).logits.sum()
        with pytest.raises(HookError, match=r"Call backward\(\) inside the block that adds the hooks"):
            loss.backward()
        with model.hooks(fwd_hooks=hooks):
            model(TEXTS).logits.sum().backward()
