"""Training of models that keep their largest neurons alone: k from dense to its value, and the threshold of a batch."""

from __future__ import annotations

import pytest
import torch

from safr_lens import SafrPenalty, TrainConfig, evaluate, train
from safr_lens.data.batching import batches
from safr_lens.errors import ConfigError
from safr_lens.models.top_k import largest_of_batch
from safr_lens.training import run_folder
from safr_lens.training.top_k import annealed, estimate_thresholds, step_k
from tests.training.corpus import sentiment_data, tiny_classifier

DATA = sentiment_data(n_train=40, n_other=16)
NEURONS, BEFORE = "blocks.0.mlp.hook_post", "blocks.0.mlp.hook_pre"


def fit(model, *, out=None, resume=False, **config):
    settings = TrainConfig(**{"batch_size": 8, "learning_rate": 1e-2, "epochs": 4, "patience": 4, **config})
    penalty = SafrPenalty(site="none", information_weight=0.1)
    return train(model, DATA, settings, penalty=penalty, out=out, resume=resume, progress=False)


def read_batches():
    model = tiny_classifier()
    return list(batches(DATA["train"], model.tokenizer, n_ctx=16, batch_size=8))


def test_k_falls_from_all_neurons_to_its_value_and_stays_there():
    values = [annealed(8, 512, epochs=2.0, epoch=epoch) for epoch in (0, 0.5, 1.0, 1.5, 2.0, 7.0)]
    assert values[0] == 512 and values[2] == 64 and values[4:] == [8, 8] and values == sorted(values, reverse=True)
    assert annealed(8, 512, epochs=0.0, epoch=0.0) == 8


def test_a_step_knows_k_from_the_settings():
    model = tiny_classifier(act_fn="topk", k=4)
    assert step_k(model, TrainConfig(k_epochs=3.0), epoch=1.0) == 16
    assert step_k(model, TrainConfig(), epoch=0.0) == 4
    assert step_k(tiny_classifier(), TrainConfig(), epoch=0.0) is None


@pytest.mark.parametrize("act_fn", ["topk", "batch_topk"])
def test_a_trained_model_keeps_k_and_learns(act_fn):
    model = tiny_classifier(act_fn=act_fn, k=4)
    before = evaluate(model, DATA["train"]).loss
    result = fit(model, k_epochs=1.0)
    assert evaluate(result.model, DATA["train"]).loss < before
    output = result.model(DATA["test"]["text"], capture=[NEURONS])
    kept = (output.activations[NEURONS][output.mask] > 0).sum(-1)
    if act_fn == "topk":
        assert kept.max() == 4
    else:
        assert 2 < kept.float().mean() < 6 and result.model.top_k.thresholds[0] > 0


def test_the_best_epoch_is_chosen_after_k_has_settled():
    assert fit(tiny_classifier(act_fn="topk", k=2), k_epochs=2.5).metrics["best_epoch"] == 4


@pytest.mark.parametrize("act_fn", ["topk", "batch_topk"])
def test_a_training_resumed_while_k_falls_ends_as_the_uninterrupted_one(monkeypatch, tmp_path, act_fn):
    options = {"act_fn": act_fn, "k": 3}
    whole = fit(tiny_classifier(**options), k_epochs=3.0)
    keep, kept = run_folder.RunFolder.keep, []

    def interrupted(folder, *args):
        keep(folder, *args)
        kept.append(1)
        if len(kept) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(run_folder.RunFolder, "keep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(tiny_classifier(**options), k_epochs=3.0, out=tmp_path / "run")
    monkeypatch.undo()
    resumed = fit(tiny_classifier(**options), k_epochs=3.0, out=tmp_path / "run", resume=True)
    expected = whole.model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in resumed.model.state_dict().items())


def test_the_threshold_is_the_mean_of_the_smallest_kept_activation_of_each_batch():
    model = tiny_classifier(act_fn="batch_topk", k=3)
    estimate_thresholds(model, read_batches())
    smallest = []
    for batch in read_batches():
        pre = model(batch.tokens, batch.mask, capture=[BEFORE]).activations[BEFORE]
        kept = largest_of_batch(pre.relu(), batch.mask, 3)
        smallest.append(min(value for value in kept.flatten().tolist() if value > 0))
    assert model.top_k.thresholds.tolist() == pytest.approx([sum(smallest) / len(smallest)])


def test_from_one_batch_the_threshold_keeps_what_that_batch_kept():
    model = tiny_classifier(act_fn="batch_topk", k=3)
    [first, *_] = read_batches()
    estimate_thresholds(model, [first])
    seen = [model(first.tokens, first.mask, capture=[NEURONS], k=k) for k in (None, 3)]
    mask = first.mask
    assert torch.equal(*(one.activations[NEURONS][mask] for one in seen))


def test_other_models_have_no_threshold():
    model = tiny_classifier(act_fn="topk", k=3)
    estimate_thresholds(model, read_batches())
    assert not list(model.top_k.buffers())


def test_epochs_of_k_without_meaning_are_an_error():
    with pytest.raises(ConfigError, match=r"k_epochs must be a number, at least 0"):
        TrainConfig(k_epochs=-1.0)
    message = r"k_epochs has no meaning with act_fn='relu'\. Leave it out, or use act_fn='topk'"
    with pytest.raises(ConfigError, match=message):
        fit(tiny_classifier(), k_epochs=1.0)
