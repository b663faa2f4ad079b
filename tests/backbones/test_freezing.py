"""Which weights of an encoder are trained."""

from __future__ import annotations

import pytest

from safr_lens.backbones.freezing import freeze_encoder, left_alone
from safr_lens.errors import ConfigError
from tests.backbones.toy_encoder import ToyEncoder


@pytest.mark.parametrize(
    ("freeze", "trained"),
    [
        ("all", set()),
        ("none", {"lookup", "layers.0", "layers.1"}),
        (0, {"layers.0", "layers.1"}),
        (1, {"layers.1"}),
        (2, set()),
    ],
)
def test_the_weights_that_are_trained(freeze, trained):
    encoder = ToyEncoder(16, 30)
    freeze_encoder(encoder, freeze)
    names = [name for name, parameter in encoder.module.named_parameters() if parameter.requires_grad]
    assert {name.rsplit(".", 2 if "layers" in name else 1)[0] for name in names} == trained


@pytest.mark.parametrize("freeze", ["most", -1, 1.5, True, None])
def test_anything_else_is_an_error(freeze):
    with pytest.raises(ConfigError, match="freeze must be"):
        freeze_encoder(ToyEncoder(16, 30), freeze)


def test_more_blocks_than_there_are_is_an_error():
    with pytest.raises(ConfigError, match="freeze is 3, but the encoder has 2 blocks"):
        freeze_encoder(ToyEncoder(16, 30), 3)


def test_what_is_left_alone_is_trained_again_afterwards():
    encoder = ToyEncoder(16, 30)
    freeze_encoder(encoder, 1)
    trained = [parameter.requires_grad for parameter in encoder.module.parameters()]
    encoder.module.train()
    with pytest.raises(KeyboardInterrupt), left_alone(encoder):
        assert not any(parameter.requires_grad for parameter in encoder.module.parameters())
        assert not any(module.training for module in encoder.module.modules())
        raise KeyboardInterrupt
    assert [parameter.requires_grad for parameter in encoder.module.parameters()] == trained and any(trained)
