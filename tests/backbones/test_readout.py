"""Final norm and unembedding as plain tensors give the logits of the network."""

from __future__ import annotations

import torch


def test_its_logits_are_those_of_the_model(model, texts):
    name = model.adapter.residual(model.config.n_layers - 1)
    output = model(texts[0], capture=[name])
    logits = model.adapter.readout().logits(output.activations[name][0])
    torch.testing.assert_close(logits, output.token_logits[0], atol=1e-5, rtol=1e-4)


def test_components_add_up_ahead_of_the_scale(model):
    readout = model.adapter.readout()
    one, other = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        readout.direct(one + other), readout.direct(one) + readout.direct(other), atol=1e-5, rtol=1e-5
    )
