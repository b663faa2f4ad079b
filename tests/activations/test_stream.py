"""Streaming gives each text what it gets alone, in any split into batches, and leaves the model as it was."""

from __future__ import annotations

import itertools
from functools import partial

import pytest
import torch
from datasets import Dataset, DatasetDict
from torch.utils.data import IterableDataset as TorchStream

from safr_lens import HookedClassifier, TextData
from safr_lens.activations import stream_activations
from safr_lens.backbones.versions import has_hooked_transformer
from safr_lens.errors import ConfigError, DataError, HookError, TextError
from tests.training.corpus import rows

NEURONS = "blocks.0.mlp.hook_post"
SPLITTINGS = (1, 8, 10_000)


@pytest.fixture(params=["shortformer", "standard"])
def positions(request) -> str:
    return request.param


@pytest.fixture(params=[("neurons", 1), ("neurons", 2), ("residual", 1), ("residual", 2)], ids="{0[0]}-{0[1]}".format)
def any_model(request, make_model, positions) -> HookedClassifier:
    readout, n_layers = request.param
    return make_model(readout, n_layers=n_layers, positional_embedding_type=positions)


def texts_of(model, data, hooks, **how) -> dict:
    """Return what was streamed of each text, by its number in the data."""
    found = [text for batch in stream_activations(model, data, hooks, **how) for text in batch.texts()]
    assert len({text.example for text in found}) == len(found), "a text came twice"
    return {text.example: text for text in found}


def numbered(n: int) -> list[dict]:
    return [{**row, "label": i % 3} for i, row in enumerate(rows(n, seed=3))]


def plain(activations):
    return [batch.activations[NEURONS] for batch in activations]


# ---- values


@pytest.mark.parametrize("max_positions", SPLITTINGS)
def test_every_hook_point_gives_each_text_what_it_gets_alone_without_padding(any_model, texts, max_positions):
    _, cache = any_model.run_with_cache(texts[0])
    names = list(cache)
    assert len(names) >= 27
    streamed = texts_of(any_model, texts, names, max_positions=max_positions)
    assert sorted(streamed) == list(range(len(texts)))
    for number, text in enumerate(texts):
        _, alone = any_model.run_with_cache(text)
        assert list(streamed[number].activations) == names
        for name in names:
            torch.testing.assert_close(streamed[number].activations[name], alone[name][0], rtol=1e-5, atol=1e-5)


def test_a_hook_point_that_is_asked_for_alone_is_the_same(any_model, texts):
    alone = [any_model.run_with_cache(text)[1] for text in texts]
    for name in alone[0]:
        streamed = texts_of(any_model, texts, name, max_positions=24)
        for number, cache in enumerate(alone):
            torch.testing.assert_close(streamed[number].activations[name], cache[name][0], rtol=1e-5, atol=1e-5)


def test_the_reference_itself_tells_texts_and_hook_points_apart(any_model, texts):
    streamed = texts_of(any_model, texts, [NEURONS, "blocks.0.mlp.hook_pre"])
    first, second = (streamed[number].activations for number in (0, 1))
    assert not torch.allclose(first[NEURONS][:3], second[NEURONS][:3], atol=1e-2)
    assert not torch.allclose(first[NEURONS], first["blocks.0.mlp.hook_pre"], atol=1e-2)


def test_one_name_is_the_same_as_several(any_model, texts):
    several = stream_activations(any_model, texts, ["hook_pooled", NEURONS, "hook_embed"])
    for one, other in zip(stream_activations(any_model, texts, NEURONS), several, strict=True):
        assert list(one.activations) == [NEURONS]
        assert torch.equal(one.activations[NEURONS], other.activations[NEURONS])


def test_long_texts_are_cut_and_counted(make_model, texts):
    model = make_model(n_ctx=5)
    lengths = [len(model.tokenizer.encode(text, n_ctx=99).ids) for text in texts]
    found = list(stream_activations(model, texts, NEURONS, max_positions=8))
    assert sum(batch.n_cut for batch in found) == sum(length > 5 for length in lengths) == 3
    for batch in found:
        assert batch.lengths.tolist() == [min(5, lengths[example]) for example in batch.example.tolist()]
        assert batch.n_cut == sum(lengths[example] > 5 for example in batch.example.tolist())
        for text in batch.texts():
            tokens, _ = model.to_tokens(texts[text.example], truncate=True)
            _, alone = model.run_with_cache(tokens)
            torch.testing.assert_close(text.activations[NEURONS], alone[NEURONS][0], rtol=1e-5, atol=1e-5)


