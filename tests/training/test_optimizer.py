"""Learning rates: groups of their own, warm-up and decay."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from safr_lens import SafrPenalty, TrainConfig, train
from safr_lens.errors import ConfigError
from safr_lens.training.optimizer import make_optimizer, set_learning_rates
from tests.backbones import toy_encoder  # noqa: F401  (registers a head)
from tests.training.corpus import sentiment_data, tiny_classifier

CONFIG = TrainConfig(epochs=4, learning_rate=0.01, backbone_learning_rate=0.001, warmup=0.25, weight_decay=0.0)
NONE = SafrPenalty(site="none", information_weight=0.0)


def head(**sizes):
    return tiny_classifier(backbone="toy_head", encoder={"kind": "toy"}, **{"d_vmask": 0, "freeze": "none", **sizes})


def test_the_encoder_has_a_learning_rate_of_its_own_and_each_weight_is_there_once():
    model = head(freeze=1)
    optimizer = make_optimizer(model, CONFIG)
    assert isinstance(optimizer, torch.optim.AdamW)
    new, pretrained = optimizer.param_groups
    assert {id(w) for w in new["params"]} == {id(w) for w in model.backbone.head.parameters()}
    assert {id(w) for w in pretrained["params"]} == {id(w) for w in model.backbone.encoder.layers[1].parameters()}
    assert (new["lr"], pretrained["lr"]) == (0.01, 0.001)


def test_a_small_classifier_has_one_group_of_adam():
    model = tiny_classifier()
    optimizer = make_optimizer(model, TrainConfig())
    assert type(optimizer) is torch.optim.Adam
    assert [id(w) for w in optimizer.param_groups[0]["params"]] == [id(w) for w in model.parameters()]


@pytest.mark.parametrize(("epoch", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (2.5, 0.5), (4.0, 0.0)])
def test_learning_rates_rise_and_fall(epoch, share):
    optimizer = make_optimizer(head(), CONFIG)
    set_learning_rates(optimizer, CONFIG, epoch=epoch)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01 * share, 0.001 * share])


def test_without_a_warm_up_they_stay():
    config = dataclasses.replace(CONFIG, warmup=None)
    optimizer = make_optimizer(head(), config)
    set_learning_rates(optimizer, config, epoch=3.0)
    assert [group["lr"] for group in optimizer.param_groups] == [0.01, 0.001]


def test_one_step_a_batch_moves_weights_by_its_own_learning_rate():
    """The first step of AdamW moves each weight by its learning rate, whatever the gradient's size, and by decay."""
    config = TrainConfig(epochs=1, batch_size=72, learning_rate=0.01, backbone_learning_rate=0.001, weight_decay=0.1)
    model, start = head(dropout=0.0), head(dropout=0.0)
    train(model, sentiment_data(), config, penalty=NONE, progress=False)
    for weight, before, rate in (
        (model.adapter.w_out(0), start.adapter.w_out(0), 0.01),
        (model.backbone.encoder.layers[0].value.weight, start.backbone.encoder.layers[0].value.weight, 0.001),
    ):
        moved = (weight - before * (1 - rate * 0.1)).abs()
        assert moved.median().item() == pytest.approx(rate, rel=1e-2)


def test_a_resumed_fine_tuning_ends_as_the_uninterrupted_one(tmp_path):
    config = dataclasses.replace(CONFIG, average_weights=False)
    whole = train(head(), sentiment_data(), config, penalty=NONE, progress=False)
    epochs: list[int] = []

    def stop(self, *args, _keep=train.__globals__["RunFolder"].keep, **kwargs):
        _keep(self, *args, **kwargs)
        epochs.append(1)
        if len(epochs) == 2:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("safr_lens.training.loop.RunFolder.keep", stop)
        with pytest.raises(KeyboardInterrupt):
            train(head(), sentiment_data(), config, penalty=NONE, out=tmp_path / "run", progress=False)
    resumed = train(head(), sentiment_data(), config, penalty=NONE, out=tmp_path / "run", resume=True, progress=False)
    for name, tensor in resumed.model.state_dict().items():
        assert torch.equal(tensor, whole.model.state_dict()[name])


def test_a_stream_has_no_last_step_to_fall_to():
    data = sentiment_data()
    streamed = dataclasses.replace(data, splits={name: split.to_iterable_dataset() for name, split in data.items()})
    with pytest.raises(ConfigError, match="warmup needs data whose number of texts is known"):
        train(head(), streamed, CONFIG, penalty=NONE, progress=False)


def test_a_frozen_embedding_cannot_be_penalised():
    with pytest.raises(ConfigError, match='site="embedding" would change the token embedding'):
        train(head(freeze="all"), sentiment_data(), penalty=SafrPenalty.preset("release"), progress=False)


@pytest.mark.parametrize("wrong", [{"warmup": 1.0}, {"backbone_learning_rate": 0.0}, {"weight_decay": -1.0}])
def test_settings_out_of_range_are_an_error(wrong):
    with pytest.raises(ConfigError, match=f"{next(iter(wrong))} must be a number"):
        TrainConfig(**wrong)


@pytest.mark.parametrize("freeze", ["none", 1])
def test_checkpointed_blocks_train_to_the_same_weights(freeze):
    weights = []
    for again in (False, True):
        model = head(freeze=freeze, dropout=0.0)
        config = TrainConfig(epochs=2, learning_rate=0.01, gradient_checkpointing=again)
        train(model, sentiment_data(), config, penalty=NONE, progress=False)
        weights.append(model.state_dict())
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, atol=1e-6, rtol=1e-5)


def test_checkpointing_without_a_trained_encoder_is_refused_and_the_advice_works(tmp_path):
    config = TrainConfig(epochs=1, gradient_checkpointing=True)
    for model in (tiny_classifier(), head(freeze="all")):
        with pytest.raises(ConfigError, match=r'pretrained encoder that is trained.*Leave it out.*freeze="none"'):
            train(model, sentiment_data(), config, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
    assert train(head(freeze="none"), sentiment_data(), config, penalty=NONE, progress=False).history
    with pytest.raises(ConfigError, match="gradient_checkpointing must be true or false"):
        TrainConfig(gradient_checkpointing="yes")
