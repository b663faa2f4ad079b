"""VMASK once a token type: the same activations, and not where a hook changes what VMASK reads."""

from __future__ import annotations

import pytest
import torch

from safr_lens.activations import stream_activations
from safr_lens.models.vmask import TypeLogOdds

NAMES = ("hook_mask", "hook_embed", "blocks.0.mlp.hook_post")


def test_log_odds_of_types_are_those_of_vmask(make_model, texts):
    model = make_model()
    tokens, _ = model.to_tokens(list(texts))
    expected = model.vmask(model.backbone.embed(tokens))
    torch.testing.assert_close(TypeLogOdds(model.vmask, model.backbone.W_E)(tokens), expected, atol=1e-6, rtol=1e-5)


def test_each_type_is_computed_once(make_model, texts):
    model = make_model()
    tokens, _ = model.to_tokens(list(texts))
    rows = []
    model.vmask.register_forward_hook(lambda module, inputs, output: rows.append(len(inputs[0])))
    odds = TypeLogOdds(model.vmask, model.backbone.W_E)
    for _ in range(3):
        odds(tokens)
    assert rows == [len(tokens.unique())]


def test_the_stream_asks_vmask_once_a_type(make_model, texts):
    model = make_model()
    rows = []
    model.vmask.register_forward_hook(lambda module, inputs, output: rows.append(inputs[0].shape[:-1].numel()))
    n_tokens = sum(len(batch.tokens) for batch in stream_activations(model, texts * 4, "hook_mask", max_positions=20))
    padding = {model.tokenizer.pad_id}
    types = {token for text in texts for token in model.to_tokens(text)[0][0].tolist()}
    assert len(types) <= sum(rows) <= len(types | padding) < n_tokens


@pytest.mark.parametrize("name", NAMES)
def test_activations_are_the_same_as_without(make_model, texts, name):
    model = make_model()
    for batch in stream_activations(model, texts, name):
        for text in batch.texts():
            expected = model(texts[text.example], capture=[name]).activations[name][0]
            torch.testing.assert_close(text.activations[name], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("where", ["hook_ungated_embed", "embed"])
def test_a_hook_on_the_embedding_is_heard_by_vmask(make_model, texts, where):
    model = make_model()

    def change(embed):
        return embed * torch.linspace(-2, 2, embed.shape[1]).view(1, -1, 1)

    if where == "embed":
        handle = model.backbone.embed.register_forward_hook(lambda module, inputs, output: change(output))
        (batch,) = stream_activations(model, texts[:1], "hook_mask")
        expected = model(texts[0]).importance[0]
        handle.remove()
    else:
        with model.hooks(fwd_hooks=[(where, lambda embed, hook: change(embed))]):
            (batch,) = stream_activations(model, texts[:1], "hook_mask")
            expected = model(texts[0]).importance[0]
    torch.testing.assert_close(batch.activations["hook_mask"], expected.detach())
    assert not torch.allclose(batch.activations["hook_mask"], model(texts[0]).importance[0].detach())
