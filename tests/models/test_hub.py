"""A classifier on a fake of the Hub: what goes up, and what stays at home."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import huggingface_hub
import pytest
import torch

from safr_lens import HookedClassifier
from safr_lens.errors import CheckpointError
from safr_lens.models.compared import ComparedPairs
from tests.backbones.pretrained.encoders import rewrite

FILES = ["config.json", "manifest.json", "model.safetensors", "tokenizer.json"]


@pytest.fixture
def saved(tmp_path, make_model) -> Path:
    """The folder of a saved classifier."""
    make_model(labels=["bad", "good"]).save_pretrained(tmp_path / "run")
    return tmp_path / "run"


class FakeApi:
    """Stands in for ``HfApi``; keeps its calls and what was uploaded."""

    calls: list[tuple[str, dict]]
    uploaded: dict[str, bytes]

    def create_repo(self, repo_id, **kwargs) -> str:
        self.calls.append(("create_repo", {"repo_id": repo_id, **kwargs}))
        return f"https://hub.test/{repo_id}"

    def upload_folder(self, *, folder_path, **kwargs) -> None:
        self.calls.append(("upload_folder", kwargs))
        self.uploaded.update({path.name: path.read_bytes() for path in Path(folder_path).iterdir()})


@pytest.mark.parametrize("private", [True, False])
def test_push_to_hub_makes_the_repository_and_uploads_the_checkpoint(saved, monkeypatch, private):
    api = FakeApi()
    api.calls, api.uploaded = [], {}
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: api)
    model = HookedClassifier.from_pretrained(saved)
    address = model.push_to_hub("org/name") if private else model.push_to_hub("org/name", private=False)
    assert address == "https://hub.test/org/name"
    (create, created), (upload, sent) = api.calls
    assert (create, upload) == ("create_repo", "upload_folder")
    assert created == {"repo_id": "org/name", "private": private, "exist_ok": True}
    assert sent["repo_id"] == "org/name"
    assert sorted(sent["allow_patterns"]) == ["compared_pairs.safetensors", *FILES]
    assert api.uploaded == {name: (saved / name).read_bytes() for name in FILES}


def test_push_to_hub_names_no_file_of_the_user(saved, monkeypatch):
    api = FakeApi()
    api.calls, api.uploaded = [], {}
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: api)
    model = HookedClassifier.from_pretrained(saved)
    vectors = torch.ones(model.tokenizer.d_vocab, 2)
    model.compared = ComparedPairs("words", 0.4, "/home/somebody/glove.txt", vectors)
    model.push_to_hub("org/name")
    assert not [name for name, content in api.uploaded.items() if b"somebody" in content]
    for name, content in api.uploaded.items():
        (saved / name).write_bytes(content)
    kept = HookedClassifier.from_pretrained(saved).compared
    assert kept == ComparedPairs("words", 0.4, None) and kept.vectors.tolist() == vectors.tolist()
    assert model.compared.source == "/home/somebody/glove.txt"


def test_paths_in_the_configuration_of_an_encoder_stay_at_home(small_bert, tmp_path, texts, monkeypatch):
    api = FakeApi()
    api.calls, api.uploaded = [], {}
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: api)
    encoder, there = shutil.copytree(small_bert, tmp_path / "encoder"), tmp_path / "there"
    rewrite(encoder / "config.json", cache="/home/ada/words", other="C:\\Users\\ada", _name_or_path="/home/ada/m")
    model = HookedClassifier.from_pretrained_backbone(encoder, labels=["bad", "good"], d_mlp=8)
    model.push_to_hub("org/name")
    assert not [name for name, content in api.uploaded.items() if b"/ada" in content or b"\\ada" in content]
    sent = json.loads(api.uploaded["config.json"])["model"]["encoder"]
    assert sent == {k: v for k, v in model.config.encoder.items() if k not in ("cache", "other")}
    there.mkdir()
    for name, content in api.uploaded.items():
        (there / name).write_bytes(content)
    assert torch.equal(HookedClassifier.from_pretrained(there)(list(texts)).logits, model(list(texts)).logits)


@pytest.mark.parametrize("repo_id", ["reviews", "a/b/c", "ada/reviews\n", "../reviews", ""])
def test_what_is_no_hub_id_is_never_uploaded(saved, monkeypatch, repo_id):
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: pytest.fail("the Hub was asked"))
    with pytest.raises(CheckpointError, match="is no Hub id; expected the form user/name"):
        HookedClassifier.from_pretrained(saved).push_to_hub(repo_id)
