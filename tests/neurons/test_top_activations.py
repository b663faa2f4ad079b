"""The texts in which neurons are most active: the metric that finds them, and the table that shows them."""

from __future__ import annotations

import math

import pandas as pd
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.errors import ConfigError, DataError
from safr_lens.neurons import TopActivations, top_activations
from safr_lens.neurons.top_activations import context
from tests.neurons.planted import DEAD, MONOSEMANTIC, POLYSEMANTIC, WORD, WORDS, planted_model
from tests.reference import slow_neurons as slow

few = settings(max_examples=25)
seeds = st.integers(0, 10_000)


def random_tokens(n_texts=12, n_neurons=3, *, seed):
    """Tokens of texts of 1 to 6 tokens; values of few heights, so that many are equal."""
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 7, (n_texts,), generator=g)
    example = torch.arange(n_texts).repeat_interleave(lengths)
    positions = torch.cat([torch.arange(n) for n in lengths.tolist()])
    values = (torch.randint(-3, 4, (len(example), n_neurons), generator=g) / 2).clamp_min(-0.5)
    return values, example, positions


def strongest_by_loop(values, example, k, neuron):
    texts = [(number, values[example == number, neuron].tolist()) for number in example.unique().tolist()]
    return slow.top_texts(texts, k)


def rows_of(top, neuron):
    """(activation, example, position) of the rows that are not empty."""
    columns = [part[:, neuron].tolist() for part in top]
    return [row for row in zip(*columns, strict=True) if row[1] >= 0]


def metric_of(values, example, positions, *, k, pieces=()):
    metric = TopActivations(k, values.shape[1])
    for piece in pieces or [torch.arange(len(values))]:
        metric.update(values[piece], example[piece], positions[piece])
    return metric


# ---- metric


@few
@given(seed=seeds, k=st.integers(1, 15))
def test_metric_equals_slow_loop(seed, k):
    values, example, positions = random_tokens(seed=seed)
    top = metric_of(values, example, positions, k=k).compute()
    for neuron in range(3):
        assert rows_of(top, neuron) == strongest_by_loop(values, example, k, neuron)
        n = len(rows_of(top, neuron))
        assert top.activation[n:, neuron].isnan().all() and (top.position[n:, neuron] == -1).all()
        assert top.activation.shape == (k, 3)


@few
@given(seed=seeds, cuts=st.lists(st.integers(1, 40), max_size=4))
def test_pieces_in_any_order_give_the_same_even_where_they_cut_texts(seed, cuts):
    values, example, positions = random_tokens(seed=seed)
    whole = metric_of(values, example, positions, k=5)
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(seed))
    pieces = order.tensor_split(sorted(cuts))
    again = metric_of(values, example, positions, k=5, pieces=pieces)
    for found, expected in zip(again.compute(), whole.compute(), strict=True):
        assert torch.equal(found.nan_to_num(-9), expected.nan_to_num(-9))


@few
@given(seed=seeds)
def test_processes_are_merged_as_if_there_were_one(seed):
    values, example, positions = random_tokens(seed=seed)
    whole = metric_of(values, example, positions, k=4)
    # the last two share some texts, as samplers do that fill up the last batch
    shares = [(example % 3 == 0), (example % 3 == 1) | (example == 0), example % 3 == 2]
    parts = [metric_of(values[s], example[s], positions[s], k=4) for s in shares]
    gathered = [part.best for part in parts]
    synced = TopActivations(4, 3, dist_sync_fn=lambda tensor, group: gathered, distributed_available_fn=lambda: True)
    synced.update(values[shares[0]], example[shares[0]], positions[shares[0]])
    for found, expected in zip(synced.compute(), whole.compute(), strict=True):
        assert torch.equal(found.nan_to_num(-9), expected.nan_to_num(-9))
    parts[0].merge_state(parts[1])
    parts[0].merge_state(parts[2])
    assert torch.equal(parts[0].best, whole.best)


def test_forward_returns_the_batch_and_keeps_the_rest():
    metric = TopActivations(1, 1)
    metric.update(torch.tensor([[5.0]]), torch.tensor([3]), torch.tensor([2]))
    assert metric(torch.tensor([[1.0]]), torch.tensor([4]), torch.tensor([0])).activation.item() == 1.0
    assert [part.item() for part in metric.compute()] == [5.0, 3, 2]
    metric.reset()
    metric.update(torch.tensor([[1.0]]), torch.tensor([4]), torch.tensor([0]))
    assert [part.item() for part in metric.compute()] == [1.0, 4, 0]


