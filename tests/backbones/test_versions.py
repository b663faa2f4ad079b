"""TransformerLens 3.9 and 4: which backbone a configuration gets, and checkpoints of one version on the other."""

from __future__ import annotations

import json
import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from safr_lens import HookedClassifier, ModelConfig
from safr_lens.backbones import versions
from safr_lens.errors import ConfigError

TEXTS = ["a gripping , funny film", "boring"]
MAJOR = int(version("transformer-lens").split(".")[0])
# the Python of an environment with the other version, as .ci/run makes it
OTHER = os.environ.get("SAFR_LENS_OTHER_PYTHON", "")


@pytest.fixture
def version_4(monkeypatch):
    """TransformerLens 4 to all that ask for its version; the classes of the installed one are still there."""
    monkeypatch.setattr(versions, "has_hooked_transformer", lambda: False)
    monkeypatch.setattr("safr_lens.backbones.hooked_transformer.has_hooked_transformer", lambda: False)


def test_the_default_is_the_one_that_there_is():
    assert versions.has_hooked_transformer() == (MAJOR < 4)
    assert ModelConfig().backbone == ("hooked_transformer" if MAJOR < 4 else "native_bridge")


def test_without_the_class_the_native_bridge_is_the_default_and_config_json_says_so(version_4, make_model, tmp_path):
    make_model().save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model"]["backbone"] == "native_bridge"


def test_asking_for_the_missing_class_says_what_to_do(version_4, make_model):
    with pytest.raises(
        ConfigError, match=r"has no HookedTransformer: use backbone='native_bridge'.*transformer-lens<4"
    ):
        make_model(backbone="hooked_transformer")
    assert type(make_model(backbone="native_bridge").backbone).__name__ == "TransformerBridge"


def test_the_constraints_of_both_versions_differ_in_nothing_else():
    root = Path(__file__).parents[2]
    one, other = (
        {line for line in (root / name).read_text().splitlines() if "==" in line}
        for name in ("constraints.txt", "constraints-tl4.txt")
    )
    assert {line.split("==")[0] for line in one ^ other} == {"transformer-lens"}


def as_written_by_hooked_transformer(folder: Path) -> None:
    """Give a checkpoint of the native bridge the kind and the constants of ``HookedTransformer``."""
    from safetensors.torch import load_file, save_file

    (folder / "manifest.json").unlink()
    config = json.loads((folder / "config.json").read_text())
    config["model"]["backbone"] = "hooked_transformer"
    (folder / "config.json").write_text(json.dumps(config))
    state = load_file(folder / "model.safetensors")
    constants = {"mask": torch.zeros(0, 0, dtype=torch.bool), "IGNORE": torch.tensor(-torch.inf)}
    state |= {f"backbone.blocks.0.attn.{name}": value for name, value in constants.items()}
    save_file(state, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize("act_fn", ["relu", "solu_ln"])
def test_a_checkpoint_of_the_missing_class_is_opened_as_a_native_bridge(version_4, make_model, tmp_path, act_fn):
    model = make_model(backbone="native_bridge", act_fn=act_fn)
    model.save_pretrained(tmp_path)
    as_written_by_hooked_transformer(tmp_path)
    again = HookedClassifier.from_pretrained(tmp_path)
    assert again.config.backbone == "native_bridge"
    assert torch.equal(again(TEXTS).logits, model(TEXTS).logits)


def test_a_checkpoint_from_before_there_were_backbones_opens(make_model, tmp_path):
    model = make_model()
    model.save_pretrained(tmp_path)
    as_written_by_hooked_transformer(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    del config["model"]["backbone"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    torch.testing.assert_close(HookedClassifier.from_pretrained(tmp_path)(TEXTS).logits, model(TEXTS).logits)


WRITE = """
import json, pathlib, sys
from safr_lens import HookedClassifier, ModelConfig
from safr_lens.data import TextTokenizer
root, texts = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
tokenizer = TextTokenizer.load(root / "tokenizer.json")
for name, config in json.loads(sys.argv[3]).items():
    model = HookedClassifier.from_config(ModelConfig(**config), tokenizer=tokenizer, labels=["a", "b"], seed=5)
    model.save_pretrained(root / name)
    (root / name / "logits.json").write_text(json.dumps(model(texts).logits.tolist()))
"""
READ = """
import json, sys
from safr_lens import HookedClassifier
print(json.dumps([HookedClassifier.from_pretrained(f)(json.loads(sys.argv[1])).logits.tolist() for f in sys.argv[2:]]))
"""
other_version = pytest.mark.skipif(not OTHER, reason="SAFR_LENS_OTHER_PYTHON names no Python with the other version")


def other_python(script: str, *arguments: str) -> str:
    root = Path(__file__).parents[2]
    result = subprocess.run(
        [OTHER, "-W", "ignore", "-c", script, *arguments],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@other_version
def test_checkpoints_of_the_other_version_have_the_same_logits(tokenizer, tmp_path):
    small = {"n_layers": 2, "d_model": 16, "n_heads": 2, "d_mlp": 32, "n_ctx": 32, "d_vmask": 8}
    configs = {
        "its default": small,
        "native": small | {"backbone": "native_bridge"},
        "residual": small | {"readout": "residual", "positional_embedding_type": "standard", "act_fn": "solu_ln"},
    }
    tokenizer.save(tmp_path / "tokenizer.json")
    other_python(WRITE, str(tmp_path), json.dumps(TEXTS), json.dumps(configs))
    for name in configs:
        expected = torch.tensor(json.loads((tmp_path / name / "logits.json").read_text()))
        opened = HookedClassifier.from_pretrained(tmp_path / name)
        torch.testing.assert_close(opened(TEXTS).logits, expected, atol=1e-5, rtol=0)


@other_version
def test_the_other_version_finds_the_same_logits_in_ours(make_model, tmp_path):
    models = [make_model(n_layers=2), make_model("residual", backbone="native_bridge", act_fn="solu_ln")]
    folders = [str(tmp_path / str(index)) for index in range(len(models))]
    for model, folder in zip(models, folders, strict=True):
        model.save_pretrained(folder)
    found = torch.tensor(json.loads(other_python(READ, json.dumps(TEXTS), *folders)))
    torch.testing.assert_close(found, torch.stack([model(TEXTS).logits for model in models]), atol=1e-5, rtol=0)
