"""The monosemanticity score of two real processes: that of all their rows."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from safr_lens.measures.formulas.monosemanticity import monosemanticity_score, similarity_baseline
from tests.two_processes import run_in_two_processes

FIRST = 37  # rows of the first process
SCRIPT = '''
"""Score this process's share of the rows, and note what comes out once the processes are joined."""

import json
import os
import sys
from pathlib import Path

import torch.distributed as dist
from safetensors.torch import load_file

from safr_lens.measures.streams.monosemanticity import MonosemanticityScore

folder, rank, first = Path(sys.argv[1]), int(os.environ["RANK"]), int(sys.argv[2])
dist.init_process_group("gloo")
rows = load_file(folder / "rows.safetensors")
share = slice(0, first) if rank == 0 else slice(first, None)
activations, embeddings = rows["activations"][share], rows["embeddings"][share]
d_mlp, d_embed = activations.shape[1], embeddings.shape[1]

shared, lopsided = MonosemanticityScore(d_mlp, d_embed), MonosemanticityScore(d_mlp, d_embed)
for start in range(0, len(activations), 10):
    shared.update(activations[start : start + 10], embeddings[start : start + 10])
nothing = slice(None) if rank == 0 else slice(0, 0)
lopsided.update(activations[nothing], embeddings[nothing])
noted = {
    "processes": dist.get_world_size(),
    "baseline": shared.baseline().item(),
    "score": shared.compute().tolist(),
    "own_rows": int(shared.n_rows),
    "lopsided": lopsided.compute().tolist(),
}
(folder / f"{rank}.json").write_text(json.dumps(noted))
dist.destroy_process_group()
'''


@pytest.fixture(scope="module")
def rows() -> dict[str, torch.Tensor]:
    """Rows whose smallest and largest activations lie in different processes; one neuron fires once in each."""
    g = torch.Generator().manual_seed(0)
    activations = torch.randn(100, 6, generator=g).relu()
    activations[:FIRST, 1] -= 3
    activations[:, 2] = 0
    activations[[5, 80], 2] = torch.tensor([1.0, 0.5])
    activations[:, 3] = 0
    activations[80, 3] = 1
    return {"activations": activations, "embeddings": torch.randn(100, 4, generator=g) + 0.3}


@pytest.fixture(scope="module")
def noted(rows, tmp_path_factory) -> list[dict]:
    """What each of two processes made of its rows."""
    folder = tmp_path_factory.mktemp("two_processes")
    save_file(rows, folder / "rows.safetensors")
    run_in_two_processes(SCRIPT, folder, FIRST)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


def test_both_processes_give_the_score_of_all_rows(rows, noted):
    expected = monosemanticity_score(**rows)
    assert [one["processes"] for one in noted] == [2, 2]
    assert expected.isnan().tolist() == [False, False, False, True, False, False]
    for one in noted:
        assert one["score"] == pytest.approx(expected.tolist(), abs=1e-6, nan_ok=True)


def test_both_processes_give_the_baseline_of_all_rows(rows, noted):
    expected = similarity_baseline(rows["embeddings"]).item()
    assert [one["baseline"] for one in noted] == pytest.approx([expected] * 2, abs=1e-6)


def test_each_process_goes_on_with_its_own_rows(noted):
    assert [one["own_rows"] for one in noted] == [FIRST, 100 - FIRST]


def test_a_process_without_rows_changes_nothing(rows, noted):
    expected = monosemanticity_score(rows["activations"][:FIRST], rows["embeddings"][:FIRST])
    for one in noted:
        assert one["lopsided"] == pytest.approx(expected.tolist(), abs=1e-6, nan_ok=True)