def test_values_that_differ_by_rounding_are_equal_and_the_first_text_wins():
    values = torch.tensor([[2.0], [2.0 * (1 + 2e-7)], [2.0 * (1 - 2e-7)]])
    metric = TopActivations(3, 1)
    metric.update(values, torch.tensor([5, 5, 1]), torch.tensor([0, 1, 0]))
    assert metric.compute().example.flatten().tolist() == [1, 5, -1]
    assert metric.compute().position.flatten().tolist() == [0, 0, -1]
    larger = TopActivations(1, 1)
    larger.update(torch.tensor([[2.0], [2.0002]]), torch.tensor([1, 5]), torch.tensor([0, 0]))
    assert larger.compute().example.item() == 5


@pytest.mark.parametrize("scale", [1e-38, 1.0, 1e38])
def test_scale_does_not_matter(scale):
    values = scale * torch.tensor([[1.0], [3.0], [2.0]])
    metric = metric_of(values, torch.tensor([0, 1, 2]), torch.zeros(3, dtype=torch.long), k=3)
    assert metric.compute().example.flatten().tolist() == [1, 2, 0]


def test_bad_updates_are_errors():
    with pytest.raises(ValueError, match="at least one text and one neuron; got 0 and 2"):
        TopActivations(0, 2)
    metric = TopActivations(2, 3)
    with pytest.raises(ValueError, match=r"expects \[n_tokens, 3\]; got \[4, 2\]"):
        metric.update(torch.ones(4, 2), torch.zeros(4), torch.zeros(4))
    with pytest.raises(ValueError, match="not finite"):
        metric.update(torch.full((1, 3), math.nan), torch.tensor([0]), torch.tensor([0]))


# ---- context


@pytest.mark.parametrize(
    ("position", "window", "expected"),
    [
        (0, 2, ("", "don't")),
        (3, 1, ("n't", "it")),
        (4, 9, ("I  don't\nlike", "!")),
        (5, 2, ("like it", "")),
        (2, 0, ("", "")),
    ],
)
def test_context_is_spaced_as_in_the_text(position, window, expected):
    assert context(" I  don't\nlike it! ", ["I", "do", "n't", "like", "it", "!"], position, window) == expected


def test_context_of_tokens_that_are_not_in_the_text_is_joined_by_spaces():
    assert context("naïve", ["na", "Ã", "¯", "ve"], 2, 2) == ("na Ã", "ve")


def test_context_of_decomposed_letters_and_lone_surrogates():
    assert context("cafe\u0301, \ud800 bar", ["café", ",", "\ufffd", "bar"], 2, 2) == ("café,", "bar")


def test_context_of_repeated_tokens():
    assert context("no, no  no!no", ["no", ",", "no", "no", "!", "no"], 2, 3) == ("no,", "no!no")


# ---- table


def by_loop(model, texts, k, layer):
    """The strongest texts of each neuron, from one text at a time."""
    name = f"blocks.{layer}.mlp.hook_post"
    with torch.no_grad():
        seen = [model(text, capture=[name]).activations[name][0].T.tolist() for text in texts]
    return [slow.top_texts([(i, neurons[n]) for i, neurons in enumerate(seen)], k) for n in range(len(seen[0]))]


@pytest.mark.parametrize("k", [1, 3, 50])
def test_table_equals_slow_loop(model, texts, k):
    for layer in {0, model.config.n_layers - 1}:
        table = top_activations(model, texts, range(32), k=k, layer=layer)
        for neuron, expected in enumerate(by_loop(model, texts, k, layer)):
            found = table[table["neuron"] == neuron]
            assert found["example"].tolist() == [row[1] for row in expected]
            assert found["position"].tolist() == [row[2] for row in expected]
            assert found["activation"].tolist() == pytest.approx([row[0] for row in expected], rel=1e-4)
        assert table["neuron"].is_monotonic_increasing and table["neuron"].nunique() > 20


def test_table_shows_the_tokens_as_they_stand_in_the_text(make_model):
    model = make_model()
    rows = [
        {"text": "A Gripping,  funny FILM", "label": 1},
        {"text": "Zygotes ARE boring", "label": 0},
        {"text": "The acting is warm"},
    ]
    table = top_activations(model, rows, range(32), k=3, window=2)
    for row in table.itertuples():
        tokens = model.to_str_tokens(rows[row.example]["text"])
        assert row.token == tokens[row.position] and row.length == len(tokens)
        before = " ".join(tokens[max(0, row.position - 2) : row.position]).replace(" ,", ",")
        assert row.before.split() == before.split()
        assert row.label == ["positive", "negative"][row.example] if row.example < 2 else pd.isna(row.label)
    assert "Gripping" in set(table["token"]) and {"Zygotes", "ARE"} & set(table["token"])
    spaced = table[table["token"] == "funny"]
    assert len(spaced) and set(spaced["before"]) == {"Gripping,"} and set(spaced["after"]) == {"FILM"}


