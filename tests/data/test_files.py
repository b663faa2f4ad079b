"""Local csv, tsv, jsonl and parquet files: what is read from them, and what is said of faulty ones."""

from __future__ import annotations

import gzip
import json
import pickle
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from safr_lens import load_data
from safr_lens.errors import DataError
from tests.data.local_files import ROWS, as_read, as_written, csv_of, write


def jsonl_of(rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_csv_with_header_quotes_commas_and_newlines(tmp_path):
    text = 'title,sentiment,review\n1,pos,"good, ""really""\ngood"\n2,neg,plain\n'
    assert as_read(write(tmp_path, "a.csv", text)) == [('good, "really"\ngood', "pos"), ("plain", "neg")]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.tsv"])
def test_byte_order_mark_is_no_part_of_the_first_column(tmp_path, name):
    content = jsonl_of(ROWS) if name == "a.jsonl" else csv_of(ROWS)
    content = content.replace(",", "\t") if name == "a.tsv" else content
    assert as_read(write(tmp_path, name, b"\xef\xbb\xbf" + content.encode())) == as_written(ROWS)


def test_windows_line_ends_and_blank_lines_add_nothing(tmp_path):
    content = csv_of(ROWS).replace("\n", "\r\n") + "\r\n"
    assert as_read(write(tmp_path, "a.csv", content)) == as_written(ROWS)


def test_tsv_without_header_keeps_quotes_as_they_stand(tmp_path):
    path = write(tmp_path, "dev.tsv", 'a "fine" film\t1\n"unclosed , comma\t0\nit\'s "\t1\n')
    assert as_read(path) == [('a "fine" film', "1"), ('"unclosed , comma', "0"), ("it's \"", "1")]


def test_tsv_without_header_may_put_the_label_first(tmp_path):
    assert as_read(write(tmp_path, "a.tsv", "1\tgood film\n0\tbad film\n")) == [
        ("good film", "1"),
        ("bad film", "0"),
    ]


def test_csv_without_header_keeps_its_first_row(tmp_path):
    assert as_read(write(tmp_path, "a.csv", "good film,1\nbad film,0\n")) == [
        ("good film", "1"),
        ("bad film", "0"),
    ]


def test_tsv_with_header_like_sst2(tmp_path):
    path = write(tmp_path, "train.tsv", 'sentence\tlabel\nhide " new secretions\t0\ncontains wit\t1\n')
    assert as_read(path) == [('hide " new secretions', "0"), ("contains wit", "1")]


def test_jsonl_skips_blank_lines_and_keeps_unicode(tmp_path):
    rows = [{"text": "café\n☕ — naïve", "label": "pos", "id": 7}, {"text": "x", "label": "neg"}]
    content = jsonl_of(rows[:1]) + "\n" + json.dumps(rows[1], ensure_ascii=False)
    assert as_read(write(tmp_path, "a.jsonl", content)) == as_written(rows)


def test_parquet_reads_every_row_in_order(tmp_path):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "a.parquet", row_group_size=5)
    assert as_read(tmp_path / "a.parquet") == as_written(ROWS)


def test_suffix_may_be_upper_case(tmp_path):
    assert as_read(write(tmp_path, "A.CSV", csv_of(ROWS))) == as_written(ROWS)


def test_all_four_kinds_of_file_hold_the_same_data(tmp_path):
    write(tmp_path, "a.csv", csv_of(ROWS))
    write(tmp_path, "a.tsv", csv_of(ROWS).replace(",", "\t"))
    write(tmp_path, "a.jsonl", jsonl_of(ROWS))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    read = [as_read(tmp_path / f"a.{kind}") for kind in ("csv", "tsv", "jsonl", "parquet")]
    assert read == [as_written(ROWS)] * 4


@pytest.mark.parametrize("validation", ["validation", "dev", "val", "valid", "Dev"])
def test_folder_with_a_file_for_each_split(tmp_path, validation):
    write(tmp_path, "train.csv", csv_of(ROWS[:6]))
    write(tmp_path, f"{validation}.jsonl", jsonl_of(ROWS[6:9]))
    write(tmp_path, "test.tsv", csv_of(ROWS[9:]).replace(",", "\t"))
    write(tmp_path, "README.md", "no data")
    assert list(load_data(tmp_path)) == ["train", "validation", "test"]
    assert as_read(tmp_path, "train") == as_written(ROWS[:6])
    assert as_read(tmp_path, "validation") == as_written(ROWS[6:9])
    assert as_read(tmp_path, "test") == as_written(ROWS[9:])


