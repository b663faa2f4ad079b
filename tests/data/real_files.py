"""Sixty files as people export them, each with what it holds or how it is to be mended.

``CASES`` gives, by name, a function that writes the file or folder and returns its path, and what must come of it: the
texts and labels in their order, or the one message and the change that it advises, after which it is read.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

Rows = list[tuple[str, str]]


@dataclass(frozen=True)
class Case:
    """What must come of a file.

    Attributes:
        write: writes it into an empty folder and returns what is loaded.
        rows: text and name of the label, in order; of ``split`` where there are several.
        options: of ``load_data``.
        said: parts of its notes.
        refused: parts of the message, if it is refused.
        mended: what the message advises: other options, or a function that changes the file and returns its path.
        split: which split is looked at.
        dropped: rows left out.
    """

    write: Callable[[Path], Path]
    rows: Rows
    options: dict[str, Any] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    mended: dict[str, Any] | Callable[[Path], Path] | None = None
    split: str = "test"
    dropped: int = 0


def file(name: str, content: str | bytes, encoding: str = "utf-8") -> Callable[[Path], Path]:
    """Return a function that writes one file with its content as it stands."""

    def write(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def folder(files: dict[str, str | bytes], name: str = "data") -> Callable[[Path], Path]:
    """Return a function that writes a folder of files."""

    def write(where: Path) -> Path:
        for inner, content in files.items():
            file(f"{name}/{inner}", content)(where)
        return where / name

    return write


def table(rows: Rows, **options: Any) -> str:
    """Return rows as the module ``csv`` writes them."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", **options).writerows([("text", "label"), *rows])
    return out.getvalue()


def renamed(name: str) -> Callable[[Path], Path]:
    """Return a function that gives a file another name."""
    return lambda path: path.rename(path.with_name(name))


def rewritten(change: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    """Return a function that changes what a file holds."""

    def mend(path: Path) -> Path:
        path.write_bytes(change(path.read_bytes()))
        return path

    return mend


def zipped(members: dict[str, str | bytes]) -> Callable[[Path], Path]:
    """Return a function that writes a zip file."""

    def write(where: Path) -> Path:
        path = where / "archive.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return path

    return write


def unzipped(path: Path) -> Path:
    """Unpack a zip file beside it and return its first data file."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(path.parent / "unpacked")
    return min((path.parent / "unpacked").rglob("*.csv"))


def saved(data: Dataset | DatasetDict, **options: Any) -> Callable[[Path], Path]:
    """Return a function that saves a data set to disk."""

    def write(where: Path) -> Path:
        data.save_to_disk(where / "saved", **options)
        return where / "saved"

    return write


def by_pandas(method: str, name: str, rows: Rows, **options: Any) -> Callable[[Path], Path]:
    """Return a function that writes rows with a method of a DataFrame."""

    def write(where: Path) -> Path:
        getattr(pd.DataFrame(rows, columns=["text", "label"]), method)(where / name, **options)
        return where / name

    return write


BOTH: Rows = [("a good film", "pos"), ("a bad film", "neg")]
PLAIN = table(BOTH)
MORE: Rows = [("a fine film", "pos"), ("a dull film", "neg")]
GERMAN: Rows = [("Schön; wirklich „schön“", "gut"), ("Übel, sehr übel", "schlecht")]
CURLY: Rows = [("It’s “fine” – really…", "pos"), ("naïve café", "neg")]
IMDB: Rows = [
    ('One of the other reviewers said "wow".<br /><br />The first thing, really, is "Oz".', "positive"),
    ("Basically there's a family<br /><br />3 out of 10", "negative"),
]
NEWS: Rows = [
    ("Wall St. Bears Claw Back", "3"),
    ('Oil prices, "again"', "3"),
    ("Olympics: a record", "2"),
]
NEWS_LINES = (
    '"3","Wall St. Bears Claw Back","Reuters - Short-sellers, again."\n'
    '"3","Oil prices, ""again""","AFP - Exports\\of oil"\n"2","Olympics: a record","AP - ""Gold"", they said"\n'
)
SPAM: Rows = [
    ("Go until jurong point, crazy..", "ham"),
    ("FREE entry in 2 a wkly comp £1000", "spam"),
    ("Ok lar", "ham"),
]
SPAM_LINES = "".join(f"{label}\t{text}\n" for text, label in SPAM)
COLA_LINES = "gj04\t1\t\tOur friends won't buy it\ngj04\t0\t*\tThey drank the pub\nbc01\t1\t\tIt's \"over\n"
COLA: Rows = [("Our friends won't buy it", "1"), ("They drank the pub", "0"), ("It's \"over", "1")]
SST = 'sentence\tlabel\nhide new " secretions\t0\n" contains wit\t1\n'
SST_ROWS: Rows = [('hide new " secretions', "0"), ('" contains wit', "1")]
MNLI = (
    "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse\tsentence1\tsentence2\tlabel1\tgold_label\n"
    "0\t31193\t31193n\tgovernment\t( ( a b ) )\tConceptually, cream\tProduct\tneutral\tneutral\n"
    '1\t1\t1e\ttelephone\t( c )\tyou know "during\tYou lose\tentailment\tentailment\n'
)
CLASS = ClassLabel(names=["neg", "pos"])
NAMED = Features({"text": Value("string"), "label": CLASS})
FILMS = Dataset.from_list([{"text": t, "label": CLASS.str2int(name)} for t, name in BOTH], features=NAMED)
GROUPS: Rows = [
    ('From: lerxst@wam.umd.edu\nSubject: WHAT car is this!?\n\n I was wondering, "if"', "rec.autos"),
    ("From: guykuo@u.washington.edu\n\n\tA fair number; of\n\n", "comp.sys.mac.hardware"),
]
TWENTY = "\n".join(json.dumps({"text": text, "label": label}) for text, label in GROUPS) + "\n"
HUGE: Rows = [("long " * 60_000 + "end", "pos"), ("short", "neg")]
SCRIPTS: Rows = [
    ("这部电影非常精彩", "好"),
    ("とても退屈", "悪い"),
    ("फ़िल्म अच्छी थी", "अच्छा"),
    ("فيلم رائع", "جيد"),
    ("סרט גרוע", "רע"),
]
RUSSIAN: Rows = [("Отличный фильм о жизни и любви", "хорошо"), ("Скучный и плохой сюжет, увы", "плохо")] * 3

