"""Checkpoints: what comes back is what was saved, nothing is unpickled, every fault has a clear message."""

from __future__ import annotations

import dataclasses
import json
import pickle
from pathlib import Path

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file

from safr_lens import HookedClassifier, train_tokenizer
from safr_lens.errors import CheckpointError
from safr_lens.models import checkpoint

FILES = ["config.json", "manifest.json", "model.safetensors", "tokenizer.json"]


@pytest.fixture
def saved(tmp_path, make_model) -> Path:
    """The folder of a saved classifier."""
    make_model(labels=["bad", "good"]).save_pretrained(tmp_path / "run")
    return tmp_path / "run"


def edit_config(folder: Path, **changes) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_a_loaded_classifier_gives_the_same_logits_bit_for_bit(tmp_path, model, texts):
    model.save_pretrained(tmp_path / "run")
    loaded = HookedClassifier.from_pretrained(tmp_path / "run")
    one, other = model(list(texts)), loaded(list(texts))
    assert torch.equal(one.logits, other.logits)
    assert torch.equal(one.token_logits, other.token_logits)
    assert torch.equal(one.importance, other.importance)
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == {
        name: tuple(value.shape) for name, value in loaded.state_dict().items()
    }
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_classifier_is_loaded_in_the_type_it_was_saved_in(tmp_path, make_model, texts, dtype):
    model = make_model().to(dtype)
    model.save_pretrained(tmp_path)
    loaded = HookedClassifier.from_pretrained(tmp_path)
    assert {parameter.dtype for parameter in loaded.parameters()} == {dtype} and loaded.cfg.dtype == dtype
    assert torch.equal(loaded(list(texts)).logits, model(list(texts)).logits)


def test_labels_config_and_tokenizer_are_kept(tmp_path, make_model):
    model = make_model("residual", labels=["böse", "gut", "[PAD]"], n_layers=2, dropout=0.25, act_fn="gelu")
    model.save_pretrained(str(tmp_path))
    loaded = HookedClassifier.from_pretrained(str(tmp_path))
    assert loaded.labels == ("böse", "gut", "[PAD]")
    assert dataclasses.asdict(loaded.config) == dataclasses.asdict(model.config)
    assert loaded.tokenizer.tokenizer.to_str() == model.tokenizer.tokenizer.to_str()
    assert not loaded.training


def test_a_checkpoint_is_three_files_and_their_manifest_without_pickle(saved):
    assert sorted(path.name for path in saved.iterdir()) == FILES
    json.loads((saved / "config.json").read_text())
    json.loads((saved / "tokenizer.json").read_text())


def test_saving_again_replaces_the_checkpoint(saved, make_model, texts):
    other = make_model(labels=["bad", "good"], seed=5)
    other.save_pretrained(saved)
    assert torch.equal(HookedClassifier.from_pretrained(saved)(list(texts)).logits, other(list(texts)).logits)


def test_a_failing_save_keeps_the_old_weights(saved, make_model, monkeypatch):
    before = (saved / "model.safetensors").read_bytes()

    def full_disk(tensors, path, metadata=None):
        Path(path).write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full_disk)
    with pytest.raises(OSError, match="No space"):
        make_model(labels=["bad", "good"], seed=5).save_pretrained(saved)
    assert (saved / "model.safetensors").read_bytes() == before
    assert sorted(path.name for path in saved.iterdir()) == FILES


def test_loading_leaves_the_global_random_state_alone(saved):
    before = torch.random.get_rng_state()
    HookedClassifier.from_pretrained(saved)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_nothing_is_unpickled(saved, monkeypatch):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was read",))

    (saved / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))

    def refuse(*args, **kwargs):
        raise AssertionError("a pickle was read")

    for module, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(module, name, refuse)
    HookedClassifier.from_pretrained(saved)


def no_run(folder: Path) -> Path:
    return folder.parent / "rnu"


def a_file(folder: Path) -> Path:
    return folder / "model.safetensors"


def only_a_pickle(folder: Path) -> None:
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")


def pickled_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model.pt")


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def broken_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"format": ')


def binary_config(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"\xff\xfe\x00")


def config_of_bert(folder: Path) -> None:
    bert = {"architectures": ["BertForSequenceClassification"], "model_type": "bert", "hidden_size": 768}
    (folder / "config.json").write_text(json.dumps(bert))


def config_that_is_a_list(folder: Path) -> None:
    (folder / "config.json").write_text("[1, 2]")


def config_of_another_version(folder: Path) -> None:
    edit_config(folder, format="safr_lens.classifier/99")


def config_without_model(folder: Path) -> None:
    edit_config(folder, model=None)


def config_without_labels(folder: Path) -> None:
    edit_config(folder, labels=None)


def config_with_one_label(folder: Path) -> None:
    edit_config(folder, labels=["good"])


def unknown_key(folder: Path) -> None:
    model = json.loads((folder / "config.json").read_text())["model"]
    edit_config(folder, model={**model, "n_layer": 1})


def meaningless_value(folder: Path) -> None:
    model = json.loads((folder / "config.json").read_text())["model"]
    edit_config(folder, model={**model, "readout": "neuron"})


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def truncated_weights(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])


def empty_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def foreign_weights(folder: Path) -> None:
    save_file({"bert.embeddings.word_embeddings.weight": torch.zeros(3, 4)}, folder / "model.safetensors")


def one_tensor_more(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "extra.weight": torch.zeros(2)}, folder / "model.safetensors")


