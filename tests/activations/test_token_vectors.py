"""Kept token vectors are those of the encoder, found by their texts, computed once, and never another model's."""

from __future__ import annotations

import pytest
import torch

from safr_lens.activations import token_vectors
from safr_lens.activations.token_vectors import KeptPart, TokenVectors, keep_token_vectors, vectors_folder
from safr_lens.errors import CheckpointError
from tests.backbones import toy_encoder  # noqa: F401  (registers a head)


@pytest.fixture
def model(make_model):
    return make_model(backbone="toy_head", d_vmask=0, encoder={"kind": "toy"})


def keep(model, texts, folder, **options):
    return keep_token_vectors(model, texts, folder, part=KeptPart(model.adapter), **options)


def n_runs(model) -> int:
    return model.adapter.encoder.module.runs


def test_the_model_reads_them_instead_of_running_its_encoder(model, texts, tmp_path):
    expected = model(list(texts)).token_logits
    vectors = TokenVectors([keep(model, list(texts), tmp_path)], KeptPart(model.adapter))
    before = n_runs(model)
    with vectors.used():
        output = model(list(texts))
        torch.testing.assert_close(output.token_logits[output.mask], expected[output.mask], atol=1e-6, rtol=1e-5)
        assert n_runs(model) == before
        model("a film")  # not among the texts
        assert n_runs(model) == before + 1
    model(list(texts))
    assert n_runs(model) == before + 2


def test_special_tokens_have_none_and_are_not_part_of_a_texts_name(model, texts, tmp_path):
    tokens, mask = model.to_tokens(list(texts))
    comma = model.to_tokens(",")[0].item()
    model.adapter.encoder.special_ids = (comma,)
    vectors = TokenVectors([keep(model, list(texts), tmp_path)], KeptPart(model.adapter))
    found, text = vectors(tokens, mask), model.adapter.text_positions(tokens, mask)
    torch.testing.assert_close(found[text], model.adapter.encoder.run(tokens, mask)[text], atol=1e-6, rtol=1e-5)
    assert (found[~text] == 0).all() and (tokens[mask] == comma).any()


def test_they_are_computed_once(model, texts, tmp_path):
    told: list[int] = []
    first = keep(model, list(texts), tmp_path, progress=told.append)
    before = n_runs(model)
    again = keep(model, list(texts), tmp_path)
    assert n_runs(model) == before and again == first and told[-1] == len(texts)


def test_a_head_of_other_weights_finds_them_too(make_model, model, texts, tmp_path):
    first = keep(model, list(texts), tmp_path)
    with torch.no_grad():
        model.adapter.w_out(0).add_(1.0)
    assert keep(model, list(texts), tmp_path) == first


@pytest.mark.parametrize("change", ["weights", "configuration", "texts", "n_ctx"])
def test_another_encoder_and_other_texts_have_a_folder_of_their_own(make_model, model, texts, tmp_path, change):
    first = keep(model, list(texts), tmp_path)
    if change == "weights":
        with torch.no_grad():
            model.adapter.embedding.add_(1.0)
    if change == "configuration":  # such as the number of heads, with the same weights
        model = make_model(backbone="toy_head", d_vmask=0, encoder={"kind": "another"})
    if change == "n_ctx":
        model = make_model(backbone="toy_head", d_vmask=0, encoder={"kind": "toy"}, n_ctx=4)
    other = keep(model, list(texts)[: -1 if change == "texts" else None], tmp_path)
    assert other.folder != first.folder and len(list(tmp_path.iterdir())) == 2


def test_an_interrupted_call_resumes(model, texts, tmp_path, monkeypatch):
    whole = keep(model, list(texts), tmp_path / "whole")
    monkeypatch.setattr(token_vectors, "SHARD_TOKENS", 12)
    monkeypatch.setattr(token_vectors, "MAX_POSITIONS", 12)

    def stop(n_texts: int) -> None:
        if n_texts > 4:  # behind the first file
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep(model, list(texts), tmp_path / "parts", progress=stop)
    before = n_runs(model)
    resumed = keep(model, list(texts), tmp_path / "parts")
    anew = n_runs(model) - before
    keep(model, list(texts), tmp_path / "at once")
    assert 0 < anew < n_runs(model) - before - anew
    tokens, mask = model.to_tokens(list(texts))
    one, other = (TokenVectors([store], KeptPart(model.adapter))(tokens, mask) for store in (whole, resumed))
    torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5)


def test_a_damaged_file_is_an_error(model, texts, tmp_path):
    store = keep(model, list(texts), tmp_path)
    [file] = store.folder.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="damaged"):
        keep(model, list(texts), tmp_path)


def test_where_they_are_kept_by_default(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert vectors_folder() == tmp_path / "safr_lens" / "token_vectors"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert vectors_folder() == tmp_path / ".cache" / "safr_lens" / "token_vectors"
