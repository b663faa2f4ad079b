"""The effect of ablating each neuron, read off one pass, equals runs with that neuron really ablated."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from safr_lens.activations import stream_activations
from safr_lens.measures.streams.ablation import AblationStream, MlpReadout, logits_without

LABELS = (1, 0, 1, 1, 0, 0)


def rows(texts):
    return [{"text": text, "label": label} for text, label in zip(texts, LABELS, strict=True)]


def streamed(model, split, *, mean=None, max_positions=2048):
    last = model.config.n_layers - 1
    h, resid = f"blocks.{last}.mlp.hook_post", f"blocks.{last}.hook_resid_post"
    stream = AblationStream(MlpReadout.of(model.adapter), mean=mean)
    for batch in stream_activations(model, split, [h, resid], max_positions=max_positions):
        stream.update(batch.activations[h], batch.activations[resid], batch.lengths, batch.labels)
    return stream.result()


def by_running(model, texts, neuron, value):
    """Change of the logits of each text when one neuron is held at a value."""
    last = model.config.n_layers - 1

    def hold(neurons, hook):
        neurons = neurons.clone()
        neurons[..., neuron] = value
        return neurons

    found = []
    for text in texts:
        with torch.no_grad():
            before = model(text).logits[0]
            after = model.run_with_hooks(text, fwd_hooks=[(f"blocks.{last}.mlp.hook_post", hold)]).logits[0]
        found.append((before, after))
    return found


def check(found, runs, neuron):
    labels = torch.tensor(LABELS)
    before, after = (torch.stack(side) for side in zip(*runs, strict=True))
    loss = F.cross_entropy(after, labels) - F.cross_entropy(before, labels)
    lost = (before.argmax(1) == labels).float().mean() - (after.argmax(1) == labels).float().mean()
    torch.testing.assert_close(found.logits[neuron], (after - before).mean(0), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.loss_gained[neuron], loss, atol=1e-5, rtol=1e-4)
    assert found.accuracy_lost[neuron].item() == pytest.approx(lost.item(), abs=1e-6)


def test_zero_ablation_of_every_neuron_equals_running_without_it(model, texts):
    found = streamed(model, rows(texts))
    for neuron in range(0, 32, 5):
        check(found, by_running(model, texts, neuron, 0.0), neuron)


def test_mean_ablation_equals_running_with_the_neuron_at_its_mean(model, texts):
    mean = torch.linspace(-0.5, 2.0, 32)
    found = streamed(model, rows(texts), mean=mean)
    for neuron in (0, 9, 31):
        check(found, by_running(model, texts, neuron, mean[neuron].item()), neuron)


def test_five_classes(make_model, texts):
    model = make_model(labels=list("abcde"))
    check(streamed(model, rows(texts)), by_running(model, texts, 3, 0.0), 3)


@pytest.mark.parametrize("max_positions", [1, 12])
def test_batches_do_not_matter(make_model, texts, max_positions):
    model = make_model()
    whole, split = streamed(model, rows(texts)), streamed(model, rows(texts), max_positions=max_positions)
    for name, value in vars(whole).items():
        torch.testing.assert_close(getattr(split, name), value, atol=1e-6, rtol=1e-5)


def test_texts_without_a_label_have_logit_changes_only(make_model, texts):
    found = streamed(make_model(), list(texts))
    assert found.loss_gained.isnan().all() and found.accuracy_lost.isnan().all()
    assert not found.logits.isnan().any()


def test_token_logits_are_those_of_the_model(model, texts):
    output = model(texts[0], capture=[f"blocks.{model.config.n_layers - 1}.hook_resid_post"])
    (resid,) = output.activations.values()
    torch.testing.assert_close(model.adapter.readout().logits(resid[0]), output.token_logits[0], atol=1e-5, rtol=1e-4)


def test_taking_nothing_away_changes_nothing(make_model):
    mlp = MlpReadout.of(make_model().adapter)
    resid = torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
    same = logits_without(mlp, resid, torch.zeros(4, 32))
    torch.testing.assert_close(same, mlp.readout.logits(resid).T.unsqueeze(2).expand_as(same), atol=1e-5, rtol=1e-5)