CASES: dict[str, Case] = {
    # spreadsheets
    "Excel, CSV UTF-8": Case(file("a.csv", "\ufeff" + PLAIN.replace("\n", "\r\n")), BOTH),
    "Excel, German, CSV UTF-8": Case(
        file("a.csv", "\ufeff" + table(GERMAN, delimiter=";")), GERMAN, said=("separated by semicolons",)
    ),
    "Excel, German, plain CSV": Case(
        file("a.csv", table(GERMAN, delimiter=";"), "cp1252"), GERMAN, said=("Windows-1252", "semicolons")
    ),
    "Excel, Unicode text": Case(
        file("a.csv", table(CURLY, delimiter="\t"), "utf-16"), CURLY, said=("UTF-16", "separated by tabs")
    ),
    "Excel, Unicode text as it is named": Case(
        file("a.txt", table(CURLY, delimiter="\t"), "utf-16"),
        CURLY,
        refused=("rename it: a.tsv",),
        mended=renamed("a.tsv"),
    ),
    "Excel, separator declared": Case(file("a.csv", "sep=;\r\n" + table(GERMAN, delimiter=";")), GERMAN),
    "Excel, rows of empty cells at the end": Case(file("a.csv", PLAIN + ",\r\n" * 5), BOTH, dropped=5),
    "Excel workbook": Case(
        file("a.xlsx", b"PK\x03\x04 no table of text"),
        BOTH,
        refused=("CSV UTF-8", "pandas.read_excel"),
        mended=lambda path: by_pandas("to_csv", "data.csv", BOTH, index=False)(path.parent),
    ),
    "Curly quotes of Windows": Case(file("a.csv", table(CURLY), "cp1252"), CURLY, said=("cp1252",)),
    "Numbers, old Mac line ends": Case(file("a.csv", PLAIN.replace("\n", "\r")), BOTH),
    "Trailing commas": Case(file("a.csv", "text,label,\na good film,pos,\na bad film,neg,\n"), BOTH),
    "Trailing commas below the header alone": Case(
        file("a.csv", "text,label\na good film,pos,,\na bad film,neg,\n"), BOTH, said=("empty cells",)
    ),
    "Blanks after commas": Case(file("a.csv", "text, label\na good film, pos\na bad film, neg\n"), BOTH),
    "Empty lines between rows": Case(file("a.csv", PLAIN.replace("\n", "\n\n")), BOTH, dropped=3),
    "Duplicate columns": Case(
        file("a.csv", "text,label,text\na good film,pos,x\na bad film,neg,y\n"),
        BOTH,
        refused=("more than one column 'text'", "Rename or remove one"),
        mended=rewritten(lambda old: old.replace(b"label,text", b"label,other")),
    ),
    # what pandas writes
    "pandas, with its index": Case(by_pandas("to_csv", "a.csv", CURLY), CURLY),
    "pandas, tsv with quotes": Case(
        by_pandas("to_csv", "a.tsv", IMDB, sep="\t", index=False, quoting=csv.QUOTE_ALL),
        IMDB,
        said=("quoted as in csv",),
    ),
    "pandas, gzipped": Case(by_pandas("to_csv", "a.csv.gz", IMDB, index=False), IMDB),
    "pandas, zipped": Case(
        by_pandas("to_csv", "a.zip", IMDB, index=False, compression={"method": "zip", "archive_name": "a.csv"}), IMDB
    ),
    "pandas, JSON lines": Case(by_pandas("to_json", "a.jsonl", CURLY, orient="records", lines=True), CURLY),
    "pandas, JSON records": Case(by_pandas("to_json", "a.json", CURLY, orient="records"), CURLY),
    "pandas, JSON columns": Case(
        by_pandas("to_json", "a.json", CURLY),
        CURLY,
        refused=("whole columns", "orient='records', lines=True"),
        mended=lambda path: by_pandas("to_json", "data.jsonl", CURLY, orient="records", lines=True)(path.parent),
    ),
    "pandas, JSON lines gzipped": Case(by_pandas("to_json", "a.jsonl.gz", CURLY, orient="records", lines=True), CURLY),
    "pandas, parquet": Case(by_pandas("to_parquet", "a.parquet", CURLY), CURLY),
    "pandas, pickle": Case(
        by_pandas("to_pickle", "a.pkl", BOTH),
        BOTH,
        refused=("can run code", "to_parquet('data.parquet')"),
        mended=lambda path: by_pandas("to_parquet", "data.parquet", BOTH)(path.parent),
    ),
    # data sets that everybody has
    "Kaggle, IMDb": Case(
        file("IMDB Dataset.csv", "review,sentiment\n" + table(IMDB, quoting=csv.QUOTE_MINIMAL).partition("\n")[2]), IMDB
    ),
    "Kaggle, IMDb zipped with a note": Case(
        zipped({"IMDB Dataset.csv": table(IMDB), "readme.txt": "See Kaggle.", "__MACOSX/._IMDB Dataset.csv": b"\0\5"}),
        IMDB,
    ),
    "AG News, with header": Case(
        file("train.csv", "Class Index,Title,Description\n" + NEWS_LINES),
        NEWS,
        refused=("no text column", "'Class Index', 'Title', 'Description'", "--text-column", "text_column="),
        mended={"text_column": "Title", "label_column": "Class Index"},
    ),
    "AG News, without header": Case(
        file("train.csv", NEWS_LINES),
        NEWS,
        refused=("no text column", "--no-header (in Python: header=False)", "named 1, 2 and so on"),
        mended={"header": False, "text_column": "2", "label_column": "1"},
    ),
    "20 Newsgroups, JSON lines": Case(file("20news.jsonl", TWENTY), GROUPS),
    "20 Newsgroups, csv of scikit-learn": Case(
        file(
            "20news.csv",
            ",content,target\n" + table([(t, n) for t, n in GROUPS]).partition("\n")[2].replace('"From', '0,"From'),
        ),
        GROUPS,
    ),
    "aclImdb, as Stanford packs it": Case(
        folder(
            {
                "train/pos/0_9.txt": "Bromwell High is a <br /><br />cartoon",
                "train/neg/0_3.txt": "Story of a man",
                "train/unsup/0_0.txt": "I admit",
                "test/neg/0_2.txt": "Once again",
                "test/pos/0_10.txt": "I went “there”",
                "imdb.vocab": "the\nand\n",
            },
            name="aclImdb",
        ),
        [("Once again", "neg"), ("I went “there”", "pos")],
        options={"cut_missing": False},
    ),
    "20 Newsgroups, as scikit-learn unpacks it": Case(
        folder({f"{label}/{i}": text for i, (text, label) in enumerate(GROUPS)}, name="20news-bydate-train"),
        sorted(GROUPS, key=lambda row: row[1]),
    ),
    "GLUE, SST-2": Case(
        folder(
            {
                "train.tsv": SST,
                "dev.tsv": "sentence\tlabel\nit 's\t1\n",
                "test.tsv": "index\tsentence\n0\tuneasy\n1\tthe\n",
            }
        ),
        SST_ROWS,
        options={"cut_missing": False},
        said=("test has no labels and was left out",),
        split="train",
    ),
    "GLUE, CoLA": Case(
        folder(
            {
                "train.tsv": COLA_LINES,
                "dev.tsv": COLA_LINES.replace("friends", "foes").replace("pub", "bar").replace("over", "on"),
            }
        ),
        COLA,
        refused=("a column without a name", "--no-header"),
        mended={"header": False, "text_column": "4", "label_column": "2"},
        split="train",
    ),
    "GLUE, MNLI": Case(
        folder({"train.tsv": MNLI, "dev_matched.tsv": MNLI}),
        [("Conceptually, cream", "neutral"), ('you know "during', "entailment")],
        refused=("no text column", "'sentence1', 'sentence2'"),
        mended={"text_column": "sentence1", "label_column": "gold_label"},
    ),
    "SMS spam, as the UCI has it": Case(
        file("SMSSpamCollection", SPAM_LINES),
        SPAM,
        options={"header": False},
        refused=("rename it: SMSSpamCollection.tsv",),
        mended=renamed("SMSSpamCollection.tsv"),
    ),
    "SMS spam, without header": Case(
        file("sms.tsv", SPAM_LINES.replace("£", "\xa3"), "latin-1"),
        SPAM,
        refused=("no text column", "--no-header"),
        mended={"header": False},
    ),
    "SMS spam of Kaggle": Case(
        file("spam.csv", "v1,v2,,,\r\n" + "".join(f'{n},"{t}",,,\r\n' for t, n in SPAM), "latin-1"),
        SPAM,
        refused=("no text column", "'v1', 'v2'", "--text-column"),
        mended={"text_column": "v2", "label_column": "v1"},
    ),
    "SMS spam of Kaggle, a text over two cells": Case(
        file("spam.csv", "label,text,,\nham,hello,,\nham,The wine is flowing, and so on,\nspam,FREE,,\n"),
        [("hello", "ham"), ("The wine is flowing, and so on", "ham"), ("FREE", "spam")],
        refused=("line 3", "a column without a name", "in quotes"),
        mended=rewritten(
            lambda old: old.replace(b"The wine is flowing, and so on", b'"The wine is flowing, and so on",')
        ),
    ),
    # the Hub
    "Hub data set saved to disk": Case(saved(FILMS), BOTH),
    "Hub data set saved in shards": Case(saved(FILMS, num_shards=2), BOTH),
    "Hub data set with splits saved to disk": Case(
        saved(
            DatasetDict(
                train=Dataset.from_list([{"text": "x", "label": 0}, {"text": "y", "label": 1}], features=NAMED),
                test=FILMS,
            )
        ),
        BOTH,
        options={"cut_missing": False},
    ),
    "Hub repository with parquet shards": Case(
        lambda where: _parquet_shards(where / "data"), BOTH + MORE, options={"cut_missing": False}
    ),
    "Shards of which one is missing": Case(
        lambda where: _parquet_shards(where, lost=True),
        BOTH,
        refused=("shard number 1 is missing",),
        mended=lambda path: next(path.glob("*.parquet")).rename(path / "train-00000.parquet").parent,
    ),
    "Spark output": Case(
        folder(
            {"part-00000-3f-c000.csv": PLAIN, "part-00001-3f-c000.csv": table(MORE), "_SUCCESS": "", ".part.crc": "x"}
        ),
        BOTH + MORE,
    ),
    "Ten shards in the order of their numbers": Case(
        folder({f"part-{i}.csv": table([(f"text {i}", "ab"[i % 2])]) for i in range(12)}),
        [(f"text {i}", "ab"[i % 2]) for i in range(12)],
    ),
    "Shards with other columns": Case(
        folder({"part-0.csv": PLAIN, "part-1.csv": table(MORE).replace("text,", "body,")}),
        BOTH + MORE,
        refused=("'body', 'label'", "must have the same columns"),
        mended=lambda path: rewritten(lambda old: old.replace(b"body", b"text"))(path / "part-1.csv").parent,
    ),
    "A folder for each split": Case(
        folder({"train/a.csv": table(MORE), "test/part-0.csv": PLAIN}), BOTH, options={"cut_missing": False}
    ),
    "A folder with one file of another name": Case(
        folder({"my reviews.csv": PLAIN}),
        BOTH,
        refused=("expected train, validation or test files", "Name one file: ", "my reviews.csv'"),
        mended=lambda path: path / "my reviews.csv",
    ),
    "A model's folder": Case(
        folder({"config.json": b"{}", "model.safetensors": b"", "own/reviews.csv": PLAIN}),
        BOTH,
        refused=("holds a model, not texts", "a .csv file"),
        mended=lambda path: path / "own" / "reviews.csv",
    ),
    # scripts and encodings
    "Five scripts": Case(file("a.csv", table(SCRIPTS)), SCRIPTS),
    "Five scripts in UTF-16, big-endian": Case(
        file("a.csv", b"\xfe\xff" + table(SCRIPTS).encode("utf-16-be")), SCRIPTS
    ),
    "Russian of Windows": Case(
        file("a.csv", table(RUSSIAN), "cp1251"),
        RUSSIAN,
        refused=("not UTF-8", "--encoding cp1251", "encoding='cp1251'"),
        mended={"encoding": "cp1251"},
    ),
    "Japanese of Windows": Case(
        file("a.csv", "text,label\n" + "とても面白い映画でした。,良\n退屈で長い作品だった。,悪\n" * 3, "cp932"),
        [("とても面白い映画でした。", "良"), ("退屈で長い作品だった。", "悪")] * 3,
        refused=("not UTF-8", "--encoding cp932"),
        mended={"encoding": "cp932"},
    ),
    "UTF-16 without its mark": Case(
        file("a.csv", PLAIN, "utf-16-le"),
        BOTH,
        refused=("looks like UTF-16", "--encoding utf-16-le"),
        mended={"encoding": "utf-16-le"},
    ),
    "Emoji and lines within texts": Case(
        file("a.csv", table([("Loved it 😀😀\n\n10/10, “yes”", "pos"), ("no ☹", "neg")])),
        [("Loved it 😀😀\n\n10/10, “yes”", "pos"), ("no ☹", "neg")],
    ),
    # damage
    "NUL bytes": Case(
        file("a.csv", PLAIN.replace("bad", "b\0ad")),
        BOTH,
        refused=("line 3 holds a NUL byte", "tr -d '\\000'"),
        mended=rewritten(lambda old: old.replace(b"\0", b"")),
    ),
    "An unclosed quote": Case(
        file("a.csv", 'text,label\n"a good film,pos\na bad film,neg\n'),
        BOTH,
        refused=("line 2", "never closes", "Remove the mark"),
        mended=rewritten(lambda old: old.replace(b'"', b"")),
    ),
    "A quote within a quoted text": Case(
        file("a.csv", 'text,label\n"a "good" film",pos\na bad film,neg\n'),
        [('a "good" film', "pos"), ("a bad film", "neg")],
        refused=("line 2", "within the text", "double it"),
        mended=rewritten(lambda old: old.replace(b'"good"', b'""good""')),
    ),
    "A comma in a text without quotes": Case(
        file("a.csv", "text,label\na good, long film,pos\na bad film,neg\n"),
        [("a good, long film", "pos"), ("a bad film", "neg")],
        refused=("line 2", "expected 2 columns, found 3", "must stand in quotes"),
        mended=rewritten(lambda old: old.replace(b"a good, long film", b'"a good, long film"')),
    ),
    "A huge cell": Case(file("a.csv", table(HUGE)), HUGE),
    "A truncated gzip file": Case(
        file("a.csv.gz", gzip.compress(PLAIN.encode() * 50)[:-20]),
        BOTH,
        refused=("cannot be read as csv", "Fetch it anew"),
        mended=lambda path: file("a.csv.gz", gzip.compress(PLAIN.encode()))(path.parent),
    ),
    "A zip with two data files": Case(
        zipped({"a.csv": PLAIN, "b.csv": table(MORE)}),
        BOTH,
        refused=("exactly one data file", "a.csv, b.csv", "python -m zipfile -e "),
        mended=unzipped,
    ),
    "A zip with a path that leaves its folder": Case(
        zipped({"../a.csv": PLAIN}),
        BOTH,
        refused=("leaves its folder", "Do not unpack it"),
        mended=lambda path: file("a.csv", PLAIN)(path.parent),
    ),
    "A zip bomb": Case(
        zipped({"a.csv": "text,label\n" + "x,1\n" * (1 << 25)}),
        [],
        refused=("would expand to", "zip bomb", "If you trust it, unpack it"),
    ),
    "Labels -1, 0 and 1": Case(file("a.csv", "text,label\na,0\nb,1\nc,-1\n"), [("a", "0"), ("b", "1"), ("c", "-1")]),
}


def _parquet_shards(where: Path, *, lost: bool = False) -> Path:
    where.mkdir(exist_ok=True)
    for number, rows in enumerate((BOTH, MORE)):
        data = Dataset.from_list([{"text": text, "label": CLASS.str2int(name)} for text, name in rows], features=NAMED)
        if not (lost and number):
            data.to_parquet(where / f"train-{number:05d}-of-00002.parquet")
    return where.parent if where.name == "data" else where
