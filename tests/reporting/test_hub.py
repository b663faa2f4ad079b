"""A run on a fake of the Hub: what goes up, what the card says, and what comes back."""

from __future__ import annotations

import json
import math
import re
import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub import ModelCard

from safr_lens import HookedClassifier, push_to_hub
from safr_lens.errors import CheckpointError
from safr_lens.measures import MEASURES
from safr_lens.models.compared import ComparedPairs
from safr_lens.reporting import hub as reporting_hub

UPLOADED = {
    "model.safetensors",
    "config.json",
    "manifest.json",
    "tokenizer.json",
    "compared_pairs.safetensors",
    "README.md",
}
TEXTS = ["a wonderful film", "boring", "a dull , wonderful , dull story"]


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A folder that stands in for the Hub, one below it for each repository."""
    root = tmp_path / "hub"

    def create_repo(api, repo_id, *, private, exist_ok):
        (root / repo_id).mkdir(parents=True, exist_ok=exist_ok)
        (root / "private").write_text(str(private))
        return f"https://hub.test/{repo_id}"

    def upload_folder(api, *, repo_id, folder_path, allow_patterns, delete_patterns):
        for path in Path(folder_path).iterdir():
            assert path.name in allow_patterns
            shutil.copy(path, root / repo_id)

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", create_repo)
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", upload_folder)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda repo_id, **_: str(root / repo_id))
    monkeypatch.chdir(tmp_path)
    return root


@pytest.fixture
def own(run, tmp_path):
    """A copy of the run that may be changed."""
    folder = Path(shutil.copytree(run, tmp_path / "own"))
    (folder / "manifest.json").unlink()  # with it, changes are refused
    return folder


def wilson(share: float, n: int) -> tuple[float, float]:
    z = 1.959964
    centre, half = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)


def changed(folder: Path, **values) -> dict:
    metrics = json.loads((folder / "metrics.json").read_text()) | values
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return metrics


def test_what_was_pushed_comes_back_bit_for_bit_without_rows_or_paths(hub, run, corpus):
    assert push_to_hub(run, "ada/reviews") == "https://hub.test/ada/reviews"
    there = {path.name: path.read_bytes() for path in (hub / "ada/reviews").iterdir()}
    assert set(there) == UPLOADED
    assert (hub / "private").read_text() == "True"
    for place in (str(corpus), str(corpus.parent), corpus.name, str(run), str(Path.home())):
        assert str(corpus) in (run / "metrics.json").read_text()
        assert not [name for name, content in there.items() if place.encode() in content], place
    ours, theirs = HookedClassifier.from_pretrained(run), HookedClassifier.from_pretrained("ada/reviews")
    assert torch.equal(ours(TEXTS).logits, theirs(TEXTS).logits)
    assert (theirs.labels, theirs.compared) == (
        ours.labels,
        ComparedPairs(ours.compared.pairs, ours.compared.threshold),
    )


def test_card_says_what_the_metrics_say(hub, run):
    push_to_hub(run, "ada/reviews", base_model="org/encoder")
    metrics = json.loads((run / "metrics.json").read_text())
    card = ModelCard.load(hub / "ada/reviews/README.md")
    assert (card.data.pipeline_tag, card.data.library_name) == ("text-classification", "safr-lens")
    assert (card.data.base_model, card.data.model_name) == ("org/encoder", "reviews")
    [result] = card.data.eval_results
    assert (result.metric_type, result.metric_value) == ("accuracy", metrics["test"]["accuracy"])
    n, right = metrics["test"]["n"], metrics["test"]["accuracy"]
    low, high = wilson(right, n)
    said = f"accuracy: {100 * right:.1f} % of {n} texts (95 % interval: {100 * low:.1f} to {100 * high:.1f})."
    assert said in card.text
    lost = metrics["reliance"]
    assert f"{100 * lost['zero']['accuracy_lost']:.1f} points" in card.text
    assert f"{100 * lost['mean']['accuracy_lost']:.1f} when it is mean-ablated" in card.text
    for part in ('from_pretrained("ada/reviews")', "safr-lens predict ada/reviews", "- penalty: ", "## Limitations"):
        assert part in card.text
    assert "## Measures" not in card.text and "## Encoder" not in card.text


def test_measures_beside_the_run_are_in_the_card_with_nulls_and_intervals(hub, own, call):
    options = ("--no-init", "--faithfulness-texts", 0, "--quiet", "--out", own / "analysis")
    assert call("analyze", own, *options).exit_code == 0
    assert call("push", own, "ada/reviews", "--public").stdout == "Uploaded to https://hub.test/ada/reviews.\n"
    assert (hub / "private").read_text() == "False"
    card = (hub / "ada/reviews/README.md").read_text()
    found = json.loads((own / "analysis/measures.json").read_text())
    assert "the same data (split: test" in card and str(own) not in card and "None" not in card
    assert found["data"] is None
    chosen = found["figures"]["token_selectivity"]
    measure = MEASURES["token_selectivity"]
    [row] = [line for line in card.splitlines() if line.startswith(f"| {measure.title} |")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert (cells[1], cells[3]) == (measure.shown(chosen["value"]), measure.shown(chosen["null"]["value"]))
    assert cells[4].startswith(measure.shown(chosen["above_null"]["value"], sign=True))

    changed(own, test=json.loads((own / "metrics.json").read_text())["test"] | {"accuracy": -1.0})
    with pytest.raises(CheckpointError, match="of other weights than the run"):
        push_to_hub(own, "ada/reviews")


@pytest.mark.parametrize(
    ("origin", "name", "shown"),
    [
        ({"source": "rotten_tomatoes"}, "rotten_tomatoes", "rotten\\_tomatoes"),
        ({"source": "org/set:part"}, "org/set", "org/set:part"),
        ({"source": "/home/ada/secret.csv"}, "unnamed", "data that its author does not name here"),
        ({"source": {"train": "/home/ada/secret.csv"}}, "unnamed", "data that its author does not name here"),
        (None, "unnamed", "data that its author does not name here"),
    ],
)
def test_only_public_data_is_named(hub, own, origin, name, shown):
    changed(own, data_origin=origin, word_vectors="/home/ada/secret.txt")
    push_to_hub(own, "ada/reviews")
    card = ModelCard.load(hub / "ada/reviews/README.md")
    assert card.data.eval_results[0].dataset_type == name
    assert f"Data: {shown}" in card.text
    assert "secret" not in str(card) and "/home" not in str(card)


HOSTILE = ["a\n---\n# b", "<script>{{ 7 * 7 }}|`x`", "- c\r\n- d", "https://e.f/", "\u202eg", "---\ntags: [h]\n---"]


def test_hostile_labels_stay_text(hub, own, monkeypatch):
    load = reporting_hub.load_run

    def load_run(run):
        found = load(run)
        found.model.labels = tuple(HOSTILE)
        return found

    monkeypatch.setattr(reporting_hub, "load_run", load_run)
    changed(own, label_mapping={})
    push_to_hub(own, "ada/reviews")
    card = ModelCard.load(hub / "ada/reviews/README.md")
    shown = r"a --- \# b, \<script\>\{\{ 7 \* 7 \}\}\|\`x\`, - c - d, https\://e.f/, g, --- tags: \[h\] ---"
    assert f"It distinguishes {shown}.\n" in card.text
    assert card.data.tags == ["text-classification", "interpretability", "mechanistic-interpretability", "safr"]
    assert not re.search(r"(?<!\\)<script|^# b|^- d|\u202e", str(card), re.MULTILINE)


@pytest.mark.parametrize("source", ["org/set\n", "org/set:a b", "org/set<b>", "rotten_tomatoes\n---", "../set", "/a/b"])
def test_hostile_names_of_data_are_not_named(hub, own, source):
    changed(own, data_origin={"source": source})
    push_to_hub(own, "ada/reviews")
    card = ModelCard.load(hub / "ada/reviews/README.md")
    assert card.data.eval_results[0].dataset_type == "unnamed" and card.data.datasets is None
    assert source.strip() not in str(card)


def test_the_card_has_no_stray_blank_lines_and_no_undefined_values(hub, own, call):
    options = ("--no-init", "--faithfulness-texts", 0, "--quiet", "--out", own / "analysis")
    assert call("analyze", own, *options).exit_code == 0
    push_to_hub(own, "ada/reviews")
    text = (hub / "ada/reviews/README.md").read_text()
    assert text.endswith(".\n") and not re.search(r"\n\n\n|[ \t]\n|\n\n\|(?! measure)", text)
    assert not re.search(r"None|nan|Undefined|\{\{|\{%", text)
    for line in text.splitlines():
        assert not line.startswith("#") or f"\n\n{line}\n\n" in text, line


def test_the_token_of_the_hub_is_nowhere(hub, own, monkeypatch, call):
    token = "hf_" + "x1" * 17
    monkeypatch.setenv("HF_TOKEN", token)
    assert call("push", own, "ada/reviews").exit_code == 0
    assert not [path for path in hub.rglob("*") if path.is_file() and token in path.read_bytes().decode("latin-1")]

    def refuse(*_, **__):
        raise OSError(f"401 for https://ada:{token}@hub.test\nAuthorization: Bearer {token}")

    monkeypatch.setattr(huggingface_hub.HfApi, "upload_folder", refuse)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    for words in (("push", own, "ada/reviews"), ("predict", "ada/elsewhere", "a film")):
        result = call(*words)
        assert result.exit_code == 2 and "401 for https://ada:hf_***@hub.test" in result.stderr
        assert token not in result.output + result.stderr


def test_a_damaged_record_is_named(hub, own):
    changed(own, test={"accuracy": "high", "n": 3})
    with pytest.raises(CheckpointError, match=r"The metrics.json of own is damaged"):
        push_to_hub(own, "ada/reviews")
    assert not hub.exists()


def test_a_model_without_a_record_has_a_card_too(hub, own):
    (own / "metrics.json").unlink()
    push_to_hub(own, "ada/reviews")
    card = ModelCard.load(hub / "ada/reviews/README.md")
    assert card.data.eval_results is None
    assert "## Accuracy" not in card.text and "## Use" in card.text


@pytest.mark.parametrize(
    ("folder", "repo_id", "said"),
    [("own", "reviews", "'reviews' is no Hub id"), ("missing", "ada/reviews", "missing is no folder")],
)
def test_wrong_names_never_reach_the_hub(hub, own, folder, repo_id, said):
    with pytest.raises(CheckpointError, match=said):
        push_to_hub(own.parent / folder, repo_id)
    assert not hub.exists()


def test_a_damaged_analysis_is_named(hub, own):
    (own / "analysis").mkdir()
    (own / "analysis/measures.json").write_text('{"split": "test"}')
    with pytest.raises(CheckpointError, match="is no analysis"):
        push_to_hub(own, "ada/reviews")
    assert not hub.exists()
