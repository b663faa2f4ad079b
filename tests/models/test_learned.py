"""The state of a training leaves frozen weights out."""

from __future__ import annotations

import pytest
import torch

from safr_lens.models.learned import learned_state, load_learned
from tests.backbones import toy_encoder  # noqa: F401  (registers a head)


def test_it_is_the_whole_state_where_nothing_is_frozen(make_model):
    model = make_model()
    assert learned_state(model).keys() == model.state_dict().keys()


def test_frozen_weights_stay_as_they_are(make_model):
    one, other = (make_model(backbone="toy_head", freeze="all", seed=seed) for seed in (0, 1))
    encoder = {name: tensor.clone() for name, tensor in other.backbone.encoder.state_dict().items()}
    load_learned(other, learned_state(one))
    assert torch.equal(one.backbone.head.mlp.W_in, other.backbone.head.mlp.W_in)
    assert all(torch.equal(tensor, encoder[name]) for name, tensor in other.backbone.encoder.state_dict().items())


def test_another_state_is_refused(make_model):
    model = make_model(backbone="toy_head", freeze="all")
    with pytest.raises(RuntimeError, match=r"do not share .*backbone\.encoder\.lookup"):
        load_learned(model, model.state_dict())
