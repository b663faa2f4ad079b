"""Effects of single neurons, against runs with hooks that are set by hand."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from safr_lens.activations.stream import text_batches
from safr_lens.errors import ConfigError, DataError
from safr_lens.measures import evaluate
from safr_lens.neurons import ablate, ablation_effects
from tests.neurons.planted import DEAD, MONOSEMANTIC, POLYSEMANTIC, WORD, WORDS, planted_model


@pytest.fixture
def rows(texts):
    return [{"text": text, "label": i % 2} for i, text in enumerate(texts)]


def one_by_one(model, rows, layer=None, neuron=None, value=0.0):
    """Logits of each text by itself, with one neuron set to a value by TransformerLens's own hooks."""

    def put(activations, hook):
        activations = activations.clone()
        activations[..., neuron] = value
        return activations

    hooks = [] if neuron is None else [(f"blocks.{layer}.mlp.hook_post", put)]
    with torch.no_grad(), model.hooks(fwd_hooks=hooks):
        return torch.cat([model(row["text"]).logits for row in rows]).double()


def expected_row(model, rows, layer, neuron, value):
    labels = torch.tensor([row["label"] for row in rows])
    intact, ablated = one_by_one(model, rows), one_by_one(model, rows, layer, neuron, value)
    loss = F.cross_entropy(ablated, labels) - F.cross_entropy(intact, labels)
    right = [(logits.argmax(1) == labels).double().mean() for logits in (intact, ablated)]
    return [loss.item(), (right[0] - right[1]).item(), *(ablated - intact).mean(0).tolist()]


@pytest.mark.parametrize("layer", [0, -1])
@pytest.mark.parametrize("mode", ["zero", "mean"])
def test_effects_equal_runs_with_manual_hooks(model, rows, layer, mode):
    number = layer % model.config.n_layers
    neurons = [7, 0, 31]
    name = f"blocks.{number}.mlp.hook_post"
    with torch.no_grad():
        seen = torch.cat([model(row["text"], capture=[name]).activations[name][0] for row in rows])
    table = ablation_effects(model, rows, neurons, mode=mode, layer=layer)
    assert table.columns.tolist() == ["neuron", "loss_gained", "accuracy_lost", "logit_negative", "logit_positive"]
    assert table["neuron"].tolist() == neurons
    for row in table.itertuples(index=False):
        value = 0.0 if mode == "zero" else seen[:, row.neuron].mean()
        expected = expected_row(model, rows, number, row.neuron, value)
        assert list(row)[1:] == pytest.approx(expected, abs=1e-5)
    assert table["loss_gained"].abs().max() > 1e-4


def test_effects_equal_evaluate_inside_ablate(make_model, rows, texts):
    model = make_model(n_layers=2)
    intact = evaluate(model, rows)
    for arguments in ({}, {"mode": "mean"}):
        table = ablation_effects(model, rows, 3, layer=0, reference=texts[:2], **arguments)
        with ablate(model, 3, layer=0, data=texts[:2], **arguments):
            ablated = evaluate(model, rows)
        assert table["loss_gained"].item() == pytest.approx(ablated.loss - intact.loss, abs=1e-5)
        assert table["accuracy_lost"].item() == pytest.approx(intact.accuracy - ablated.accuracy)


def test_the_reference_is_the_data_unless_named(make_model, rows, texts):
    model = make_model()
    own = ablation_effects(model, rows, range(4), mode="mean")
    assert own.equals(ablation_effects(model, rows, range(4), mode="mean", reference=texts))
    other = ablation_effects(model, rows, range(4), mode="mean", reference=texts[:1])
    assert not own["loss_gained"].equals(other["loss_gained"])


def test_resample_draws_the_same_tokens_for_all_neurons(make_model, rows):
    model = make_model()
    together = ablation_effects(model, rows, [5, 2], mode="resample", seed=4)
    alone = ablation_effects(model, rows, 2, mode="resample", seed=4)
    assert together.iloc[1].tolist() == alone.iloc[0].tolist()
    batch = next(text_batches(model, rows))
    with torch.no_grad():
        intact = model(batch.tokens, batch.mask).logits
        with ablate(model, 2, mode="resample", data=rows, seed=4):
            changed = (model(batch.tokens, batch.mask).logits - intact).mean(0)
    assert alone[["logit_negative", "logit_positive"]].iloc[0].tolist() == pytest.approx(changed.tolist(), abs=1e-6)
    other = ablation_effects(model, rows, 2, mode="resample", seed=5)
    assert other["loss_gained"].item() != alone["loss_gained"].item()


def test_data_that_can_be_read_once_is_enough(make_model, rows):
    model = make_model()
    once = ablation_effects(model, iter(rows), [1, 2], mode="mean")
    assert once.equals(ablation_effects(model, rows, [1, 2], mode="mean"))


def test_planted_neurons_have_the_effects_they_must_have(hooks_left):
    model, texts = planted_model(80)
    rows = [{"text": text, "label": int(WORD in text.split())} for text in texts if not set(WORDS) & set(text.split())]
    table = ablation_effects(model, rows, range(4)).set_index("neuron")
    effects = table.drop(columns="accuracy_lost")
    assert effects.loc[DEAD].tolist() == [0.0] * 3 and effects.loc[POLYSEMANTIC].tolist() == [0.0] * 3
    assert table.loc[MONOSEMANTIC, "loss_gained"] > 0 > table.loc[MONOSEMANTIC, "logit_positive"]
    # no other neuron tells the word, so all its texts are lost
    assert table["accuracy_lost"].tolist() == pytest.approx([sum(row["label"] for row in rows) / len(rows), 0, 0, 0])
    assert not hooks_left(model)


def test_bad_input(make_model, rows, texts):
    model = make_model()
    with pytest.raises(ConfigError, match="mode must be one of zero, mean, resample"):
        ablation_effects(model, rows, 0, mode="median")
    with pytest.raises(ConfigError, match="no neuron 40"):
        ablation_effects(model, rows, 40)
    with pytest.raises(ConfigError, match="no layer -2"):
        ablation_effects(model, rows, 0, layer=-2)
    with pytest.raises(DataError, match=r"label -1, but the model knows 2 classes.*-1 stands for none"):
        ablation_effects(model, texts, 0)
    with pytest.raises(DataError, match="label 2, but the model knows 2 classes"):
        ablation_effects(model, [*rows, {"text": "boring", "label": 2}], 0)
    with pytest.raises(DataError, match="holds no texts"):
        ablation_effects(model, [], 0)


class Stream:
    """Rows that can be read again, of unknown number."""

    def __init__(self, read):
        self.read = read

    def __iter__(self):
        return self.read()


def test_a_stream_is_read_once_and_gives_the_same(make_model, texts):
    split = [{"text": text, "label": i % 2} for i, text in enumerate(texts)]
    model, passes = make_model(), []

    def read():
        passes.append(1)
        yield from split

    streamed = ablation_effects(model, Stream(read), [0, 5], mode="mean")
    assert len(passes) == 1
    pd.testing.assert_frame_equal(streamed, ablation_effects(model, split, [0, 5], mode="mean"))
    pd.testing.assert_frame_equal(streamed, ablation_effects(model, iter(split), [0, 5], mode="mean"))
