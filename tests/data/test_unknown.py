"""How much of a text a tokenizer knows, and what is advised where that is little."""

from __future__ import annotations

import random

import pytest
import torch
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers

from safr_lens import train_tokenizer
from safr_lens.data import TextTokenizer
from safr_lens.data.unknown import (
    MANY,
    corpus_warning,
    counted,
    is_unknown,
    text_warning,
    tokenizer_warning,
    unknown_id,
    unknown_share,
    unspaced_share,
)
from safr_lens.errors import DataError

SUBJECTS = ["这部电影", "故事", "演员的表演", "导演", "剧情", "配乐", "画面", "结尾", "对白", "节奏"]
JUDGEMENTS = ["好看", "精彩", "感人", "有趣", "出色", "温暖", "难看", "无聊", "失望", "糟糕", "枯燥", "冗长"]
DEGREES = ["非常", "真的", "有点", "实在", "确实", "让人觉得", "总的来说", "依然"]


def chinese(n: int, *, seed: int, between: str = "") -> list[dict[str, str]]:
    """Reviews of three clauses, each of a subject, a degree and a judgement."""
    draw = random.Random(seed)
    parts = (SUBJECTS, DEGREES, JUDGEMENTS)
    clauses = [[between.join(draw.choice(part) for part in parts) for _ in range(3)] for _ in range(n)]
    return [{"text": f"{between}，{between}".join(one) + between + "。"} for one in clauses]


def texts(rows: list[dict[str, str]]) -> list[str]:
    return [row["text"] for row in rows]


def test_following_the_advice_on_chinese_text_makes_it_readable():
    train, held_out = chinese(120, seed=0), chinese(40, seed=1)
    by_word = train_tokenizer(texts(train))
    before = unknown_share(by_word, texts(held_out))
    assert before > 0.3  # nearly all of the clauses; the rest are signs
    said = tokenizer_warning(by_word, held_out)
    assert said.startswith(
        f"{100 * before:.0f} % of the tokens of held-out texts are unknown (more than 20 %): 100 % of "
    )
    assert "scripts without blanks between words, such as Chinese, Japanese and Thai" in said
    assert '"bpe" (--tokenizer bpe; in Python train_tokenizer(texts, kind="bpe"))' in said
    advised = train_tokenizer(texts(train), kind="bpe")
    after = unknown_share(advised, texts(held_out))
    assert after < 0.01
    assert tokenizer_warning(advised, held_out) == ""


def test_chinese_text_with_blanks_between_words_needs_no_advice():
    tokenizer = train_tokenizer(texts(chinese(120, seed=0, between=" ")))
    assert tokenizer_warning(tokenizer, chinese(40, seed=1, between=" ")) == ""


def test_advice_for_words_that_are_merely_rare():
    tokenizer = train_tokenizer(["a good film"] * 2)
    said = tokenizer_warning(tokenizer, [{"text": "some zygotes film"}])
    assert said.startswith(
        "67 % of the tokens of held-out texts are unknown (more than 20 %), since they are rare or new."
    )
    assert "--tokenizer bpe" in said and "min_frequency" in said and "Chinese" not in said
    letters = train_tokenizer(["a good film zygotes some"] * 2, kind="bpe")
    assert tokenizer_warning(letters, [{"text": "some zygotes film"}]) == ""
    assert "bpe" not in tokenizer_warning(letters, [{"text": "кино"}]), "it is bpe already"


def test_the_sample_is_spread_over_sorted_rows():
    rows = [{"text": "film" if number < 1500 else "zygotes"} for number in range(2500)]
    said = tokenizer_warning(train_tokenizer(["film film"]), Dataset.from_list(rows))
    assert said.startswith("40 % of")


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("好看", 1.0),
        ("とてもカタカナ映画", 1.0),
        ("หนังดีมาก", 1.0),
        ("좋은 영화", 0.0),  # Korean has blanks
        ("Хороший фильм, добрый", 0.0),
        ("好 a", 0.5),
        ("12 !?", 0.0),
        ("", 0.0),
    ],
)
def test_letters_of_scripts_without_blanks(text, share):
    assert unspaced_share([text]) == share


def test_shares_of_unknown_tokens():
    tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    assert unknown_share(tokenizer, ["a good zygote", "zygote", " "]) == 0.5
    assert unknown_share(tokenizer, []) == 0.0
    ids = torch.tensor([tokenizer.pad_id, unknown_id(tokenizer), 3])
    assert is_unknown(tokenizer, ids).tolist() == [False, True, False]
    assert counted(tokenizer, ids[1:]) == (1, 2)
    assert unknown_share(tokenizer, ["a \ud800"]) == 0.5, "a lone surrogate is no reason to fail"


def test_a_tokenizer_without_an_unknown_token_knows_everything():
    inner = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = TextTokenizer(inner)
    assert unknown_id(tokenizer) is None
    assert not is_unknown(tokenizer, torch.tensor([0, 1])).any()
    assert unknown_share(tokenizer, ["a b"]) == 0.0


def test_the_warning_begins_above_a_fifth():
    tokens = ["a", "good", "film", "is", "zygotic"]
    assert MANY == 0.2
    assert text_warning(tokens, [False] * 4 + [True]) == ""
    assert "does not know 2 of 5 tokens (is, zygotic), more than 20 %" in text_warning(tokens, [False] * 3 + [True] * 2)
    assert text_warning(["q"] * 7, [True] * 7) == (
        "The model knows none of these words (q): its answer says nothing about this text."
    )
    many = [f"w{i}" for i in range(9)]
    assert "(w0, w1, w2, w3, w4, ...)" in text_warning(many, [True] * 9)
    assert corpus_warning(0.2) == "" and corpus_warning(float("nan")) == ""
    assert corpus_warning(0.21).startswith("21 % of the tokens are unknown to the model (more than 20 %)")


def test_where_no_clause_repeats_the_advice_of_the_error_works_too():
    titles = [f"{subject}{degree}{judgement}" for subject in SUBJECTS for degree in DEGREES for judgement in JUDGEMENTS]
    random.Random(0).shuffle(titles)
    with pytest.raises(DataError, match=r"nothing to learn from. The tokenizer bpe \(--tokenizer bpe\)"):
        train_tokenizer(titles[::2])
    assert unknown_share(train_tokenizer(titles[::2], kind="bpe"), titles[1::2]) == 0.0
    with pytest.raises(DataError, match=r"nothing to learn from.$"):
        train_tokenizer([" "], kind="bpe")
