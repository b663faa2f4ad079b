"""A whole analysis, what it writes, and what a comparison calls noise."""

from __future__ import annotations

import dataclasses
import html
import json
import math
import re

import pandas as pd
import pytest
import torch
from scipy import stats

from safr_lens.analysis import (
    MEASURES_FILE,
    NEURONS_FILE,
    analyze,
    cautions,
    checked_folder,
    compare,
    to_dict,
)
from safr_lens.errors import CheckpointError, ConfigError
from safr_lens.measures.estimate import Estimate, no_interval
from safr_lens.measures.measurement import Measurement
from safr_lens.measures.registry import MEASURES
from safr_lens.models.learned import untrained
from tests.training.corpus import rows as corpus_rows
from tests.training.corpus import tiny_classifier


@pytest.fixture(scope="module")
def rows():
    return corpus_rows(60, seed=2)


@pytest.fixture(scope="module")
def model():
    return tiny_classifier()


@pytest.fixture(scope="module")
def analysis(model, rows):
    return analyze(model, rows, faithfulness_texts=6)


def test_every_registered_measure_is_there(analysis):
    assert list(analysis.measurements) == list(MEASURES)
    selective = {name for name, figure in analysis.measurements.items() if figure.above}
    assert selective == {
        "token_selectivity", "class_selectivity", "monosemanticity", "comprehensiveness", "sufficiency", "aopc",
        "naopc", "name_fidelity", "name_fidelity_by_effect", "names_that_hold",
    }  # fmt: skip


def test_each_figure_is_compared_with_its_random_initialisation(model, rows, analysis):
    faithful = {"comprehensiveness", "sufficiency", "aopc", "naopc"}
    # the effect of single neurons is not measured at random initialisation
    assert set(analysis.at_init) == set(MEASURES) - faithful - {"name_fidelity_by_effect"}
    alone = analyze(untrained(model), rows, faithfulness_texts=0, at_init=False)
    for name, figure in analysis.at_init.items():
        assert figure.estimate.value == pytest.approx(alone.measurements[name].estimate.value, nan_ok=True)
    assert alone.at_init == {} and alone.faithfulness is None


def test_the_untrained_model_has_the_weights_of_its_seed(model):
    fresh, again, other = untrained(model), untrained(model), untrained(model, seed=1)
    assert torch.equal(fresh.backbone.W_E, again.backbone.W_E)
    assert not torch.equal(fresh.backbone.W_E, other.backbone.W_E)
    assert (fresh.config, fresh.labels, fresh.tokenizer) == (model.config, model.labels, model.tokenizer)


