"""Activation times gradient: exact where a model is linear in its neurons, and always a sum to the logits."""

from __future__ import annotations

import pytest
import torch

from safr_lens import HookedClassifier
from safr_lens.models.linearized import linearized
from tests.backbones.pretrained.encoders import write_small_classifier

TEXT = "A gripping , unputdownable film"


def of(model: HookedClassifier):
    return linearized(model, *model.to_tokens(TEXT), words=model.to_str_tokens(TEXT))


def test_it_is_exact_for_a_model_that_is_linear_in_its_neurons(small_bert):
    model = HookedClassifier.from_pretrained_backbone(small_bert, labels=["negative", "positive"], d_mlp=8)
    found, exact = of(model), model.decompose(TEXT)
    torch.testing.assert_close(found.neurons, exact.neurons, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(found.total(), exact.logits, atol=1e-5, rtol=0)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory) -> HookedClassifier:
    folder = write_small_classifier(tmp_path_factory.mktemp("models") / "bert", "bert", ("bad", "good"))
    return HookedClassifier.from_hf_classifier(folder)


def test_it_is_the_derivative_of_the_logits_along_each_activation(classifier):
    """By differences: what the logits change by when one neuron at one token is scaled by a little."""
    found, step = of(classifier), 1e-2
    assert found.neurons.shape == (8, 32, 2)
    for token, neuron in ((0, 3), (5, 17)):

        def scaled(value, hook, factor, token=token, neuron=neuron):
            value[0, token + 1, neuron] *= factor  # behind [CLS]
            return value

        logits = []
        for factor in (1 + step, 1 - step):
            hook = [("blocks.0.mlp.hook_post", lambda value, hook, factor=factor: scaled(value.clone(), hook, factor))]
            with torch.no_grad(), classifier.hooks(fwd_hooks=hook):
                logits.append(classifier.double()(TEXT).logits[0])
        difference = (logits[0] - logits[1]) / (2 * step)
        classifier.float()
        torch.testing.assert_close(found.neurons[token, neuron], difference.float(), atol=1e-5, rtol=1e-2)


def test_the_parts_sum_to_the_logits_and_nothing_is_left_behind(classifier, hooks_left):
    found = of(classifier)
    torch.testing.assert_close(found.total(), classifier(TEXT).logits[0], atol=1e-5, rtol=0)
    assert all(weight.grad is None for weight in classifier.parameters())
    assert not found.neurons.requires_grad and not classifier.training