# ---- what goes with the values


@pytest.mark.parametrize("max_positions", SPLITTINGS)
def test_tokens_positions_rows_labels_and_lengths_are_those_of_the_texts(make_model, max_positions):
    model, data = make_model(), numbered(40)
    ids = [model.tokenizer.encode(row["text"], n_ctx=32).ids for row in data]
    for batch in stream_activations(model, data, [NEURONS, "hook_pooled"], max_positions=max_positions):
        examples = batch.example.tolist()
        assert batch.tokens.tolist() == [token for example in examples for token in ids[example]]
        assert batch.positions.tolist() == [place for example in examples for place in range(len(ids[example]))]
        assert batch.rows.tolist() == [row for row, example in enumerate(examples) for _ in ids[example]]
        assert batch.lengths.tolist() == [len(ids[example]) for example in examples]
        assert batch.labels.tolist() == [example % 3 for example in examples]
        assert batch.activations[NEURONS].shape == (len(batch.tokens), 32)
        assert batch.activations["hook_pooled"].shape == (len(examples), 2)
        for row, text in enumerate(batch.texts()):
            assert (text.example, text.label) == (examples[row], examples[row] % 3)
            assert text.tokens.tolist() == ids[text.example]


def test_texts_come_sorted_by_length_and_else_in_the_order_of_the_data(make_model, texts):
    model = make_model()
    lengths = [len(model.tokenizer.encode(text, n_ctx=32).ids) for text in texts]
    order = [e for batch in stream_activations(model, texts, NEURONS, max_positions=12) for e in batch.example.tolist()]
    assert order == sorted(range(len(texts)), key=lambda i: lengths[i])
    assert order != list(range(len(texts)))


@pytest.mark.parametrize("max_positions", SPLITTINGS)
def test_batches_hold_as_many_positions_as_allowed(make_model, max_positions):
    for batch in stream_activations(make_model(), numbered(40), NEURONS, max_positions=max_positions):
        assert len(batch.example) * int(batch.lengths.max()) <= max_positions or len(batch.example) == 1


def test_texts_without_a_label_have_minus_one(make_model, texts):
    data = [{"text": texts[0], "label": 1}, texts[1], {"text": texts[2]}]
    labels = {example: text.label for example, text in texts_of(make_model(), data, NEURONS).items()}
    assert labels == {0: 1, 1: -1, 2: -1}


# ---- several processes


@pytest.mark.parametrize("n_processes", [2, 3])
def test_the_shares_of_several_processes_are_the_batches_of_one(make_model, n_processes):
    model, data = make_model(), numbered(40)
    whole = list(stream_activations(model, data, NEURONS, max_positions=30))
    shares = [
        list(stream_activations(model, data, NEURONS, max_positions=30, process=process, n_processes=n_processes))
        for process in range(n_processes)
    ]
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    together = [batch for batches in itertools.zip_longest(*shares) for batch in batches if batch is not None]
    assert len(together) == len(whole) > n_processes
    for one, other in zip(together, whole, strict=True):
        assert torch.equal(one.example, other.example)
        assert torch.equal(one.activations[NEURONS], other.activations[NEURONS])


def test_a_process_with_nothing_to_do_yields_nothing(make_model, texts):
    assert list(stream_activations(make_model(), texts[:1], NEURONS, process=1, n_processes=2)) == []


# ---- no further than needed, nothing left behind


@pytest.mark.parametrize(
    ("asked", "reached", "spared"),
    [
        (NEURONS, NEURONS, "blocks.0.hook_mlp_out"),
        (NEURONS, NEURONS, "ln_final.hook_scale"),
        ("hook_ungated_embed", "hook_ungated_embed", "hook_mask"),
        ([NEURONS, "hook_embed"], NEURONS, "blocks.0.hook_mlp_out"),
        (["hook_embed", "hook_token_logits"], "ln_final.hook_scale", "hook_pooled"),
    ],
)
def test_the_forward_pass_stops_at_the_last_point_asked_for(any_model, texts, asked, reached, spared):
    fired = []
    hooks = [(name, lambda value, hook: fired.append(hook.name)) for name in (reached, spared)]
    with any_model.hooks(fwd_hooks=hooks):
        list(stream_activations(any_model, texts, asked))
    assert fired == [reached]