def one_tensor_less(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("backbone.unembed.W_U")
    save_file(tensors, folder / "model.safetensors")


def other_sizes(folder: Path) -> None:
    model = json.loads((folder / "config.json").read_text())["model"]
    edit_config(folder, model={**model, "d_mlp": 48})


def third_label(folder: Path) -> None:
    edit_config(folder, labels=["bad", "so so", "good"])


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def foreign_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text('{"tokenizer_class": "BertTokenizer"}')


def tokenizer_of_another_model(folder: Path) -> None:
    train_tokenizer(["other words altogether"], min_frequency=1).save(folder / "tokenizer.json")


FAULTS = {
    no_run: ["rnu: no such run", "Did you mean 'run'", "safr-lens train"],
    a_file: ["model.safetensors is a file", "expected the folder"],
    only_a_pickle: ["no config.json", "pytorch_model.bin, a pickle", "can run any code"],
    pickled_weights: ["model.safetensors is missing", "model.pt, a pickle"],
    no_config: ["no config.json"],
    broken_config: ["config.json is not JSON"],
    binary_config: ["config.json is not JSON"],
    config_of_bert: ["config.json was not written by safr_lens"],
    config_that_is_a_list: ["config.json was not written by safr_lens"],
    config_of_another_version: ["config.json was not written by safr_lens", "safr_lens.classifier/1"],
    config_without_model: ["config.json lacks its model"],
    config_without_labels: ["config.json lacks", "labels"],
    config_with_one_label: ["config.json", "labels"],
    unknown_key: ["config.json", "'n_layer'", "Did you mean 'n_layers'"],
    meaningless_value: ["config.json", "readout", "Did you mean 'neurons'"],
    no_weights: ["model.safetensors is missing"],
    truncated_weights: ["model.safetensors is damaged"],
    empty_weights: ["model.safetensors is damaged"],
    foreign_weights: ["model.safetensors does not fit", "lacks 'backbone"],
    one_tensor_more: ["model.safetensors does not fit", "unknown tensor 'extra.weight'"],
    one_tensor_less: ["model.safetensors does not fit", "lacks 'backbone.unembed.W_U'"],
    other_sizes: ["model.safetensors: 'backbone.blocks.0.mlp.W_in' has shape [16, 32]", "[16, 48]"],
    third_label: ["model.safetensors: 'backbone.unembed", "3]"],
    no_tokenizer: ["tokenizer.json is missing"],
    foreign_tokenizer: ["tokenizer.json is not a tokenizer.json"],
    tokenizer_of_another_model: ["model.safetensors: 'backbone.embed.W_E' has shape"],
}


@pytest.mark.parametrize("damage", FAULTS, ids=lambda damage: damage.__name__)
def test_fault_of_a_checkpoint_without_a_manifest_is_named(saved, damage):
    (saved / "manifest.json").unlink()
    source = damage(saved) or saved
    with pytest.raises(CheckpointError) as error:
        HookedClassifier.from_pretrained(source)
    for part in FAULTS[damage]:
        assert part in str(error.value)


def other_labels(folder: Path) -> None:
    edit_config(folder, labels=["good", "bad"])


def other_activation(folder: Path) -> None:
    model = json.loads((folder / "config.json").read_text())["model"]
    edit_config(folder, model={**model, "act_fn": "gelu"})


@pytest.mark.parametrize("damage", [*FAULTS, other_labels, other_activation], ids=lambda damage: damage.__name__)
def test_a_manifest_notices_whatever_was_changed(saved, damage):
    source = damage(saved) or saved
    with pytest.raises(CheckpointError):
        HookedClassifier.from_pretrained(source)


def test_a_checkpoint_of_an_earlier_version_has_no_manifest_and_loads(saved, make_model, texts):
    (saved / "manifest.json").unlink()
    expected = make_model(labels=["bad", "good"])(list(texts)).logits
    assert torch.equal(HookedClassifier.from_pretrained(saved)(list(texts)).logits, expected)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_that_are_no_numbers_are_refused_by_the_name_of_their_tensor(tmp_path, make_model, value, dtype):
    model = make_model().to(dtype)
    model.state_dict()["backbone.unembed.W_U"][3, 1] = value
    model.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=r"'backbone.unembed.W_U' has values that are NaN or infinite"):
        HookedClassifier.from_pretrained(tmp_path)


@pytest.fixture
def no_network(monkeypatch):
    asked = []

    def download(repo_id, **kwargs):
        asked.append((repo_id, kwargs))
        raise ConnectionError("no route to the Hub\nsecond line")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    return asked


def test_an_id_is_downloaded_without_pickles(saved, make_model, texts, monkeypatch, tmp_path):
    asked = []

    def download(repo_id, **kwargs):
        asked.append((repo_id, kwargs))
        return str(saved)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    loaded = HookedClassifier.from_pretrained("org/name")
    [(repo_id, kwargs)] = asked
    assert repo_id == "org/name"
    assert sorted(kwargs["allow_patterns"]) == ["compared_pairs.safetensors", *FILES]
    expected = make_model(labels=["bad", "good"])(list(texts)).logits
    assert torch.equal(loaded(list(texts)).logits, expected)


def test_a_failing_download_gives_the_reason(no_network, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"'org/name' is no local folder.*no route to the Hub$"):
        HookedClassifier.from_pretrained("org/name")
    assert [repo_id for repo_id, _ in no_network] == ["org/name"]


NO_IDS = ["run", "./org/name", "runs/missing", "/runs/missing", "a/b/c", Path("org/name")]


@pytest.mark.parametrize("source", NO_IDS)
def test_what_is_no_hub_id_is_never_downloaded(no_network, monkeypatch, tmp_path, source):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    with pytest.raises(CheckpointError, match="no such run"):
        HookedClassifier.from_pretrained(source)
    assert no_network == []