@pytest.mark.parametrize("max_positions", [1, 25, 100])
def test_table_does_not_depend_on_batches(make_model, texts, monkeypatch, max_positions):
    model = make_model()
    data = [*texts, *texts, texts[3].upper()]
    expected = top_activations(model, data, range(32), k=5)
    assert len(expected[expected["neuron"] == expected["neuron"][0]]) == 5
    stream = top_activations.__globals__["stream_activations"]
    monkeypatch.setitem(
        top_activations.__globals__, "stream_activations", lambda *a: stream(*a, max_positions=max_positions)
    )
    found = top_activations(model, data, range(32), k=5)
    columns = [name for name in found if name != "activation"]
    assert found[columns].equals(expected[columns])
    assert found["activation"].tolist() == pytest.approx(expected["activation"].tolist(), rel=1e-4)


def test_permuted_data_give_the_same_texts(make_model, texts):
    model = make_model()
    order = [3, 0, 5, 1, 4, 2]
    table = top_activations(model, texts, range(32), k=4)
    permuted = top_activations(model, [texts[i] for i in order], range(32), k=4)
    assert [order[i] for i in permuted["example"]] == table["example"].tolist()
    assert permuted["before"].tolist() == table["before"].tolist()


def test_planted_neurons_are_told_apart_by_their_strongest_tokens():
    model, texts = planted_model()
    table = top_activations(model, texts, [POLYSEMANTIC, DEAD, MONOSEMANTIC], k=20)
    assert table["neuron"].tolist() == [MONOSEMANTIC] * 20 + [POLYSEMANTIC] * 20
    table = table.groupby("neuron")
    assert set(table.groups) == {MONOSEMANTIC, POLYSEMANTIC}
    mono, poly = table.get_group(MONOSEMANTIC), table.get_group(POLYSEMANTIC)
    assert set(mono["token"]) == {WORD} and set(poly["token"]) == set(WORDS)
    # all are equal, so the first texts with the word are shown, at its first place
    having = [i for i, text in enumerate(texts) if WORD in text.split()]
    assert mono["example"].tolist() == having[:20]
    assert mono["position"].tolist() == [texts[i].split().index(WORD) for i in having[:20]]


def test_a_dead_neuron_has_an_empty_table():
    model, texts = planted_model(5)
    table = top_activations(model, texts, DEAD)
    assert not len(table) and table.columns[0] == "neuron"


def test_streamed_and_long_data(make_model, texts):
    model = make_model()
    long = "dull " * 40 + "film"
    rows = [{"text": text, "label": 0} for text in [*texts, long]]
    expected = top_activations(model, rows, range(32), k=3)
    streamed = Dataset.from_list(rows).to_iterable_dataset()
    assert top_activations(model, streamed, range(32), k=3).equals(expected)
    cut = expected[expected["example"] == len(texts)]
    assert len(cut) and set(cut["length"]) == {model.config.n_ctx}


def test_bad_input(make_model, texts):
    model = make_model()
    for k in (0, -1, 1.5, True):
        with pytest.raises(ConfigError, match="k must be a whole number, at least 1"):
            top_activations(model, texts, 0, k)
    with pytest.raises(ConfigError, match="window must be a whole number, at least 0; got -1"):
        top_activations(model, texts, 0, window=-1)
    with pytest.raises(ConfigError, match="no neuron 32"):
        top_activations(model, texts, [0, 32])
    with pytest.raises(ConfigError, match="no layer 1"):
        top_activations(model, texts, 0, layer=1)
    with pytest.raises(DataError, match="holds no texts"):
        top_activations(model, [], 0)
    with pytest.raises(DataError, match="can be read only once"):
        top_activations(model, iter(texts), 0)


class Changing:
    """Texts that are others when they are read again."""

    def __init__(self, *readings):
        self.readings = iter(readings)

    def __iter__(self):
        return iter(next(self.readings))


@pytest.mark.parametrize("second", [["boring"], ["boring"] * 6])
def test_data_that_change_between_the_two_readings_are_an_error(make_model, texts, second):
    with pytest.raises(DataError, match="other texts when it was read again"):
        top_activations(make_model(), Changing(list(texts), second), range(32))


def test_one_text_of_one_neuron():
    model, texts = planted_model()
    found, more = (top_activations(model, texts, MONOSEMANTIC, k=k) for k in (1, 2))
    assert len(found) == 1
    pd.testing.assert_frame_equal(found, more.head(1))
