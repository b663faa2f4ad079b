"""Encoders from folders: what is read, and what is refused."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertModel, RobertaConfig, RobertaModel

from safr_lens.backbones.pretrained import load_encoder, make_encoder
from safr_lens.data.batching import pad
from safr_lens.errors import CheckpointError, ConfigError
from tests.backbones.pretrained.encoders import MINILM, SMALL, rewrite, write_small_bert, write_small_decoder
from tests.training.corpus import tiny_classifier


@pytest.fixture
def folder(tmp_path) -> Path:
    return write_small_bert(tmp_path / "small-bert")


def test_a_folder_needs_no_network(folder, monkeypatch):
    monkeypatch.setattr(socket.socket, "connect", lambda *args: pytest.fail("a connection was made"))
    encoder, tokenizer, config = load_encoder(str(folder))
    assert (encoder.n_layers, encoder.n_ctx, tokenizer.pad_id, tokenizer.special_ids) == (2, 24, 0, (101, 102))
    assert config["model_type"] == "bert" and config["special_token_ids"] == [101, 102]
    assert json.loads(json.dumps(config)) == config
    assert make_encoder(config).special_ids == (101, 102)


def test_nothing_is_printed(folder, capfd, recwarn):
    load_encoder(folder)
    out, err = capfd.readouterr()
    assert (out, err, list(recwarn)) == ("", "", [])


def test_weights_of_a_classifier_are_taken_without_its_head(folder):
    from transformers import BertForSequenceClassification

    config = BertConfig(**{**SMALL, "vocab_size": 30522}, max_position_embeddings=24)
    model = BertForSequenceClassification(config)
    model.save_pretrained(folder)
    encoder, _, _ = load_encoder(folder)
    assert torch.equal(encoder.embedding, model.bert.embeddings.word_embeddings.weight)


def test_half_precision_weights_are_read_as_float32(folder):
    BertModel(BertConfig(**{**SMALL, "vocab_size": 30522}, max_position_embeddings=24)).half().save_pretrained(folder)
    assert load_encoder(folder)[0].embedding.dtype == torch.float32


def test_another_attention_is_replaced_by_ours(folder):
    rewrite(folder / "config.json", attn_implementation="sdpa", _attn_implementation="sdpa")
    encoder, tokenizer, _ = load_encoder(folder)
    seen = []
    encoder.hook_points["blocks.0.attn.hook_pattern"].register_forward_hook(lambda module, args, out: seen.append(out))
    tokens, mask = pad([tokenizer.encode("a film", n_ctx=24).ids], pad_id=0)
    encoder.run(tokens, mask)
    assert seen[0].shape == (1, 2, 4, 4)


def test_positions_of_roberta_start_behind_its_padding(tmp_path, folder):
    sizes = {**SMALL, "vocab_size": 30522, "type_vocab_size": 1, "pad_token_id": 0}
    RobertaModel(RobertaConfig(**sizes, max_position_embeddings=25)).save_pretrained(folder)
    encoder, tokenizer, _ = load_encoder(folder)
    assert encoder.n_ctx == 24
    ids = tokenizer.encode("film " * 40, n_ctx=encoder.n_ctx, truncate=True).ids
    assert encoder.run(*pad([ids], pad_id=0)).shape == (1, 24, 16)


@pytest.mark.parametrize("kind", ["deberta-v2", "mpnet"])
def test_attention_that_hides_its_pattern_is_refused_by_name(folder, kind):
    rewrite(folder / "config.json", model_type=kind)
    with pytest.raises(ConfigError, match=rf"{kind} model.* hides the pattern.*bert, roberta, distilbert, modernbert"):
        load_encoder(folder)


def test_an_unknown_family_is_refused_with_near_matches(folder):
    rewrite(folder / "config.json", model_type="roberto")
    with pytest.raises(ConfigError, match=r"'roberto'; expected .*bert.*Did you mean 'roberta'"):
        load_encoder(folder)
    with pytest.raises(ConfigError, match="model_type 'None'"):
        make_encoder({})


def test_a_missing_tokenizer_is_an_error_whose_advice_works(folder):
    (folder / "tokenizer.json").unlink()
    shutil.copy(MINILM / "vocab.txt", folder)
    with pytest.raises(CheckpointError, match=r"no tokenizer\.json.*AutoTokenizer"):
        load_encoder(folder)
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    assert load_encoder(folder)[1].special_ids == (101, 102)


def test_a_tokenizer_of_another_model_is_an_error(folder):
    BertModel(BertConfig(**SMALL, max_position_embeddings=24)).save_pretrained(folder)
    with pytest.raises(CheckpointError, match="30,522 token ids, but the encoder knows 40"):
        load_encoder(folder)


def test_a_folder_without_padding_is_an_error(folder):
    (folder / "tokenizer_config.json").unlink()
    (folder / "special_tokens_map.json").unlink()
    assert load_encoder(folder)[1].pad_id == 0
    rewrite(folder / "config.json", pad_token_id=None)
    with pytest.raises(CheckpointError, match="names no padding; set pad_token_id"):
        load_encoder(folder)


def test_pickles_are_not_read(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"no safetensors weights.*pytorch_model\.bin"):
        load_encoder(folder)


def test_damaged_and_incomplete_weights_are_errors(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="do not load"):
        load_encoder(folder)
    BertModel(BertConfig(**{**SMALL, "vocab_size": 30522}, max_position_embeddings=24)).save_pretrained(folder)
    rewrite(folder / "config.json", num_hidden_layers=3)
    with pytest.raises(CheckpointError, match=r"lack 'encoder\.layer\.2"):
        load_encoder(folder)


def test_sources_that_are_nothing_are_errors(folder, tmp_path):
    with pytest.raises(CheckpointError, match=r"no such folder.*Did you mean 'small-bert'"):
        load_encoder(tmp_path / "smal-bert")
    with pytest.raises(CheckpointError, match="is a file"):
        load_encoder(folder / "config.json")
    (folder / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="is not JSON"):
        load_encoder(folder)
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"has no config\.json"):
        load_encoder(folder)


def test_the_hub_is_asked_for_an_id_alone(folder, monkeypatch):
    asked = []
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, **options: asked.append(name) or str(folder))
    assert load_encoder("someone/small-bert")[0].n_layers == 2
    assert load_encoder("small-bert")[0].n_layers == 2
    assert asked == ["someone/small-bert", "small-bert"]


def test_a_missing_folder_beside_others_is_no_hub_id(folder, monkeypatch):
    monkeypatch.chdir(folder.parent.parent)
    place = f"{folder.parent.name}/{folder.name}"
    assert load_encoder(place)[0].n_layers == 2
    with pytest.raises(CheckpointError, match=f"{place}x: no such folder.*Did you mean '{folder.name}'"):
        load_encoder(f"{place}x")


def test_a_run_is_no_encoder(tmp_path):
    tiny_classifier().save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="is a classifier of safr_lens; expected the encoder"):
        load_encoder(tmp_path)


def test_a_hub_that_does_not_answer_is_an_error(monkeypatch):
    def fail(name, **options):
        raise OSError("no connection")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(CheckpointError, match=r"'someone/bert' is no local folder.*no connection"):
        load_encoder("someone/bert")


def test_a_configuration_without_meaning_is_an_error():
    with pytest.raises(ConfigError, match="makes no bert model"):
        make_encoder({"model_type": "bert", "hidden_size": 7, "num_attention_heads": 2})


def test_a_decoder_without_padding_is_padded_with_its_end(tmp_path):
    folder = write_small_decoder(tmp_path / "gpt2", "gpt2")
    (folder / "tokenizer_config.json").unlink()
    (folder / "special_tokens_map.json").unlink()
    rewrite(folder / "config.json", pad_token_id=None, eos_token_id=[39, 38])
    assert load_encoder(folder)[1].pad_id == 39
