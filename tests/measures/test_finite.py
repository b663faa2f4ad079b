"""What meets NaN says so instead of giving a number, and a training names the term and the batch that it came from."""

from __future__ import annotations

import pytest
import torch

from safr_lens import SafrPenalty, TrainConfig, analyze, evaluate, train
from safr_lens.errors import NotFiniteError, TrainingError
from safr_lens.measures.statistics import collect_statistics
from safr_lens.penalty import Term, register_term, unregister_term
from tests.training.corpus import sentiment_data, tiny_classifier

DATA = sentiment_data(n_train=32, n_other=8)


def with_bad(model, name, value):
    dict(model.named_parameters())[name].data.view(-1)[0] = value
    return model


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_not_scored(value):
    model = tiny_classifier()
    model.adapter.embedding.data[:] = value
    with pytest.raises(NotFiniteError, match="the loss of texts are NaN or infinite"):
        evaluate(model, DATA["test"])
    with pytest.raises(NotFiniteError):
        analyze(model, DATA["test"], at_init=False, faithfulness_texts=0)


def test_a_neuron_that_is_no_number_is_named_by_its_hook_point():
    model = tiny_classifier()

    def spoil(value, hook):
        return value.index_fill(-1, torch.tensor([3]), float("nan"))

    name = model.adapter.readable_neurons(0)
    with model.hooks(fwd_hooks=[(name, spoil)]), pytest.raises(NotFiniteError, match=r"hook_post"):
        collect_statistics(model, DATA["test"])


class Spoiled(Term):
    """A term that is no number in the third batch."""

    name, sentence, needs = "spoiled", "Nothing.", ("neurons",)
    calls = 0

    def value(self, inputs):
        type(self).calls += 1
        return inputs.neurons.mean() * (float("nan") if self.calls >= 7 else 0.0)


def test_a_training_names_the_term_and_the_batch_and_keeps_the_last_checkpoint(tmp_path):
    register_term(Spoiled)
    try:
        penalty = SafrPenalty(site="none", spoiled_weight=1.0)
        config = TrainConfig(epochs=3, batch_size=8)
        with pytest.raises(TrainingError, match=r"loss became nan in epoch 2, batch 3 \(spoiled is nan\)"):
            train(tiny_classifier(), DATA, config, penalty=penalty, out=tmp_path / "run", progress=False)
    finally:
        unregister_term(Spoiled)
    kept = type(tiny_classifier()).from_pretrained(tmp_path / "run")
    assert 0 <= evaluate(kept, DATA["test"]).accuracy <= 1
