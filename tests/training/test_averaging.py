"""The mean of a training's weights: its formula, and that it is what is validated, kept, written and resumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from safr_lens import HookedClassifier, SafrPenalty, TrainConfig, evaluate, train
from safr_lens.errors import CheckpointError, ConfigError
from safr_lens.training import loop
from safr_lens.training.averaging import WeightAverage
from tests.training.corpus import sentiment_data, tiny_classifier

DATA = sentiment_data(n_train=40, n_other=16)
STEPS = 5  # batches of 8
SETTINGS = {"batch_size": 8, "learning_rate": 1e-2, "epochs": 2}


def fit(out=None, resume=False, **settings):
    config = TrainConfig(**{**SETTINGS, **settings})
    penalty = SafrPenalty(importance_weight=0.3, interaction_weight=0.1, information_weight=0.1)
    return train(tiny_classifier(), DATA, config, penalty=penalty, out=out, resume=resume, progress=False)


def by_the_sum(steps: list[torch.Tensor]) -> torch.Tensor:
    total = torch.zeros_like(steps[0], dtype=torch.float64)
    for weights in steps:
        total += weights.double()
    return total / len(steps)


@pytest.fixture
def linear() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def moved(model: nn.Linear, n_steps: int) -> Iterator[torch.Tensor]:
    """Let the weights walk at random and yield them after each step."""
    for _ in range(n_steps):
        with torch.no_grad():
            model.weight += torch.randn_like(model.weight)
        yield model.weight.detach().clone()


@pytest.mark.parametrize("n_steps", [1, 2, 7, 400])
def test_equals_the_sum_over_steps_by_their_number(linear, n_steps):
    average, seen = WeightAverage(linear), []
    for weights in moved(linear, n_steps):
        seen.append(weights)
        average.update()
    with average.applied():
        torch.testing.assert_close(linear.weight, by_the_sum(seen).float(), rtol=1e-5, atol=1e-5)


def test_weights_that_do_not_move_are_their_own_mean(linear):
    average, before = WeightAverage(linear), linear.weight.detach().clone()
    for _ in range(50):
        average.update()
    with average.applied():
        torch.testing.assert_close(linear.weight, before)


def test_where_it_started_does_not_matter(linear):
    average = WeightAverage(linear)
    with torch.no_grad():
        linear.weight.fill_(5.0)
    average.update()
    with average.applied():
        assert torch.equal(linear.weight, torch.full_like(linear.weight, 5.0))


def test_the_models_own_weights_come_back_even_after_an_error(linear):
    average = WeightAverage(linear)
    for _ in moved(linear, 3):
        average.update()
    own = linear.weight.detach().clone()
    with pytest.raises(KeyboardInterrupt), average.applied():
        assert not torch.equal(linear.weight, own)
        raise KeyboardInterrupt
    assert torch.equal(linear.weight, own)


def test_going_on_from_a_state_is_the_same_to_the_last_bit(linear):
    whole, resumed = WeightAverage(linear), WeightAverage(linear)
    for _ in moved(linear, 4):
        whole.update()
    resumed.load_state_dict({name: value.clone() for name, value in whole.state_dict().items()})
    for _ in moved(linear, 5):
        whole.update()
        resumed.update()
    assert whole.state_dict()["steps"] == 9
    assert all(torch.equal(value, resumed.state_dict()[name]) for name, value in whole.state_dict().items())


@pytest.mark.parametrize("lost", ["steps", "weight"])
def test_a_state_that_lacks_something_is_an_error(linear, lost):
    state = WeightAverage(linear).state_dict()
    del state[lost]
    with pytest.raises(ValueError, match=lost):
        WeightAverage(linear).load_state_dict(state)


def steps_of(**settings):
    """Train, and return the result with the first parameter after each step of the optimizer."""
    seen: list[torch.Tensor] = []

    def note(optimizer, args, kwargs):
        seen.append(optimizer.param_groups[0]["params"][0].detach().clone())

    handle = register_optimizer_step_post_hook(note)
    try:
        return fit(**settings), seen
    finally:
        handle.remove()


def test_the_kept_weights_are_the_mean_of_the_steps_until_the_best_epoch():
    result, seen = steps_of(epochs=3)
    kept = next(result.model.parameters())
    until = STEPS * result.metrics["best_epoch"]
    torch.testing.assert_close(kept, by_the_sum(seen[:until]).float(), rtol=1e-5, atol=1e-6)
    assert (kept - seen[until - 1]).abs().max() > 1e-4


def test_without_it_the_kept_weights_are_those_of_the_last_step():
    result, seen = steps_of(average_weights=False)
    assert torch.equal(next(result.model.parameters()), seen[STEPS * result.metrics["best_epoch"] - 1])


def test_the_optimizer_goes_on_from_its_own_weights():
    terms = [[record.terms for record in fit(average_weights=on, epochs=3).history] for on in (True, False)]
    assert terms[0] == terms[1]


def test_what_is_validated_is_the_mean():
    result = fit()
    best = result.history[result.metrics["best_epoch"] - 1]
    assert evaluate(result.model, DATA["validation"]).loss == best.validation_loss
    assert best.validation_loss != fit(average_weights=False).history[best.epoch - 1].validation_loss


def test_accumulated_batches_count_as_the_step_that_they_make():
    result, seen = steps_of(gradient_accumulation_steps=2, epochs=1)
    assert len(seen) == 3
    torch.testing.assert_close(next(result.model.parameters()), by_the_sum(seen).float(), rtol=1e-5, atol=1e-6)


def unfinished(monkeypatch, out):
    """Leave a training as it is when it was stopped after two epochs."""
    with monkeypatch.context() as patch:
        patch.setattr(loop.RunFolder, "finish", lambda *args: None)
        fit(out=out)


def test_an_unfinished_folder_holds_the_mean(monkeypatch, tmp_path):
    unfinished(monkeypatch, tmp_path)
    written = HookedClassifier.from_pretrained(tmp_path)
    assert torch.equal(next(written.parameters()), next(fit().model.parameters()))


def test_a_resumed_training_goes_on_with_the_mean(monkeypatch, tmp_path):
    unfinished(monkeypatch, tmp_path)
    resumed, whole = fit(out=tmp_path, resume=True, epochs=4), fit(epochs=4)
    timeless = [
        [{**dataclasses.asdict(record), "seconds": None} for record in result.history] for result in (resumed, whole)
    ]
    assert timeless[0] == timeless[1]
    assert torch.equal(next(resumed.model.parameters()), next(whole.model.parameters()))


def test_a_state_without_the_mean_is_damaged(monkeypatch, tmp_path):
    unfinished(monkeypatch, tmp_path)
    [path] = (tmp_path / "resume").glob("*.safetensors")
    save_file({name: value for name, value in load_file(path).items() if not name.startswith("average/")}, path)
    with pytest.raises(CheckpointError, match=r"resume is damaged.*Remove it"):
        fit(out=tmp_path, resume=True, epochs=4)


def test_a_training_with_the_mean_is_another_one_than_without(monkeypatch, tmp_path):
    unfinished(monkeypatch, tmp_path)
    with pytest.raises(CheckpointError, match="average_weights was True, now False"):
        fit(out=tmp_path, resume=True, average_weights=False)


@pytest.mark.parametrize("value", ["yes", 1, None])
def test_anything_but_true_or_false_is_an_error(value):
    with pytest.raises(ConfigError, match="average_weights must be true or false"):
        TrainConfig(average_weights=value)
