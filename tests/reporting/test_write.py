"""The report's numbers are the analysis's, and what cannot be reported is said in one message."""

from __future__ import annotations

import json
import re
import shutil

import pytest

import safr_lens
from safr_lens.errors import CheckpointError, ConfigError, DataError
from safr_lens.measures.registry import MEASURES
from safr_lens.reporting import build_report, load_run
from safr_lens.reporting.runs import run_metadata
from safr_lens.reporting.write import analyze_reported
from safr_lens.runs.measured_data import measured_data


@pytest.fixture(scope="module")
def runs(call, corpus, small_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    for name, site in (("plain", "none"), ("safr", "neurons")):
        result = call(
            "train", "--data", corpus, "--config", small_config, "--site", site, "--out", folder / name, "--quiet"
        )
        assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def view(runs):
    return safr_lens.report(runs / "safr", runs / "plain", out=runs / "report.html", faithfulness_texts=3)


def test_every_figure_is_the_one_that_was_measured(view, runs):
    loaded = [load_run(runs / name) for name in ("plain", "safr")]
    data = measured_data(None, "test", classes=loaded[1].model.labels, runs=[one.record for one in loaded])
    found = analyze_reported(loaded, data, faithfulness_texts=3)
    assert [row.key for row in view.content["rows"]] == [name for name in MEASURES if name in found[0].measurements]
    assert view.content["groups"][0][0] == "Main measures"
    assert sorted(row.key for _, of in view.content["groups"] for row in of) == sorted(
        row.key for row in view.content["rows"]
    )
    for row in view.content["rows"]:
        entry = MEASURES[row.key]
        for cell, analysis in zip(row.cells, found, strict=True):
            figure = analysis.measurements[row.key]
            assert cell.value == entry.shown(figure.estimate.value)
            assert cell.number == pytest.approx(entry.scale * figure.judged.value, nan_ok=True)
    assert view.content["rows"][0].cells[1].at_init and not view.content["rows"][0].cells[0].at_init


def test_the_page_is_written_and_stands_alone(view, runs):
    page = (runs / "report.html").read_text(encoding="utf-8")
    assert page.count("var CircuitsVis=") == 1
    assert not re.findall(r"(?:src|href)\s*=\s*\"(?!data:|#)", page.split("<script>")[0])
    assert len(page.encode()) < 3_000_000


def test_the_neurons_are_the_ends_of_the_list(view):
    most, least = view.content["neurons"]
    scores = [[row["monosemanticity_above"] for row in group["rows"]] for group in (most, least)]
    assert scores[0] == sorted(scores[0], reverse=True)
    assert scores[1] == sorted(scores[1])
    assert scores[0][-1] >= scores[1][-1]
    assert not {row["neuron"] for row in most["rows"]} & {row["neuron"] for row in least["rows"]}


def test_a_run_alone_is_reported_without_differences(runs):
    alone = safr_lens.report(runs / "safr", faithfulness_texts=0)
    assert alone.content["names"] == ["safr"]
    assert alone.content["verdicts"] == []
    assert all(row.difference == row.verdict == "" for row in alone.content["rows"])


def test_an_existing_page_is_not_replaced_unasked(view, runs):
    with pytest.raises(CheckpointError, match="exists already"):
        safr_lens.report(runs / "safr", out=runs / "report.html")


def test_a_run_beside_itself_is_refused(runs):
    with pytest.raises(ConfigError, match="two different runs"):
        safr_lens.report(runs / "safr", runs / "safr")


def test_a_run_without_a_record_needs_data(runs, corpus, tmp_path):
    shutil.copytree(runs / "safr", tmp_path / "bare")
    for name in ("metrics.json", "history.jsonl"):
        (tmp_path / "bare" / name).unlink()
    with pytest.raises(ConfigError, match="--data"):
        safr_lens.report(tmp_path / "bare")
    bare = safr_lens.report(tmp_path / "bare", data=str(corpus), faithfulness_texts=0)
    assert bare.content["curves"] == []
    assert "none" in bare.content["metadata"][0][1]["record"]


def test_a_damaged_record_is_named(runs, tmp_path):
    shutil.copytree(runs / "safr", tmp_path / "broken")
    (tmp_path / "broken" / "history.jsonl").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"history\.jsonl is damaged"):
        load_run(tmp_path / "broken")


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"split": "tset"}, DataError, "'test'"),
        ({"data": "rotten_tomatos"}, DataError, "rotten_tomatoes"),
        ({"baseline": "nowhere"}, CheckpointError, "nowhere"),
    ],
)
def test_what_cannot_be_reported_is_said_and_nothing_is_written(runs, tmp_path, change, error, words):
    with pytest.raises(error, match=words):
        safr_lens.report(runs / "safr", **change, out=tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_the_page_and_prints_what_it_says(call, runs, tmp_path):
    out = tmp_path / "page.html"
    words = ["report", runs / "safr", "--baseline", runs / "plain", "--out", out, "--faithfulness-texts", 0]
    printed = json.loads(call(*words, "--quiet", "--json").stdout)
    assert printed["runs"] == ["plain", "safr"]
    assert out.is_file()
    again = call(*words, "--quiet")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "exists already" in again.stderr


def test_the_command_refuses_a_missing_run(call, tmp_path):
    result = call("report", tmp_path / "none", "--out", tmp_path / "page.html")
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_record_is_told_in_words(runs):
    told = run_metadata(load_run(runs / "safr"))
    assert "importance_weight 2" in told["penalty"]
    assert told["pairs compared"] == "pairs of related words (cosine above 0.5)"
    assert run_metadata(load_run(runs / "plain"))["pairs compared"] == "no pairs of tokens"
    assert "epochs 2" in told["training"]


def test_an_unregularised_run_names_the_weights_that_it_used(runs):
    run = load_run(runs / "plain")
    assert run_metadata(run)["penalty"] == "site none, information_weight 0.1"
    run.metrics["settings"]["penalty"]["l1_weight"] = {"start": 3.0, "end": 3.0, "delay": 0.0, "epochs": 0.0}
    assert "l1_weight 3" in run_metadata(run)["penalty"], "a baseline's weight is part of how a run was made"


def test_a_model_reads_each_text_once_for_all_dashboards_and_each_example_once(runs):
    loaded = [load_run(runs / name) for name in ("plain", "safr")]
    data = measured_data(None, "test", classes=loaded[1].model.labels, runs=[one.record for one in loaded])
    found = analyze_reported(loaded, data, faithfulness_texts=0)
    read = [[], []]
    for one, seen in zip(loaded, read, strict=True):
        one.model.adapter.embedder.register_forward_pre_hook(lambda module, args, seen=seen: seen.extend(args[0]))
    view = build_report(loaded, data.rows, found, measured={"data": "the test split"})
    shown = len(view.content["texts"])
    boards = [board for group in view.content["neurons"] for board in group["dashboards"]]
    n_rows, n_examples = len(data.rows), sum(len(board["examples"]) for board in boards)
    assert shown > 0 and len(boards) > 1 and n_examples > 1
    assert [len(seen) for seen in read] == [shown, n_rows + n_examples + shown]


@pytest.fixture
def few(tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("text,label\n" + "a dull film,negative\na funny film,positive\n")
    return path


def test_few_texts_are_reported_without_what_they_cannot_give(call, runs, few, tmp_path):
    view = safr_lens.report(runs / "safr", runs / "plain", data=str(few))
    assert "monosemanticity" not in [row.key for row in view.content["rows"]]
    assert view.content["neurons"] == []
    assert any("safr: monosemanticity (MS), name fidelity" in warning for warning in view.content["warnings"])
    shown = call("analyze", runs / "safr", "--data", few, "--quiet", "--json")
    assert json.loads(shown.stdout)["not_measured"].keys() >= {"monosemanticity", "name_fidelity"}


@pytest.mark.parametrize(
    ("option", "words"), [("--word-vectors", "few.vec knows 0 of"), ("--word-vectors-from", "few.csv know 0% of")]
)
def test_word_vectors_that_were_asked_for_and_cannot_be_made_stay_an_error(call, runs, few, tmp_path, option, words):
    (tmp_path / "few.vec").write_text("qwert 1 0\nasdfg 0 1\n")
    given = tmp_path / "few.vec" if option == "--word-vectors" else few
    result = call("analyze", runs / "safr", "--data", few, option, given, "--quiet")
    assert result.exit_code == 2 and words in result.stderr


def test_a_run_is_reported_from_another_folder_on_its_own_test_split(runs, monkeypatch):
    monkeypatch.chdir("/")
    view = safr_lens.report(runs / "safr", runs / "plain", faithfulness_texts=0)
    facts = dict(view.content["metadata"])["this evaluation"]
    assert facts["data"].startswith("the test split of ")
    assert facts["texts trained on"] == "plain: 0 of 24 texts were trained on. safr: 0 of 24 texts were trained on."
    assert "24 texts" in " ".join(view.content["intro"])
    assert not any("trained on" in warning for warning in view.content["warnings"])


def test_a_report_warns_of_texts_that_were_trained_on(call, runs, corpus, tmp_path):
    options = {"data": str(corpus), "split": "all", "faithfulness_texts": 0}
    view = safr_lens.report(runs / "safr", out=tmp_path / "page.html", **options)
    [warning] = [one for one in view.content["warnings"] if "trained on" in one]
    assert re.match(r"safr: \d+ of 120 texts were trained on, and \d+ were used to choose the best epoch\.", warning)
    assert warning in (tmp_path / "page.html").read_text()
    assert view.content["seen"]["safr"]["train"] > 60 and view.content["measured"] == f"{corpus} (all of it)"
    words = ["compare", runs / "plain", runs / "safr", "--quiet", "--json"]
    compared = json.loads(call(*words, "--data", corpus, "--split", "all").stdout)
    for one in compared["runs"].values():
        assert one["seen"]["train"] > 60 and "trained on" in one["warnings"][0]
    assert json.loads(call(*words).stdout)["split"] == "test", "without --data"


def test_a_run_with_data_of_its_own_kind_is_reported_from_another_folder(
    call, corpus, small_config, tmp_path, monkeypatch
):
    _, *rows = corpus.read_text().splitlines()
    numbered = [row.replace(",negative", ",1").replace(",positive", ",2") for row in rows]
    for name, part in (("a.csv", numbered[:90]), ("b.csv", numbered[90:])):
        (tmp_path / name).write_text("\n".join(["title,review,stars", *(f"x,{row}" for row in part)]))
    monkeypatch.chdir(tmp_path)
    data = ["--data", "a.csv", "--test-data", "b.csv", "--text-column", "review", "--label-column", "stars"]
    words = [*data, "--labels", "1=negative", "2=positive", "--config", small_config, "--site", "none", "--quiet"]
    assert call("train", *words, "--out", "run").exit_code == 0
    monkeypatch.chdir("/")
    printed = call("report", tmp_path / "run", "--out", tmp_path / "page.html", "--quiet", "--json")
    found = json.loads(printed.stdout)
    assert found["seen"] == {"run": {"train": 0, "validation": 0, "test": 30, "new": 0}}
    assert found["label_mapping"] == {"1": "negative", "2": "positive"}
    (tmp_path / "b.csv").unlink()
    gone = call("report", tmp_path / "run", "--out", tmp_path / "other.html", "--quiet")
    assert gone.exit_code == 2 and f"{tmp_path / 'b.csv'}, which is no longer there" in gone.stderr
    assert not (tmp_path / "other.html").exists()
