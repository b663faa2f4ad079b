"""The neuron table says of planted neurons what was planted."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

from safr_lens.errors import ConfigError, DataError
from safr_lens.measures.predictions import evaluate
from safr_lens.neurons import ablate, neuron_table
from tests.neurons.planted import DEAD, MONOSEMANTIC, POLYSEMANTIC, RANDOM, WORD, WORDS, planted_model


@pytest.fixture(scope="module")
def planted():
    model, texts = planted_model()
    with torch.no_grad():
        model.backbone.b_U[0] = 0.01  # so that texts without evidence are no ties
    rows = [{"text": text, "label": int(WORD in text.split())} for text in texts]
    return model, rows


@pytest.fixture(scope="module")
def table(planted) -> pd.DataFrame:
    return neuron_table(*planted)


def test_there_is_a_row_a_neuron_with_every_column(table):
    expected = [
        "neuron",
        "alive",
        "firing_rate",
        "mean",
        "max",
        "lifetime_sparsity",
        "top_class",
        *(
            f"{name}{end}"
            for name in (
                "token_selectivity",
                "class_selectivity",
                "monosemanticity",
                "name_fidelity",
            )  # as in every table
            for end in ("", "_null", "_above")
        ),
        "name_holds",
        "top_words",
        "logit_negative",
        "logit_positive",
        "ablation_loss",
        "ablation_accuracy",
        "ablation_logit_negative",
        "ablation_logit_positive",
    ]
    assert list(table.columns) == expected
    assert table["neuron"].tolist() == [0, 1, 2, 3]


def test_planted_neurons_are_described_as_planted(table):
    assert table["alive"].tolist() == [True, True, False, True]
    assert table["top_words"][MONOSEMANTIC] == [WORD]
    assert sorted(table["top_words"][POLYSEMANTIC]) == sorted(WORDS)
    assert table["top_words"][DEAD] == []
    assert table["top_class"][MONOSEMANTIC] == "positive" and pd.isna(table["top_class"][DEAD])
    order = table["token_selectivity_above"]
    assert order[MONOSEMANTIC] > order[POLYSEMANTIC] > order[RANDOM]


def test_what_is_undefined_is_nan(table):
    dead = table.loc[DEAD, ["class_selectivity", "token_selectivity", "monosemanticity", "lifetime_sparsity"]]
    assert dead.isna().all()
    assert math.isnan(table["monosemanticity"][MONOSEMANTIC]), "one word has no pairs"
    assert table["firing_rate"][DEAD] == 0.0


def test_logit_effects_follow_what_neurons_write(planted, table):
    model, _ = planted
    backbone = model.backbone
    out, read = backbone.blocks[0].mlp.W_out, backbone.ln_final.w.unsqueeze(1) * backbone.W_U
    expected = ((out - out.mean(1, keepdim=True)) @ read).detach()
    np.testing.assert_allclose(table[["logit_negative", "logit_positive"]].to_numpy(), expected, atol=1e-6)
    assert table["logit_positive"][MONOSEMANTIC] > 0 > table["logit_positive"][POLYSEMANTIC]


@pytest.mark.parametrize("neuron", [MONOSEMANTIC, POLYSEMANTIC, DEAD])
def test_ablation_effects_are_those_of_really_ablating(planted, table, neuron):
    model, rows = planted
    intact = evaluate(model, rows)
    with ablate(model, neuron):
        ablated = evaluate(model, rows)
    assert table["ablation_loss"][neuron] == pytest.approx(ablated.loss - intact.loss, abs=1e-5)
    assert table["ablation_accuracy"][neuron] == pytest.approx(intact.accuracy - ablated.accuracy, abs=1e-6)


def test_the_neuron_that_knows_the_answer_is_missed_and_the_dead_one_is_not(table):
    assert table["ablation_loss"][MONOSEMANTIC] > 0.05 and table["ablation_accuracy"][MONOSEMANTIC] > 0.05
    assert table.loc[DEAD, ["ablation_loss", "ablation_accuracy", "ablation_logit_positive"]].tolist() == [0, 0, 0]


def test_below_the_last_layer_ablation_is_left_to_real_runs(make_model, texts):
    rows = [{"text": text, "label": i % 2} for i, text in enumerate(texts * 6)]
    table = neuron_table(make_model(n_layers=2), rows, layer=0)
    assert table["ablation_loss"].isna().all()
    assert not table["token_selectivity"].isna().all()


def test_texts_without_labels_have_no_class_selectivity(planted):
    model, rows = planted
    table = neuron_table(model, [row["text"] for row in rows])
    assert table["class_selectivity"].isna().all() and table["ablation_loss"].isna().all()
    assert set(table["top_class"]) == {None}
    assert not table["ablation_logit_positive"].isna().any()


def test_given_embeddings_decide_the_score(planted):
    model, rows = planted
    vectors = torch.randn(model.tokenizer.d_vocab, 30, generator=torch.Generator().manual_seed(0))
    unrelated = neuron_table(model, rows, embeddings=vectors)["monosemanticity_above"][POLYSEMANTIC]
    same = {word: [1.0, 0.1 * i] for i, word in enumerate(WORDS)} | {"film": [-1.0, 0.0], "plot": [0.0, -1.0]}
    related = neuron_table(model, rows, embeddings=same)["monosemanticity"][POLYSEMANTIC]
    assert related > 0.9 > 0.3 > unrelated


def test_the_table_follows_its_seed_and_is_kept_by_parquet(planted, table, tmp_path):
    pd.testing.assert_frame_equal(neuron_table(*planted), table)
    other = neuron_table(*planted, seed=1)
    assert not other["token_selectivity_null"].equals(table["token_selectivity_null"])
    assert other["token_selectivity"].equals(table["token_selectivity"])
    table.to_parquet(tmp_path / "neurons.parquet")
    back = pd.read_parquet(tmp_path / "neurons.parquet")
    assert back["top_words"][POLYSEMANTIC].tolist() == table["top_words"][POLYSEMANTIC]


def test_bad_input_is_an_error(planted):
    model, rows = planted
    with pytest.raises(ConfigError, match="no layer 3"):
        neuron_table(model, rows, layer=3)
    with pytest.raises(DataError, match="no texts"):
        neuron_table(model, [])
    with pytest.raises(ConfigError, match="embeddings"):
        neuron_table(model, rows, embeddings=7)
    with pytest.raises(ConfigError, match="no such file"):
        neuron_table(model, rows, embeddings="glove.txt")


def test_a_few_texts_have_no_word_vectors_and_no_monosemanticity(make_model):
    table = neuron_table(make_model(), ["a gripping , funny film", "boring"])
    assert table["monosemanticity_above"].isna().all()
    assert table["firing_rate"].notna().all()
