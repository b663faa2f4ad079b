"""A neuron head on a pretrained encoder: trained from the command line, and what every other command makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from safr_lens import HookedClassifier
from safr_lens.models.encoder_words import SOURCE
from tests.backbones.pretrained.encoders import write_small_decoder


@pytest.fixture(scope="module")
def options(corpus, small_bert, tmp_path_factory) -> tuple:
    kept = tmp_path_factory.mktemp("kept")
    config = tmp_path_factory.mktemp("config") / "head.yaml"
    config.write_text("d_mlp: 16\nepochs: 2\n")
    return ("--data", corpus, "--backbone", small_bert, "--config", config, "--vectors-folder", kept, "--quiet")


@pytest.fixture(scope="module")
def run(call, options, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "head"
    result = call("train", *options, "--out", out)
    assert result.exit_code == 0, result.output
    return out


def test_the_run_says_what_it_is_and_the_encoder_is_as_it_was(run, small_bert, options):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["word_vectors"] == SOURCE
    assert metrics["settings"]["model"]["backbone"] == "neuron_head"
    assert metrics["settings"]["model"]["freeze"] == "all"
    assert metrics["settings"]["penalty"]["word_threshold"] == 0.4
    start = HookedClassifier.from_pretrained_backbone(small_bert, labels=("a", "b"), d_mlp=16).backbone.encoder
    trained = HookedClassifier.from_pretrained(run).backbone.encoder.state_dict()
    assert all(torch.equal(trained[name], tensor) for name, tensor in start.state_dict().items())


def test_a_head_keeps_its_largest_neurons_alone(call, options, tmp_path):
    result = call("train", *options, "--act-fn", "topk", "--k", 4, "--k-epochs", 1, "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    model = HookedClassifier.from_pretrained(tmp_path / "run")
    seen = model(["a dull film"], capture=["head.mlp.hook_post"]).activations["head.mlp.hook_post"]
    assert (model.config.act_fn, model.config.k) == ("topk", 4) and (seen > 0).sum(-1).max() <= 4


def test_too_large_a_k_is_refused_before_anything_is_written(call, options, tmp_path):
    result = call("train", *options, "--act-fn", "topk", "--k", 17, "--out", tmp_path / "run")
    assert result.exit_code == 2 and not (tmp_path / "run").exists()
    assert "k must be a whole number, from 1 to 16; got 17" in " ".join(result.stderr.split())


def test_token_vectors_are_shared_by_trainings(call, options, tmp_path, run):
    folder = options[options.index("--vectors-folder") + 1]
    before = sorted(folder.rglob("*"))
    result = call("train", *options, "--site", "none", "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert sorted(folder.rglob("*")) == before and len(before) > 3


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "RUN", "--data", "CORPUS", "--json"),
        ("predict", "RUN", "a dull film"),
        ("predict", "RUN", "a dull film", "--json"),
        ("analyze", "RUN", "--data", "CORPUS", "--quiet", "--json", "--out", "OUT"),
        ("report", "RUN", "--data", "CORPUS", "--quiet", "--out", "OUT/report.html"),
    ],
    ids=lambda words: words[0],
)
def test_every_other_command_works_on_it(call, run, corpus, tmp_path, words):
    named = {"RUN": run, "CORPUS": corpus, "OUT": tmp_path / "out", "OUT/report.html": tmp_path / "report.html"}
    result = call(*(named.get(word, word) for word in words))
    assert result.exit_code == 0, result.output
    if words[0] == "report":
        assert "reads the token vectors of a bert encoder" in (tmp_path / "report.html").read_text()


def test_two_of_them_can_be_compared(call, options, run, corpus, tmp_path):
    other = call("train", *options, "--seed", 1, "--site", "none", "--out", tmp_path / "none")
    assert other.exit_code == 0, other.output
    result = call("compare", tmp_path / "none", run, "--data", corpus, "--quiet", "--json")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("freeze", ["1", "none"])
def test_the_encoder_can_be_trained_too(call, options, tmp_path, freeze):
    result = call("train", *options, "--freeze", freeze, "--out", tmp_path / "run", "--epochs", 1, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["settings"]["train"]["backbone_learning_rate"] == 5e-5
    assert (found["settings"]["train"]["head_epochs"], found["epochs"], found["best_epoch"]) == (5, 6, 6)
    result = call("train", *options, "--head-epochs", 1, "--out", tmp_path / "frozen")
    assert result.exit_code == 2 and "head_epochs is for a neuron head" in " ".join(result.stderr.split())


def test_a_decoder_can_be_read_at_its_last_token(call, options, corpus, tmp_path):
    decoder, out = write_small_decoder(tmp_path / "gpt2", "gpt2"), tmp_path / "run"
    words = ("--backbone", decoder, "--pooling", "last", "--epochs", 1, "--out", out, "--json")
    result = call("train", *options, *words)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["settings"]["model"]["pooling"] == "last"
    result = call("analyze", out, "--data", corpus, "--quiet", "--json", "--no-init")
    assert result.exit_code == 0, result.output
    assert {"reliance_zero", "capacity"} <= json.loads(result.stdout)["figures"].keys()


@pytest.mark.parametrize("readout", ["neurons", "residual"])
def test_the_encoders_own_neurons_can_be_trained(call, options, tmp_path, readout):
    config = tmp_path / "empty.yaml"
    config.write_text("epochs: 1\n")
    words = ("--readout", readout, "--config", config, "--out", tmp_path / "run")
    result = call("train", *options, *words)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--backbone", "nowhere/at/all"), "nowhere/at/all: no such folder"),
        (("--freeze", "3"), "freeze is 3, but the encoder has 2 blocks"),
        (("--freeze", "most"), "freeze must be all, none, or the number of lower blocks"),
        (("--readout", "neuron-head"), "readout must be one of neuron_head"),
        (("--pooling", "last"), 'pooling="last" needs a decoder'),
        (("--tokenizer", "bpe"), "the encoder brings its own tokenizer"),
        (("--preset", "release"), "the token embedding, which is frozen"),
        (("--max-length", 999), "n_ctx must be a whole number, from 3 to 24"),
    ],
    ids=lambda value: value[0].strip("-") if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line_and_nothing_is_written(call, options, tmp_path, words, message):
    result = call("train", *options, *words, "--out", tmp_path / "run")
    assert result.exit_code == 2 and message in " ".join(result.stderr.split()), result.output
    assert not (tmp_path / "run").exists()


def test_a_readout_through_a_head_needs_an_encoder(call, corpus, tmp_path):
    result = call("train", "--data", corpus, "--readout", "neuron_head", "--out", tmp_path / "run")
    assert result.exit_code == 2 and "needs a pretrained encoder" in result.stderr


def test_the_demo_compares_heads_without_and_with_safr_and_resumes(call, small_bert, tmp_path):
    words = ("--backbone", small_bert, "--vectors-folder", tmp_path / "kept", "--limit", 60, "--epochs", 1, "--quiet")
    result = call("demo", "--out", tmp_path / "demo", *words, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert Path(found["report"]).is_file()
    sources = [found["models"][name]["metrics"]["word_vectors"] for name in ("unregularised", "SAFR")]
    assert sources == [None, SOURCE]
    Path(found["report"]).unlink()
    weights = tmp_path / "demo" / "safr" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    again = call("demo", "--out", tmp_path / "demo", *words)
    assert again.exit_code == 0, again.output
    assert weights.stat().st_mtime_ns == before and Path(found["report"]).is_file()


def test_a_sweep_trains_heads_that_share_token_vectors_and_finds_them_again(call, options, corpus, tmp_path):
    folder = options[options.index("--vectors-folder") + 1]
    words = ("sweep", *options, "--strengths", "1", "--budget", 99, "--out", tmp_path / "sweep", "--json")
    result = call(*words)
    assert result.exit_code == 0, result.output
    kept = sorted(folder.rglob("*"))
    found = json.loads(result.stdout)
    assert [step["strength"] for step in found["steps"]] == [0.0, 1.0]
    described = [json.loads((Path(step["runs"][0]) / "metrics.json").read_text()) for step in found["steps"]]
    assert {one["settings"]["model"]["backbone"] for one in described} == {"neuron_head"}
    assert [one["word_vectors"] for one in described] == [None, SOURCE]
    weights = Path(found["steps"][1]["runs"][0]) / "model.safetensors"
    before = weights.stat().st_mtime_ns
    again = call(*words)
    assert json.loads(again.stdout) == found and weights.stat().st_mtime_ns == before
    assert sorted(folder.rglob("*")) == kept
    plain, safr = (step["runs"][0] for step in found["steps"])
    for command in (
        ("evaluate", safr, "--data", corpus, "--json"),
        ("predict", safr, "a dull film", "--json"),
        ("compare", plain, safr, "--data", corpus, "--quiet", "--json"),
        ("report", safr, "--baseline", plain, "--data", corpus, "--quiet", "--out", tmp_path / "report.html"),
    ):
        result = call(*command)
        assert result.exit_code == 0, (command, result.output)
