"""Two real processes that each read half of a corpus measure what one process measures."""

from __future__ import annotations

import json

import pytest

from safr_lens.measures import Faithfulness, Inputs, faithfulness, measurements
from safr_lens.measures.statistics import collect_statistics
from safr_lens.neurons import neuron_table, top_activations
from tests.training.corpus import rows, tiny_classifier
from tests.two_processes import run_in_two_processes

SCRIPT = '''
"""Measure together, and note what this process got and how much of it was its own."""

import json
import os
import sys
from pathlib import Path

from safr_lens.processes import join

join()

from safr_lens.activations import stream
from safr_lens.measures import Inputs, faithfulness, measurements
from safr_lens.measures.faithfulness import measure
from safr_lens.measures.statistics import collect_statistics
from safr_lens.neurons import neuron_table, top_activations
from tests.measures.test_statistics_two_processes import FAITHFUL, values
from tests.training.corpus import rows, tiny_classifier

stream.BATCH_SIZE = 8
own = []
original = stream.activations_of


def noting(model, batch, names, *rest):
    own.extend(batch.example.tolist())
    return original(model, batch, names, *rest)


stream.activations_of = noting
model, data = tiny_classifier(), rows(45, seed=2)
found = collect_statistics(model, data)

ranked = []
deleting = measure.measured


def noting_texts(model, texts, **rest):
    ranked.append(len(texts))
    return deleting(model, texts, **rest)


measure.measured = noting_texts
steps = []
faithful = [
    values(faithfulness(model, data, **sizes, on_step=lambda done, total: steps.append((done, total))))
    for sizes in FAITHFUL
]
noted = {
    "own": sorted(own),
    "figures": {name: one.to_dict() for name, one in measurements(Inputs(found)).items()},
    "faithful": faithful,
    "ranked": ranked,
    "steps": steps,
    "effects": found.ablation.loss_gained.tolist(),
    "table": json.loads(neuron_table(model, data).to_json()),
    "top": json.loads(top_activations(model, data, [0, 3], k=4).to_json()),
}
Path(sys.argv[1], os.environ["RANK"] + ".json").write_text(json.dumps(noted))
'''

# an unequal number of texts each; then none for the second process, of which the first has no bounds either
FAITHFUL = ({"max_texts": 5, "naopc_texts": 3}, {"max_texts": 1, "naopc_texts": 0})


def values(found: Faithfulness) -> dict:
    """Return what was measured of each text."""
    by_ranking = {"tested": vars(found.tested), "random": vars(found.random)}
    other = {name: getattr(found, name).tolist() for name in ("full", "lower", "upper", "exact")}
    return other | {name: {key: one.tolist() for key, one in each.items()} for name, each in by_ranking.items()}


@pytest.fixture(scope="module")
def noted(tmp_path_factory) -> list[dict]:
    folder = tmp_path_factory.mktemp("two_processes")
    run_in_two_processes(SCRIPT, folder)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


@pytest.fixture(scope="module")
def alone():
    return tiny_classifier(), rows(45, seed=2)


def close(found, expected):
    if isinstance(expected, dict):
        assert set(found) == set(expected)
        for key, value in expected.items():
            close(found[key], value)
    elif isinstance(expected, list):
        for one, other in zip(found, expected, strict=True):
            close(one, other)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=1e-6, rel=1e-5)
    else:
        assert found == expected


def test_each_process_runs_the_model_on_its_share_only(noted):
    first, second = (one["own"] for one in noted)
    assert sorted(first + second) == list(range(45))
    assert min(len(first), len(second)) > 15


def test_both_get_the_figures_of_one_process(noted, alone):
    found = collect_statistics(*alone)
    expected = {name: one.to_dict() for name, one in measurements(Inputs(found)).items()}
    for one in noted:
        close(one["figures"], expected)
        assert one["effects"] == pytest.approx(found.ablation.loss_gained.tolist(), abs=1e-6)


def test_both_get_the_tables_of_one_process(noted, alone):
    table = json.loads(neuron_table(*alone).to_json())
    top = json.loads(top_activations(*alone, [0, 3], k=4).to_json())
    for one in noted:
        close(one["table"], table)
        close(one["top"], top)


def test_each_process_deletes_tokens_of_its_share_of_the_texts_and_both_get_all(noted, alone):
    assert [one["ranked"] for one in noted] == [[3, 1], [2]]
    assert noted[0]["steps"][:2] == [[6, 8], [8, 8]] and noted[0]["steps"][-1] == [1, 1]
    for number, sizes in enumerate(FAITHFUL):
        expected = values(faithfulness(*alone, **sizes))
        assert len(expected["full"]) == sizes["max_texts"]
        for one in noted:
            close(one["faithful"][number], expected)