def test_an_analysis_is_short_where_a_notebook_shows_it(analysis, rows):
    assert (
        repr(analysis)
        == f"<Analysis of layer 0: 60 texts, {analysis.facts['n_tokens']} tokens; {len(MEASURES)} measurements>"
    )
    assert len(repr(analysis.statistics)) < 100
    cells = [html.unescape(cell) for cell in re.findall("<td>(.*?)</td>", analysis._repr_html_())]
    assert cells[:: len(cells) // len(MEASURES)] == [MEASURES[name].heading for name in analysis.measurements]
    accuracy = analysis.measurements["accuracy"].estimate.value
    shown = cells[cells.index(MEASURES["accuracy"].heading) + 1]
    assert float(shown) == pytest.approx(MEASURES["accuracy"].scale * accuracy, abs=0.05)
    assert analysis.warnings
    for warning in analysis.warnings:
        assert html.escape(warning) in analysis._repr_html_()


def test_hostile_names_of_an_analysis_are_text(analysis):
    hostile = dataclasses.replace(analysis, about_data=("<script>alert(1)</script>",))
    assert "<script>" not in hostile._repr_html_() and "&lt;script&gt;" in hostile._repr_html_()


def test_an_analysis_is_written_whole_and_reads_back(analysis, tmp_path):
    analysis.save(tmp_path / "out", extra={"run": "here"})
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["manifest.json", MEASURES_FILE, NEURONS_FILE]
    found = json.loads((tmp_path / "out" / MEASURES_FILE).read_text())
    assert found["run"] == "here" and found["n_texts"] == 60
    assert found["figures"]["accuracy"]["value"] == analysis.measurements["accuracy"].estimate.value
    assert {"value", "low", "high"} <= set(found["figures"]["token_selectivity"]["above_null"])
    pd.testing.assert_index_equal(pd.read_parquet(tmp_path / "out" / NEURONS_FILE).columns, analysis.neurons.columns)


def test_an_analysis_in_the_way_is_not_replaced_unasked(analysis, tmp_path):
    analysis.save(tmp_path)
    with pytest.raises(CheckpointError, match="exists already"):
        checked_folder(tmp_path, overwrite=False)
    checked_folder(tmp_path, overwrite=True)
    with pytest.raises(CheckpointError, match="is a file"):
        checked_folder(tmp_path / MEASURES_FILE, overwrite=True)


def test_stages_are_named_and_report_their_steps(model, rows):
    from contextlib import contextmanager

    seen = []

    @contextmanager
    def stage(name):
        yield lambda done, total: seen.append((name, done, total))

    analyze(model, rows, faithfulness_texts=4, stages=stage)
    assert ("reading neurons", 60, 60) in seen and ("the same at random initialisation", 60, 60) in seen
    assert any(name == "faithfulness" and done == total for name, done, total in seen)


def test_warnings_name_silence_and_neurons_that_carry_nothing(model, rows):
    silent = tiny_classifier()
    with torch.no_grad():
        silent.backbone.blocks[0].mlp.W_in.zero_()
        silent.backbone.blocks[0].mlp.b_in.fill_(-1.0)
    found = " ".join(analyze(silent, rows, faithfulness_texts=0, at_init=False).warnings)
    assert "do not carry the decision" in found
    assert "100 % of the tokens have no active neuron" in found
    assert "Only 0 % of the neurons are alive" in found


def test_a_negative_number_of_texts_is_an_error(model, rows):
    with pytest.raises(ConfigError, match="0 or more texts"):
        analyze(model, rows, faithfulness_texts=-1)


# ---- comparisons


def with_accuracy(analysis, values):
    """An analysis whose accuracy has these replicates around their mean."""
    replicates = torch.tensor(values, dtype=torch.float64)
    figure = Measurement(Estimate(replicates.mean().item(), replicates))
    return dataclasses.replace(analysis, measurements={"accuracy": figure})


def test_a_run_and_itself_differ_by_nothing(analysis):
    found = compare({"a": [analysis], "b": [analysis]})["b"]
    for row in found:
        assert row.difference == 0.0 or math.isnan(row.difference)
        assert row.verdict in ("within noise", "unknown")
        assert row.over == "sentences"


def test_a_difference_beyond_its_interval_is_called_better_or_worse(analysis):
    low = with_accuracy(analysis, [0.50, 0.52, 0.48, 0.51])
    high = with_accuracy(analysis, [0.70, 0.71, 0.69, 0.70])
    assert compare({"low": [low], "high": [high]})["high"][0].verdict == "better"
    assert compare({"high": [high], "low": [low]})["low"][0].verdict == "worse"
    near = with_accuracy(analysis, [0.48, 0.53, 0.47, 0.52])
    assert compare({"low": [low], "near": [near]})["near"][0].verdict == "within noise"


def test_figures_with_a_null_are_compared_above_it(analysis):
    (row,) = [one for one in compare({"a": [analysis], "b": [analysis]})["b"] if one.measure == "token_selectivity"]
    assert row.above_null and row.value == analysis.measurements["token_selectivity"].above.value


def test_several_runs_are_compared_over_seeds(analysis):
    before, after = [0.70, 0.72, 0.74], [0.75, 0.79, 0.78]
    groups = {
        name: [with_accuracy(analysis, [value] * 3) for value in values]
        for name, values in (("before", before), ("after", after))
    }
    (row,) = compare(groups)["after"]
    expected = stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
    assert (row.low, row.high) == pytest.approx(tuple(expected))
    assert row.over == "seeds" and row.verdict == "better"


def test_one_run_against_several_has_no_interval(analysis):
    one, other = with_accuracy(analysis, [0.7] * 3), with_accuracy(analysis, [0.8] * 3)
    (row,) = compare({"one": [one], "two": [other, one]})["two"]
    assert row.verdict == "unknown" and math.isnan(row.low)


def test_lower_is_better_for_silence(analysis):
    def silent(value):
        return dataclasses.replace(
            analysis, measurements={"silent_tokens": Measurement(Estimate(value, torch.full((5,), value)))}
        )

    assert compare({"a": [silent(0.0)], "b": [silent(0.3)]})["b"][0].verdict == "worse"


def test_a_comparison_as_json_has_verdicts(analysis):
    found = to_dict(compare({"a": [analysis], "b": [analysis]}))
    assert found["b"]["accuracy"]["verdict"] == "within noise"


def test_a_comparison_needs_two_groups_of_the_same_data(analysis, model, rows):
    with pytest.raises(ConfigError, match="at least two"):
        compare({"a": [analysis]})
    other = analyze(model, rows[:30], faithfulness_texts=0, at_init=False)
    with pytest.raises(ConfigError, match="same n_texts"):
        compare({"a": [analysis], "b": [other]})


@pytest.mark.parametrize(
    ("above", "said"),
    [(0.02, "rose only by 0.020: chance alone accounts for most of the rise"), (-0.02, "fell by 0.020: chance")],
)
@pytest.mark.parametrize("name", ["token_selectivity", "name_fidelity"])
def test_a_rise_that_chance_explains_is_said_with_the_null_of_the_measure(analysis, name, above, said):
    def with_value(value, above):
        measured = Measurement(*map(no_interval, (value, value - above, above)))
        return dataclasses.replace(analysis, measurements={name: measured})

    [caution] = cautions(with_value(0.5, 0.1), with_value(0.6, 0.1 + above))
    assert said in caution and MEASURES[name].null in caution
    assert cautions(with_value(0.5, 0.1), with_value(0.6, 0.2)) == []
