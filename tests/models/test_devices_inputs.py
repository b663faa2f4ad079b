"""Where a classifier is, what it is made of, and inputs given as tensors."""

from __future__ import annotations

import pytest
import torch

from safr_lens.errors import HookError, TextError


def test_a_classifier_of_lower_precision_runs(model):
    low = model.to(torch.bfloat16)
    logits = low("a gripping , funny film").logits
    assert logits.dtype == torch.bfloat16
    assert low.cfg.dtype == torch.bfloat16
    assert torch.isfinite(logits).all()


def test_the_backbones_cfg_follows_every_kind_of_move(model):
    model.to_empty(device="meta")
    assert model.cfg.device == "meta"


def test_an_integer_mask_is_as_good_as_a_bool_mask(model):
    tokens, mask = model.to_tokens(["a dull film", "boring"])
    assert torch.equal(model(tokens, mask.long()).logits, model(tokens, mask).logits)


def test_token_ids_beyond_the_context_are_an_error(model):
    with pytest.raises(TextError, match="33 positions; the model reads at most 32"):
        model(torch.ones(1, 33, dtype=torch.long))


@pytest.mark.parametrize("option", [{"incl_bwd": True}, {"pos_slice": 1}])
def test_what_cannot_be_cached_is_an_error_that_says_why(model, option):
    with pytest.raises(HookError, match=next(iter(option))):
        model.run_with_cache("a dull film", **option)
