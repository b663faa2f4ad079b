"""What every family of encoders keeps to; MiniLM with its real weights."""

from __future__ import annotations

import copy

import pytest
import torch
from transformers import BertModel

from safr_lens.backbones.pretrained import DECODERS, FAMILIES, HookedEncoder, load_encoder, make_encoder
from safr_lens.backbones.protocol import Encoder
from safr_lens.data.batching import pad
from tests.backbones.pretrained.encoders import MINILM, noisy, small_configs

CONFIGS = small_configs()
LENGTHS = (9, 4, 6)


@pytest.fixture(params=[*FAMILIES, *DECODERS])
def encoder(request) -> HookedEncoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = make_encoder(CONFIGS[request.param])
    noisy(made.module)
    return made


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Three texts between special tokens 2 and 3, padded with 0."""
    generator = torch.Generator().manual_seed(1)
    inner = [torch.randint(4, 40, (n - 2,), generator=generator).tolist() for n in LENGTHS]
    return pad([[2, *ids, 3] for ids in inner], pad_id=0)


def plain(encoder: HookedEncoder, tokens: torch.Tensor, mask: torch.Tensor, **options) -> torch.Tensor:
    """The same weights in an untouched model of ``transformers`` with eager attention."""
    family = encoder.family
    config = copy.deepcopy(encoder.module.config)
    config._attn_implementation = "eager"
    model = family.model_class(config, **family.without).eval()
    model.load_state_dict(encoder.module.state_dict())
    return model(input_ids=tokens, attention_mask=mask, **options)


def captured(encoder: HookedEncoder, names: list[str], tokens: torch.Tensor, mask: torch.Tensor) -> dict:
    seen = {}
    handles = [
        encoder.hook_points[name].register_forward_hook(lambda module, args, out, name=name: seen.update({name: out}))
        for name in names
    ]
    try:
        seen["run"] = encoder.run(tokens, mask)
    finally:
        for handle in handles:
            handle.remove()
    return seen


def edited(encoder: HookedEncoder, name: str, edit, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    handle = encoder.hook_points[name].register_forward_hook(lambda module, args, out: edit(out))
    try:
        return encoder.run(tokens, mask)
    finally:
        handle.remove()


def test_it_has_all_that_the_protocol_asks_for(encoder):
    assert isinstance(encoder, Encoder)
    assert (encoder.n_layers, encoder.d_model, encoder.d_mlp, encoder.n_ctx) == (2, 16, 32, 24)
    assert encoder.embedding.shape == (40, 16)
    assert encoder.module.training is False


def test_token_vectors_residuals_and_patterns_are_those_of_transformers(encoder, batch):
    tokens, mask = batch
    expected = plain(encoder, tokens, mask, output_hidden_states=True, output_attentions=True)
    names = [at(layer) for layer in range(2) for at in (encoder.residual, encoder.attention_pattern)]
    seen = captured(encoder, names, tokens, mask)
    torch.testing.assert_close(seen["run"][mask], expected.last_hidden_state[mask], atol=1e-5, rtol=0)
    torch.testing.assert_close(seen[encoder.residual(0)][mask], expected.hidden_states[1][mask], atol=1e-5, rtol=0)
    torch.testing.assert_close(seen[encoder.residual(1)][mask], expected.hidden_states[-1][mask], atol=1e-5, rtol=0)
    for layer in range(2):
        ours, theirs = seen[encoder.attention_pattern(layer)], expected.attentions[layer]
        torch.testing.assert_close(ours.transpose(1, 2)[mask], theirs.transpose(1, 2)[mask], atol=1e-5, rtol=0)


def test_every_point_is_met_and_has_its_shape(encoder, batch):
    seen = captured(encoder, list(encoder.hook_points), *batch)
    assert seen.keys() == {*encoder.hook_points, "run"}
    wide = {"hook_embed", "ln_final.hook_in", "ln_final.hook_out"}
    wide |= {f"blocks.1.hook_{part}" for part in ("resid_pre", "resid_post", "attn_out", "mlp_out")}
    wide |= set() if encoder.family.residual_mid is None else {"blocks.1.hook_resid_mid"}
    assert {name: tuple(seen[name].shape) for name in wide} == dict.fromkeys(wide, (3, 9, 16))
    assert seen["blocks.0.mlp.hook_post"].shape == (3, 9, 32)
    assert seen["blocks.1.attn.hook_pattern"].shape == seen["blocks.1.attn.hook_attn_scores"].shape == (3, 2, 9, 9)
    shared = getattr(encoder.module.config, "num_key_value_heads", 2)
    for part, heads in {"q": 2, "k": shared, "v": shared, "z": 2}.items():
        assert seen[f"blocks.0.attn.hook_{part}"].shape == (3, 9, heads, 8)


def test_points_mean_what_their_names_say(encoder, batch):
    tokens, mask = batch
    seen = captured(encoder, list(encoder.hook_points), tokens, mask)
    assert torch.equal(seen["hook_embed"], encoder.embedding[tokens])
    w_out = encoder.blocks[1].get_submodule(encoder.family.w_out)
    weight = w_out.weight.T if isinstance(w_out, torch.nn.Linear) else w_out.weight
    written = seen["blocks.1.mlp.hook_post"] @ weight + (0 if w_out.bias is None else w_out.bias)
    torch.testing.assert_close(seen["blocks.1.hook_mlp_out"], written, atol=1e-5, rtol=1e-5)
    before = seen["blocks.1.hook_resid_pre"] + seen["blocks.1.hook_attn_out"]  # where attention and MLP are parallel
    added = seen.get("blocks.1.hook_resid_mid", before) + seen["blocks.1.hook_mlp_out"]
    torch.testing.assert_close(seen["ln_final.hook_in"], added, atol=1e-5, rtol=1e-5)
    scores, pattern = seen["blocks.0.attn.hook_attn_scores"], seen["blocks.0.attn.hook_pattern"]
    torch.testing.assert_close(scores.softmax(-1), pattern)
    z = (pattern @ seen["blocks.0.attn.hook_v"].transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(seen["blocks.0.attn.hook_z"], z, atol=1e-5, rtol=1e-5)


def test_padding_and_batch_change_nothing(encoder, batch):
    tokens, mask = batch
    together = encoder.run(tokens, mask)
    for row, n in enumerate(LENGTHS):
        alone = encoder.run(tokens[row : row + 1, :n], mask[row : row + 1, :n])
        torch.testing.assert_close(together[row, :n], alone[0], atol=1e-5, rtol=1e-5)


def test_no_token_attends_to_padding(encoder, batch):
    tokens, mask = batch
    seen = captured(encoder, ["blocks.0.attn.hook_pattern"], tokens, mask)
    to_padding = seen["blocks.0.attn.hook_pattern"].masked_select(mask[:, None, :, None] & ~mask[:, None, None, :])
    assert len(to_padding) and not to_padding.any()


def test_rows_of_the_pattern_sum_to_1_in_training_too(encoder, batch):
    tokens, mask = batch
    for training in (False, True):
        encoder.module.train(training)
        for layer in range(2):
            pattern = captured(encoder, [name := encoder.attention_pattern(layer)], tokens, mask)[name]
            torch.testing.assert_close(pattern.sum(-1), torch.ones(3, 2, 9))


def test_dropout_applies_behind_the_pattern(encoder, batch):
    encoder.module.train()
    for module in encoder.module.modules():  # of attention alone
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    for block in encoder.blocks:
        attention = block.get_submodule(encoder.family.attention)
        if hasattr(attention, "attention_dropout"):
            attention.attention_dropout = 0.5
        else:
            getattr(attention, "dropout", getattr(attention, "attn_dropout", None)).p = 0.5
    seen = [captured(encoder, list(encoder.hook_points), *batch) for _ in range(2)]
    assert torch.equal(seen[0]["blocks.0.attn.hook_pattern"], seen[1]["blocks.0.attn.hook_pattern"])
    assert not torch.equal(seen[0]["blocks.0.attn.hook_z"], seen[1]["blocks.0.attn.hook_z"])


@pytest.mark.parametrize("name", ["blocks.0.attn.hook_attn_scores", "blocks.0.attn.hook_pattern", "hook_embed"])
def test_edits_reach_the_token_vectors(encoder, batch, name):
    def noise(value):
        return value + torch.randn(value.shape, generator=torch.Generator().manual_seed(0))

    assert encoder.editable_scores and encoder.editable_patterns
    changed = (edited(encoder, name, noise, *batch) - encoder.run(*batch)).abs()
    assert changed[batch[1]].max() > 1e-3


def test_an_edit_at_any_point_reaches_the_token_vectors(encoder, batch):
    before = encoder.run(*batch)
    for name in encoder.hook_points:
        noise = torch.Generator().manual_seed(0)
        after = edited(encoder, name, lambda v, noise=noise: v + torch.randn(v.shape, generator=noise), *batch)
        assert (after - before)[batch[1]].abs().max() > 1e-3, name


def test_gradients_reach_all_weights(encoder, batch):
    tokens, mask = batch
    with torch.enable_grad():
        out = encoder.run(tokens, mask)[mask]
        (out * torch.randn(out.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    without = [
        name for name, weight in encoder.module.named_parameters() if weight.grad is None or not weight.grad.any()
    ]
    assert not without


def test_special_tokens_are_not_of_the_text(encoder, batch):
    tokens, mask = batch
    text = encoder.text_positions(tokens, mask)
    assert text.sum(1).tolist() == [n - 2 for n in LENGTHS]
    assert not text[:, 0].any() and not (text & ~mask).any()


def test_its_weights_have_the_names_of_transformers(encoder):
    family = encoder.family
    fresh = family.model_class(encoder.module.config, **family.without)
    assert list(encoder.module.state_dict()) == list(fresh.state_dict())


def test_another_encoder_takes_its_weights(encoder, batch):
    again = make_encoder({**encoder.module.config.to_diff_dict(), "special_token_ids": [2, 3]})
    again.module.load_state_dict(encoder.module.state_dict())
    assert torch.equal(again.run(*batch), encoder.run(*batch))
    assert again.special_ids == encoder.special_ids


def test_a_copy_has_points_of_its_own(encoder, batch):
    twin = copy.deepcopy(encoder)
    seen = []
    twin.hook_points["hook_embed"].register_forward_hook(lambda module, args, out: seen.append("twin"))
    encoder.run(*batch)
    assert not seen
    twin.run(*batch)
    assert seen == ["twin"]


def test_minilm_is_that_of_transformers():
    encoder, tokenizer, config = load_encoder(MINILM)
    texts = ["A gripping , funny film .", "dull", "unputdownable storytelling"]
    tokens, mask = pad([tokenizer.encode(text, n_ctx=512).ids for text in texts], pad_id=tokenizer.pad_id)
    model = BertModel.from_pretrained(MINILM, attn_implementation="eager", local_files_only=True).eval()
    with torch.no_grad():
        expected = model(tokens, attention_mask=mask, output_hidden_states=True)
        seen = captured(encoder, [encoder.residual(layer) for layer in range(6)], tokens, mask)
    for layer in range(6):
        ours, theirs = seen[encoder.residual(layer)], expected.hidden_states[layer + 1]
        torch.testing.assert_close(ours[mask], theirs[mask], atol=1e-5, rtol=0)
    again = make_encoder(config)
    again.module.load_state_dict(encoder.module.state_dict())
    assert torch.equal(again.run(tokens, mask), encoder.run(tokens, mask))


@pytest.mark.parametrize("family", DECODERS)
def test_tokens_of_decoders_attend_to_none_that_follows(family, batch):
    encoder = make_encoder(CONFIGS[family])
    tokens, mask = batch
    for rows in (slice(None), slice(0, 1)):  # with padding and without
        pattern = captured(encoder, ["blocks.0.attn.hook_pattern"], tokens[rows], mask[rows])
        assert not pattern["blocks.0.attn.hook_pattern"].triu(1).any()