def test_no_hook_is_left_at_any_time(any_model, texts, hooks_left):
    for _ in stream_activations(any_model, texts, [NEURONS, "hook_pooled"], max_positions=8):
        assert hooks_left(any_model) == []
    assert hooks_left(any_model) == []


def test_no_hook_is_left_by_a_consumer_that_fails_or_stops(any_model, texts, hooks_left):
    stream = stream_activations(any_model, texts, NEURONS, max_positions=8)
    with pytest.raises(RuntimeError, match="the consumer"):
        for _ in stream:
            raise RuntimeError("the consumer")
    stream.close()
    assert hooks_left(any_model) == []


def test_no_hook_is_left_by_a_hook_that_fails(any_model, texts, hooks_left):
    def fail(value, hook):
        raise RuntimeError("a hook")

    with pytest.raises(RuntimeError, match="a hook"), any_model.hooks(fwd_hooks=[("hook_embed", fail)]):
        list(stream_activations(any_model.train(), texts, NEURONS))
    assert hooks_left(any_model) == []
    assert any_model.training


def test_hooks_of_the_user_apply_and_stay(any_model, texts, hooks_left):
    def double(value, hook):
        return 2 * value

    usual = plain(stream_activations(any_model, texts, NEURONS))
    with any_model.hooks(fwd_hooks=[(NEURONS, double)]):
        doubled = plain(stream_activations(any_model, texts, NEURONS))
        assert hooks_left(any_model) == [f"backbone.{NEURONS}"]
    for one, other in zip(usual, doubled, strict=True):
        assert torch.equal(2 * one, other)
    assert torch.equal(plain(stream_activations(any_model, texts, NEURONS))[0], usual[0])


def test_the_result_does_not_depend_on_the_training_mode_and_it_is_restored(any_model, texts):
    expected = plain(stream_activations(any_model, texts, NEURONS))
    any_model.train()
    found = []
    for batch in stream_activations(any_model, texts, NEURONS, max_positions=8):
        assert any_model.training
        found.append(batch)
    torch.testing.assert_close(torch.cat(plain(found)), torch.cat(expected), rtol=1e-5, atol=1e-5)
    any_model.eval()
    list(stream_activations(any_model, texts, NEURONS))
    assert not any_model.training


def test_nothing_carries_a_gradient_and_the_consumer_may_take_one(any_model, texts):
    for batch in stream_activations(any_model, texts, [NEURONS, "hook_embed"], max_positions=8):
        assert torch.is_grad_enabled()
        assert not any(value.requires_grad for value in batch.activations.values())


def test_activations_may_be_changed_without_changing_later_ones(any_model, texts):
    expected = plain(stream_activations(any_model, texts, [NEURONS, "blocks.0.hook_resid_pre"], max_positions=8))
    found = []
    for batch in stream_activations(any_model, texts, [NEURONS, "blocks.0.hook_resid_pre"], max_positions=8):
        found.append(batch.activations[NEURONS].clone())
        for value in batch.activations.values():
            value.zero_()
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


# ---- kinds of data


class Endless(TorchStream):
    """A stream that says neither its length nor where it ends."""

    def __iter__(self):
        return iter(numbered(30))


KINDS = {
    "rows": numbered,
    "dataset": lambda n: Dataset.from_list(numbered(n)),
    "stream": lambda n: Dataset.from_list(numbered(n)).to_iterable_dataset(),
    "torch stream": lambda n: Endless(),
    "generator": lambda n: (row for row in numbered(n)),
    "rows with other columns": lambda n: [{"id": "x", **row} for row in numbered(n)],
}


@pytest.mark.parametrize("kind", KINDS)
def test_all_kinds_of_data_give_the_same(make_model, kind):
    model = make_model()
    expected = texts_of(model, numbered(30), NEURONS, max_positions=30)
    found = texts_of(model, KINDS[kind](30), NEURONS, max_positions=30)
    assert found.keys() == expected.keys()
    for example, text in found.items():
        assert text.label == expected[example].label == example % 3
        assert torch.equal(text.activations[NEURONS], expected[example].activations[NEURONS])