# content of a file, options, and what the message must say beside the file's name
FAULTS = {
    "empty file": ("a.csv", "", {}, ["is empty"]),
    "header only": ("a.csv", "text,label\n", {}, ["no rows"]),
    "empty jsonl": ("a.jsonl", "\n", {}, ["no rows"]),
    "not UTF-8": ("a.csv", b"text,label\ncaf\xe9\x81,1\n", {}, ["not UTF-8", "0xe9", "--encoding"]),
    "ragged row": ("a.csv", 'text,label\n"two\nlines",1\na,b,0\n', {}, ["line 4", "expected 2", "found 3"]),
    "short row": ("a.tsv", "text\tlabel\na\t1\nb\n", {}, ["line 3", "expected 2", "found 1"]),
    "bad json": ("a.jsonl", '{"text": "a", "label": 1}\n\n{"text": \n', {}, ["line 3", "not JSON"]),
    "no json object": ("a.jsonl", '{"text": "a", "label": 1}\n["b", 0]\n', {}, ["line 2", "object", "list"]),
    "corrupt parquet": ("a.parquet", b"PAR1 no parquet at all PAR1", {}, ["cannot be read as parquet"]),
    "no text column": (
        "a.csv",
        "txt,label\na,1\nb,0\n",
        {},
        ["no text column", "'txt', 'label'", "--text-column"],
    ),
    "no label column": (
        "a.csv",
        "text,y\na,1\nb,0\n",
        {},
        ["no label column", "'text', 'y'", "--label-column"],
    ),
    "wrong text column": (
        "a.csv",
        "text,label\na,1\nb,0\n",
        {"text_column": "texts"},
        ["no text column 'texts'", "Did you mean 'text'"],
    ),
    "wrong label column": (
        "a.csv",
        "text,label\na,1\nb,0\n",
        {"label_column": "lable"},
        ["no label column 'lable'", "Did you mean 'label'"],
    ),
    "empty text": ("a.csv", "text,label\na,1\nb,0\n  ,1\n", {}, ["row 3", "empty text"]),
    "null text": (
        "a.jsonl",
        '{"text": "a", "label": 1}\n{"text": null, "label": 0}',
        {},
        ["row 2", "empty text"],
    ),
    "missing label": ("a.csv", "text,label\na,1\nb,\nc,0\n", {}, ["row 2", "no label"]),
    "null label": (
        "a.jsonl",
        '{"text": "a", "label": 1}\n{"text": "b", "label": null}',
        {},
        ["row 2", "no label"],
    ),
    "no label key": ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "b"}', {}, ["row 2", "no label"]),
    "fractional labels": (
        "a.csv",
        "text,label\na,0.25\nb,1\n",
        {},
        ["whole numbers", "0.25", "--label-column"],
    ),
    "numbers and names": (
        "a.csv",
        "text,label\na,pos\nb,1\n",
        {},
        ["whole numbers or all class names", "'pos'"],
    ),
    "one class": ("a.csv", "text,label\na,pos\nb,pos\n", {}, ["two classes", "'pos'"]),
    "too many classes": (
        "a.csv",
        "text,label\n" + "".join(f"text {i},name {i}\n" for i in range(30)),
        {},
        ["30 different labels", "too many", "--label-column"],
    ),
    "numbers as text": (
        "a.jsonl",
        '{"text": "a", "label": 1}\n{"text": 3.5, "label": 0}',
        {},
        ["row 2", "'text' holds float", "--text-column"],
    ),
    "several labels a row": (
        "a.jsonl",
        '{"text": "a", "label": [1, 2]}\n{"text": "b", "label": [0]}',
        {},
        ["label"],
    ),
    "huge whole number": (
        "a.jsonl",
        '{"text": "a", "label": 1' + "0" * 400 + '}\n{"text": "b", "label": 0}',
        {},
        [],
    ),
    "label beyond labels": (
        "a.csv",
        "text,label\na,neg\nb,poss\n",
        {"labels": ["neg", "pos"]},
        ["row 2", "'poss'", "neg, pos", "Did you mean 'pos'"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_in_a_file_is_named_with_its_place(tmp_path, fault):
    name, content, options, said = FAULTS[fault]
    path = write(tmp_path, name, content)
    with pytest.raises(DataError) as error:
        load_data(path, cut_missing=False, **options)
    for part in [str(path), *said]:
        assert part in str(error.value)


@pytest.mark.parametrize("fault", ["not UTF-8", "empty text", "bad json", "ragged row"])
def test_fault_is_named_when_streaming_too(tmp_path, fault):
    name, content, options, said = FAULTS[fault]
    path = write(tmp_path, name, content)
    with pytest.raises(DataError) as error:
        list(load_data(path, cut_missing=False, streaming=True, **options)["test"])
    for part in [str(path), *said]:
        assert part in str(error.value)


def test_missing_file_names_its_near_match(tmp_path):
    write(tmp_path, "reviews.csv", csv_of(ROWS))
    with pytest.raises(DataError, match=r"revews\.csv: no such file.*Did you mean 'reviews\.csv'"):
        load_data(tmp_path / "revews.csv")


def test_unknown_suffix_names_those_that_can_be_read(tmp_path):
    with pytest.raises(
        DataError, match=r"a\.jsonlines: expected .*\.csv, \.tsv, \.jsonl, \.json, \.parquet.*Did you mean '\.jsonl'"
    ):
        load_data(write(tmp_path, "a.jsonlines", "[]"))


def test_two_files_of_one_split_are_ambiguous(tmp_path):
    write(tmp_path, "train.csv", csv_of(ROWS))
    write(tmp_path, "training.jsonl", jsonl_of(ROWS))
    with pytest.raises(DataError, match=r"more than one train file: train\.csv, training\.jsonl"):
        load_data(tmp_path)


def test_folder_without_splits_says_what_it_holds(tmp_path):
    write(tmp_path, "reviews.csv", csv_of(ROWS))
    with pytest.raises(DataError, match=r"expected train, validation or test files.*it holds reviews\.csv"):
        load_data(tmp_path)


def test_two_columns_of_one_name_are_an_error(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("text,label,label\ngood,1,0\n")
    with pytest.raises(DataError, match="more than one column 'label'"):
        load_data(path)


def test_a_file_without_header_may_begin_with_a_text_that_is_a_number(tmp_path):
    path = tmp_path / "reviews.tsv"
    path.write_text("10\t1\n" + "".join(f"text {i}\t{i % 2}\n" for i in range(9)))
    data = load_data(path, cut_missing=False)
    assert data["test"][0] == {"text": "10", "label": 1}


ADVISED = re.compile(r"python -m (\w+ (?:-d|-e) .*?)(?:\)|$)")


def follow(error: pytest.ExceptionInfo, folder: Path) -> None:
    """Run the command that a message advises."""
    words = shlex.split(ADVISED.search(str(error.value))[1])
    subprocess.run([sys.executable, "-m", *words], cwd=folder, check=True)


def test_a_zip_with_several_files_is_unpacked_as_advised(tmp_path):
    path = tmp_path / "my reviews.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for split in ("train", "test"):
            archive.writestr(f"{split}.csv", csv_of([{**row, "text": split + row["text"]} for row in ROWS]))
    with pytest.raises(DataError, match=r"exactly one data file; it has train\.csv, test\.csv") as error:
        load_data(path)
    follow(error, tmp_path)
    assert list(load_data(tmp_path)) == ["train", "validation", "test"]


@pytest.mark.parametrize("packed", ["gz", "zip"])
def test_a_bomb_is_refused_and_unpacked_as_advised(tmp_path, monkeypatch, packed):
    monkeypatch.setattr("safr_lens.data.packed.HARMLESS", 1000)
    content = ("text,label\n" + "good,1\nbad,0\n" * 20_000).encode()
    path = tmp_path / ("my reviews.csv.gz" if packed == "gz" else "my reviews.zip")
    if packed == "gz":
        path.write_bytes(gzip.compress(content))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("my reviews.csv", content)
    with pytest.raises(DataError, match="as a zip bomb does") as error:
        load_data(path)
    follow(error, tmp_path)
    assert len(as_read(tmp_path / "my reviews.csv")) == 40_000


def test_a_gzipped_parquet_file_is_unpacked_as_advised(tmp_path):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "my a.parquet")
    path = tmp_path / "my a.parquet.gz"
    path.write_bytes(gzip.compress((tmp_path / "my a.parquet").read_bytes()))
    (tmp_path / "my a.parquet").unlink()
    with pytest.raises(DataError, match="is compressed already") as error:
        load_data(path)
    follow(error, tmp_path)
    assert as_read(tmp_path / "my a.parquet") == as_written(ROWS)


def test_nul_bytes_are_removed_as_advised(tmp_path):
    path = write(tmp_path, "a.csv", csv_of(ROWS).replace("good", "go\0od"))
    with pytest.raises(DataError, match="NUL byte") as error:
        load_data(path)
    command = re.search(r"tr -d .*", str(error.value))[0].replace("old", "a.csv").replace("new", "new.csv")
    subprocess.run(command, shell=True, cwd=tmp_path, check=True)
    assert as_read(tmp_path / "new.csv") == as_written(ROWS)


def test_parquet_in_a_zip_is_read(tmp_path):
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.parquet", "data/a.parquet")
    assert as_read(tmp_path / "a.zip") == as_written(ROWS)


def test_nothing_is_read_by_pickle(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match="can run code"):
        load_data(path)
    assert not (tmp_path / "sprung").exists()


def test_empty_text_and_label_are_mended_as_advised(tmp_path):
    for bad in ("  ,pos", "a,"):
        path = write(tmp_path, "a.csv", csv_of(ROWS) + bad + "\n")
        with pytest.raises(DataError, match=r"row 13 has .*Fill it in or remove the row"):
            load_data(path)
    assert len(as_read(write(tmp_path, "a.csv", csv_of(ROWS)))) == 12
    assert len(as_read(write(tmp_path, "a.csv", csv_of(ROWS) + "a,pos\n"))) == 13


def test_wrong_column_is_named_as_advised(tmp_path):
    path = write(
        tmp_path, "a.jsonl", "".join(json.dumps({"text": i, "body": f"t {i}", "label": i % 2}) + "\n" for i in range(9))
    )
    with pytest.raises(DataError, match=r"'text' holds int, not text. Name the right column with --text-column"):
        load_data(path)
    assert len(as_read(path, text_column="body")) == 9


@pytest.mark.parametrize("streaming", [False, True])
def test_an_empty_split_is_named_and_given_as_advised(tmp_path, streaming):
    rows = [{"text": text, "label": label} for text, label in (("a", "x"), ("b", "y"))]
    with pytest.raises(
        DataError, match=r"Split '(test|validation|train)' is empty after cutting\. Give more rows, or a folder"
    ):
        load_data(write(tmp_path, "a.csv", csv_of(rows)), streaming=streaming)
    folder = tmp_path / "data"
    folder.mkdir()
    for split in ("train", "validation", "test"):
        write(folder, f"{split}.csv", csv_of([{**row, "text": f"{row['text']} of {split}"} for row in rows]))
    data = load_data(folder, streaming=streaming)
    assert [len(list(split)) for split in data.values()] == [2, 2, 2]


def test_two_columns_without_header_are_told_apart(tmp_path):
    path = write(tmp_path, "a.tsv", "ham\tgo home\nspam\tfree money\nham\tok then\n")
    assert as_read(path, header=False) == [("go home", "ham"), ("free money", "spam"), ("ok then", "ham")]
    assert as_read(path, header=False, text_column="2", label_column="1") == as_read(path, header=False)


def test_two_columns_that_cannot_be_told_apart_are_to_be_named(tmp_path):
    path = write(tmp_path, "a.tsv", "ham\tgo home\nspam\tfree money\n")
    with pytest.raises(DataError, match=r"no text column found among '1', '2'.*--text-column"):
        load_data(path, header=False)
    assert as_read(path, header=False, text_column="2", label_column="1") == [
        ("go home", "ham"),
        ("free money", "spam"),
    ]


def test_header_that_looks_like_data_can_be_stated(tmp_path):
    path = write(tmp_path, "a.csv", "text,2019\ngood,1\nbad,0\n")
    assert len(as_read(path, header=True, label_column="2019")) == 2


def test_a_split_lacking_its_labels_alone_is_left_out_but_a_misspelt_one_is_not(tmp_path):
    write(tmp_path, "train.csv", csv_of(ROWS * 3))
    write(tmp_path, "test.csv", "id,text\n0,x\n1,y\n")
    data = load_data(tmp_path, cut_missing=False)
    assert list(data) == ["train"]
    assert "test has no labels and was left out." in data.notes
    assert data.rows["test"].dropped == {"no label": 2}
    write(tmp_path, "test.csv", "text,lable\nx,pos\n")
    with pytest.raises(DataError, match=r"test\.csv: no label column found among 'text', 'lable'"):
        load_data(tmp_path)
    files = {"train": tmp_path / "train.csv", "test": write(tmp_path, "test.csv", "id,text\n0,x\n")}
    with pytest.raises(DataError, match="no label column"):
        load_data(files)
