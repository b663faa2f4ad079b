"""A measure added from outside the package is in analyses, tables, comparisons, reports and the neuron table."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from safr_lens import analyze, neuron_table
from safr_lens.analysis import compare
from safr_lens.errors import ConfigError
from safr_lens.measures import MEASURES, DataclassMetric, Measure, Scores, register_measure, unregister_measure
from safr_lens.measures.cells import measure_rows
from safr_lens.measures.nulls import shuffled
from safr_lens.reporting.tables import compared_rows, tiles
from tests.training.corpus import rows as corpus_rows
from tests.training.corpus import tiny_classifier

NAME = "first_token_share"


@dataclass(frozen=True)
class FirstTokens:
    """Sums of activations at first tokens, at as many tokens drawn at random, and at all tokens, by group of texts."""

    first: torch.Tensor
    drawn: torch.Tensor
    total: torch.Tensor


class FirstTokenStream(DataclassMetric[FirstTokens]):
    def __init__(self, setup):
        super().__init__()
        self.setup = setup
        for name in ("first", "drawn", "total"):
            zeros = torch.zeros(setup.n_groups, setup.d_mlp, dtype=torch.float64)
            self.add_state(name, zeros, dist_reduce_fx="sum")

    def update(self, read):
        corpus, groups = self.setup.corpus, read.groups[read.rows]
        starts = corpus.offsets[:-1]
        place = shuffled(read.numbers, corpus.n_tokens, seed=self.setup.seed)
        chosen = {
            "first": torch.isin(read.numbers, starts),
            "drawn": torch.isin(place, starts),
            "total": torch.ones_like(read.numbers, dtype=torch.bool),
        }
        for name, where in chosen.items():
            getattr(self, name).index_add_(0, groups[where], read.neurons[where].double())

    def _result(self):
        return FirstTokens(self.first.clone(), self.drawn.clone(), self.total.clone())


def scores(inputs):
    sums = inputs.statistics.more[NAME]

    def without(group):
        keep = [i for i in range(len(sums.total)) if i != group]
        first, drawn, total = (part[keep].sum(0) for part in (sums.first, sums.drawn, sums.total))
        return Scores.against_null((first / total).float(), [(drawn / total).float()])

    return without


TOY = Measure(
    NAME,
    title="share at first tokens, %",
    meaning="How much of its activation a neuron has at the first token of a text.",
    better="lower",
    scores=scores,
    stream=FirstTokenStream,
    scale=100,
    digits=1,
    tile=True,
)


@pytest.fixture(scope="module", autouse=True)
def registered():
    yield register_measure(TOY)
    unregister_measure(NAME)


@pytest.fixture(scope="module")
def rows():
    return corpus_rows(60, seed=2)


@pytest.fixture(scope="module")
def analysis(rows, registered):
    return analyze(tiny_classifier(), rows, faithfulness_texts=0)


def test_it_is_measured_in_the_same_pass_with_null_and_interval(analysis):
    measured = analysis.measurements[NAME]
    low, high = measured.above.interval()
    assert low < measured.above.value < high
    assert measured.above.value == pytest.approx(measured.estimate.value - measured.null.value)
    assert NAME in analysis.at_init
    assert analysis.to_dict()["figures"][NAME]["meaning"] == TOY.meaning


def test_its_stream_saw_every_token(analysis):
    found = analysis.statistics
    expected = found.activity.mean.double() * found.activity.n_tokens
    torch.testing.assert_close(found.more[NAME].total.sum(0), expected, atol=1e-3, rtol=1e-5)


def test_it_is_a_column_of_the_neuron_table(analysis, rows):
    alone = neuron_table(tiny_classifier(), rows)
    for table in (analysis.neurons, alone):
        assert {NAME, f"{NAME}_null", f"{NAME}_above"} <= set(table)
    mean = analysis.neurons[f"{NAME}_above"].mean()
    assert mean == pytest.approx(analysis.measurements[NAME].above.value, abs=1e-6)


def test_it_is_a_row_of_commands_comparisons_and_reports(analysis):
    (row,) = [row for row in measure_rows(analysis.measurements, analysis.at_init) if row[0] == TOY.heading]
    assert row[1] == TOY.shown(analysis.measurements[NAME].estimate.value)
    differences = compare({"a": [analysis], "b": [analysis]})["b"]
    (difference,) = [one for one in differences if one.measure == NAME]
    assert difference.above_null and difference.verdict == "within noise"
    table = compared_rows([analysis, analysis], differences)
    (reported,) = [row for row in table if row.key == NAME]
    assert (reported.title, reported.meaning, reported.verdict) == (TOY.title, TOY.meaning, "within noise")
    assert TOY.title in [tile.title for tile in tiles(table)]


def test_it_stands_behind_the_measures_of_the_package_unless_it_says_where():
    assert list(MEASURES)[-1] == NAME


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": NAME}, "already"),
        ({"name": "two words"}, "a column"),
        ({"better": "up"}, "higher, lower, neither"),
        ({"compute": lambda inputs: None}, "either compute or scores"),
        ({"scores": None}, "either compute or scores"),
    ],
)
def test_a_measure_that_cannot_be_used_is_an_error(changed, message):
    values = {**vars(TOY), "name": "other", **changed}
    with pytest.raises(ConfigError, match=message):
        register_measure(Measure(**values))