def test_texts_alone_give_the_same_as_rows(make_model):
    model = make_model()
    data = numbered(30)
    expected = plain(stream_activations(model, data, NEURONS))
    found = plain(stream_activations(model, (row["text"] for row in data), NEURONS))
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_a_stream_is_read_no_further_than_the_pool_that_is_needed(make_model):
    read = []

    def endless():
        for number in itertools.count():
            read.append(number)
            yield "a dull film"

    first = next(stream_activations(make_model(), endless(), NEURONS))
    assert first.tokens.tolist()[:3] == make_model().tokenizer.encode("a dull film", n_ctx=32).ids
    assert len(read) < 10_000


# ---- what cannot be


def test_an_unknown_hook_point_is_an_error_with_the_near_match(make_model, texts, hooks_left):
    model = make_model()
    with pytest.raises(
        HookError, match=r"no hook point 'blocks.0.mlp.hook_pots'.*Did you mean 'blocks.0.mlp.hook_post"
    ):
        list(stream_activations(model, texts, [NEURONS, "blocks.0.mlp.hook_pots"]))
    assert hooks_left(model) == []


def test_an_unknown_hook_point_is_named_before_any_data_is_read(make_model):
    def never():
        raise AssertionError("the data was read")
        yield

    for hooks, kind in (("blocks.0.mlp.hook_pots", HookError), ([], ConfigError)):
        with pytest.raises(kind):
            list(stream_activations(make_model(), never(), hooks))


def test_no_hook_point_is_an_error(make_model, texts):
    with pytest.raises(ConfigError, match=r"No hook point named.*blocks.0.mlp.hook_post"):
        list(stream_activations(make_model(), texts, []))


@pytest.mark.skipif(not has_hooked_transformer(), reason="only HookedTransformer has points that no pass meets")
@pytest.mark.parametrize("asked", ["blocks.0.hook_q_input", [NEURONS, "blocks.0.attn.hook_result"]])
def test_a_hook_point_that_is_switched_off_is_an_error(make_model, texts, hooks_left, asked):
    model = make_model()
    assert {"blocks.0.hook_q_input", "blocks.0.attn.hook_result"} <= model.hook_dict.keys()
    with pytest.raises(HookError, match=r"'blocks.0.(hook_q_input|attn.hook_result)' is switched off"):
        list(stream_activations(model, texts, asked))
    assert hooks_left(model) == []


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_data_without_texts_is_an_error(make_model, kind):
    with pytest.raises(DataError, match="holds no texts"):
        list(stream_activations(make_model(), kind([]), NEURONS))


@pytest.mark.parametrize("row", [3, None, {"label": 1}, {"text": None}, {"text": ["a", "film"]}, b"a film"], ids=repr)
def test_a_row_without_a_text_is_named(make_model, row):
    with pytest.raises(DataError, match="Row 1 of the data is no text and has no 'text'"):
        list(stream_activations(make_model(), ["a film", row], NEURONS))


@pytest.mark.parametrize("blank", ["", " \n"])
def test_a_text_without_a_token_is_an_error(make_model, blank):
    with pytest.raises(TextError, match="no token"):
        list(stream_activations(make_model(), ["a film", blank], NEURONS))


def test_a_single_text_is_not_read_letter_by_letter(make_model):
    with pytest.raises(DataError, match=r"Expected texts or rows.*got str"):
        list(stream_activations(make_model(), "a dull film", NEURONS))


@pytest.mark.parametrize("kind", ["dict", "DatasetDict", "TextData"])
def test_of_splits_the_test_split_is_read_and_others_are_an_error_that_names_them(make_model, kind):
    model = make_model(labels=("a", "b", "c"))

    def read(splits):
        made = {"dict": dict, "DatasetDict": DatasetDict, "TextData": partial(TextData, "x", model.labels)}[kind](
            splits
        )
        return plain(stream_activations(model, made, NEURONS))

    rows = numbered(9)
    splits = {"train": Dataset.from_list(rows[:5]), "test": Dataset.from_list(rows[5:])}
    expected = plain(stream_activations(model, rows[5:], NEURONS))
    assert all(torch.equal(one, other) for one, other in zip(read(splits), expected, strict=True))
    with pytest.raises(DataError, match=r"has the splits train, validation; name one of them, as in data\['train'\]"):
        read({"train": splits["train"], "validation": splits["test"]})


@pytest.mark.parametrize(("process", "n_processes"), [(2, 2), (-1, 2), (0, 0)])
def test_a_process_out_of_range_is_an_error(make_model, texts, process, n_processes):
    with pytest.raises(ConfigError, match="Expected a process from 0 to"):
        list(stream_activations(make_model(), texts, NEURONS, process=process, n_processes=n_processes))
