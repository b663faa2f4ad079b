"""VMASK: its gate, and its log-odds once a token type, and not where a hook changes what it reads."""

from __future__ import annotations

import pytest
import torch

from safr_lens.activations import stream_activations
from safr_lens.models.vmask import TYPE_BLOCK, TypeLogOdds, VMask, log_odds_by_word, sample_gate

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
    assert rows == [model.tokenizer.d_vocab]


def test_only_blocks_of_types_that_occur_are_computed():
    vmask, embedding = VMask(d_model=4, d_vmask=8), torch.randn(5 * TYPE_BLOCK + 3, 4)
    rows = []
    vmask.register_forward_hook(lambda module, inputs, output: rows.append(len(inputs[0])))
    odds = TypeLogOdds(vmask, embedding)
    for tokens in ([0, 2, TYPE_BLOCK - 1], [1, 5 * TYPE_BLOCK + 1], [1, 2]):
        odds(torch.tensor([tokens]))
    assert rows == [TYPE_BLOCK, 3]


def test_the_log_odds_of_a_type_do_not_depend_on_what_was_read_before():
    torch.manual_seed(0)
    vmask, embedding = VMask(d_model=256, d_vmask=64), torch.randn(500, 256)
    alone = [TypeLogOdds(vmask, embedding)(torch.tensor([[token]])) for token in range(500)]
    later = TypeLogOdds(vmask, embedding)
    later(torch.arange(0, 500, 7).unsqueeze(0))
    assert torch.equal(later(torch.arange(500).unsqueeze(0)), torch.cat(alone, 1))


def test_the_stream_asks_vmask_once_a_type(make_model, texts):
    model = make_model()
    rows = []
    model.vmask.register_forward_hook(lambda module, inputs, output: rows.append(inputs[0].shape[:-1].numel()))
    n_tokens = sum(len(batch.tokens) for batch in stream_activations(model, texts * 4, "hook_mask", max_positions=20))
    assert sum(rows) == model.tokenizer.d_vocab < n_tokens


@pytest.mark.parametrize("name", NAMES)
def test_activations_are_the_same_as_without(make_model, texts, name):
    model = make_model()
    for batch in stream_activations(model, texts, name):
        for text in batch.texts():
            expected = model(texts[text.example], capture=[name]).activations[name][0]
            torch.testing.assert_close(text.activations[name], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("where", ["hook_ungated_embed", "embedder"])
def test_a_hook_on_the_embedding_is_heard_by_vmask(make_model, texts, where):
    model = make_model()

    def change(embed):
        return embed * torch.linspace(-2, 2, embed.shape[1]).view(1, -1, 1)

    if where == "embedder":
        handle = model.adapter.embedder.register_forward_hook(lambda module, inputs, output: change(output))
        (batch,) = stream_activations(model, texts[:1], "hook_mask")
        expected = model(texts[0]).importance[0]
        handle.remove()
    else:
        with model.hooks(fwd_hooks=[(where, lambda embed, hook: change(embed))]):
            (batch,) = stream_activations(model, texts[:1], "hook_mask")
            expected = model(texts[0]).importance[0]
    torch.testing.assert_close(batch.activations["hook_mask"], expected.detach())
    assert not torch.allclose(batch.activations["hook_mask"], model(texts[0]).importance[0].detach())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_the_gate_is_exactly_0_or_1_in_every_precision(dtype):
    gate = sample_gate(torch.linspace(-3, 3, 500).to(dtype), generator=torch.Generator().manual_seed(0))
    assert gate.dtype == dtype
    assert set(gate.tolist()) == {0.0, 1.0}


def test_the_gate_has_the_gradient_of_the_soft_sample():
    log_odds = torch.linspace(-3, 3, 40).view(2, 20).requires_grad_()
    gate = sample_gate(log_odds, generator=torch.Generator().manual_seed(5))
    uniform = torch.rand(2, 20, generator=torch.Generator().manual_seed(5))
    soft = torch.sigmoid(log_odds + torch.log(uniform) - torch.log(1 - uniform))
    torch.testing.assert_close(gate, (soft > 0.5).float())
    slope = torch.randn(2, 20, generator=torch.Generator().manual_seed(6))
    found, expected = (torch.autograd.grad((slope * x).sum(), log_odds)[0] for x in (gate, soft))
    torch.testing.assert_close(found, expected)


def test_autocast_flips_no_gate(make_model, texts):
    model, drawn = make_model().train(), []
    for lower in (False, True):
        torch.manual_seed(0)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=lower):
            output = model([*texts] * 50, capture=["hook_mask"])
        drawn.append((output.activations["hook_mask"], output.importance))
    assert all(torch.equal(one, other) and other.dtype == torch.float32 for one, other in zip(*drawn, strict=True))


def test_each_distinct_token_of_a_batch_is_computed_once_with_the_gradient_of_all():
    generator = torch.Generator().manual_seed(0)
    vmask, tokens = VMask(d_model=4, d_vmask=8), torch.randint(5, (3, 6), generator=generator)
    weights, found = torch.randn(3, 6, generator=generator), []
    for compute in (lambda embed: log_odds_by_word(vmask, embed, tokens), vmask):
        matrix = torch.randn(5, 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
        vmask.zero_grad()
        odds = compute(matrix[tokens])
        (odds * weights).sum().backward()
        found.append([odds, matrix.grad, *(weight.grad.clone() for weight in vmask.parameters())])
    torch.testing.assert_close(*found)


def test_in_training_each_token_is_computed_where_a_hook_looks_at_what_vmask_reads(make_model, texts):
    model = make_model().train()
    tokens, mask = model.to_tokens(list(texts))
    rows = []
    with model.hooks(bwd_hooks=[("hook_ungated_embed", lambda value, hook: rows.append(value.shape[:2]))]):
        model(tokens, mask).logits.sum().backward()
    assert rows == [tokens.shape]
    by_text = torch.arange(len(tokens)).view(-1, 1, 1)
    with model.hooks(fwd_hooks=[("hook_ungated_embed", lambda value, hook: value + by_text)]):
        output = model(tokens, mask, capture=["hook_ungated_embed"])
    expected = torch.sigmoid(model.vmask(output.activations["hook_ungated_embed"])) * mask
    torch.testing.assert_close(output.importance, expected)
