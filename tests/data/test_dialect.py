"""Separators and quotation marks: looked up in the file; marks that would swallow rows are refused where they open."""

from __future__ import annotations

import pytest

from safr_lens import load_data
from safr_lens.errors import DataError
from tests.data.local_files import as_read


def write(path, content: str):
    path.write_text(content, encoding="utf-8", newline="")
    return path


GOOD_BAD = [("good, really; good", "pos"), ("bad", "neg")]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_separator_of_a_csv_file_is_looked_up(tmp_path, separator):
    text = '"good, really; good"' if separator == ";" else "good, really; good"
    content = f"text,label\n{text},pos\nbad,neg\n".replace(",", separator).replace(f"good{separator} r", "good, r")
    assert as_read(write(tmp_path / "a.csv", content)) == GOOD_BAD


def test_excel_may_declare_the_separator(tmp_path):
    assert as_read(write(tmp_path / "a.csv", "sep=;\r\ntext;label\r\na;1\r\nb;0\r\n")) == [("a", "1"), ("b", "0")]


def test_separator_of_a_tsv_file_is_looked_up(tmp_path):
    assert as_read(write(tmp_path / "a.tsv", "text,label\na,1\nb,0\n")) == [("a", "1"), ("b", "0")]


def test_ragged_row_of_another_separator_names_its_line(tmp_path):
    with pytest.raises(DataError, match=r"line 3: expected 2 columns, found 3"):
        load_data(write(tmp_path / "a.csv", "text;label\na;1\nb;c;0\n"))


def test_tsv_that_pandas_wrote_is_unquoted(tmp_path):
    content = 'text\tlabel\n"He said ""yes"".\nThen left."\tpos\nplain\tneg\n'
    assert as_read(write(tmp_path / "a.tsv", content)) == [('He said "yes".\nThen left.', "pos"), ("plain", "neg")]


SWALLOWED = {
    "the issue's": ('a,0\n"b,1\nc,0\nd,1\n"e,0\nf,1\n', 2),
    "first row": ('text,label\n"a,0\nb,1\nc,0\n"d,1\n', 2),
    "never closed": ('text,label\na,0\nb,1\nc,0\n"d,1\ne,0\n', 5),
    "last row": ('text,label\na,0\nb,1\n"c,1\n', 4),
    "closes at the end of a text": ('text,label\na,0\n"b,1\nc,0\nd",1\ne,0\nf,1\n', 3),
    "closes at the end of a text, labels of its own": ('good "film",1\n"bad film,0\nit is ",1\n', 2),
    "after a good text of two lines": ('text,label\n"a\nb",0\n"c,1\nd,0\n"e,0\nf,1\n', 4),
    "second column": ('label,text\n0,a\n1,"b\n0,c\n1,"d"\n0,e\n', 3),
    "named labels": ('text,label\na,neg\n"b,pos\nc,neg\nd",pos\ne,neg\n', 3),
    "semicolons": ('text;label\na;0\n"b;1\nc;0\n"d;1\ne;0\n', 3),
    "old Mac": ('text,label\ra,0\r"b,1\rc,0\r"d,1\re,0\r', 3),
}


@pytest.mark.parametrize("case", SWALLOWED)
@pytest.mark.parametrize("streaming", [False, True])
def test_mark_that_would_swallow_rows_is_refused_where_it_opens(tmp_path, case, streaming):
    content, line = SWALLOWED[case]
    with pytest.raises(DataError, match=rf"a\.csv, line {line}: the quotation mark that opens here"):
        list(load_data(write(tmp_path / "a.csv", content), cut_missing=False, streaming=streaming)["test"])


@pytest.mark.parametrize("case", SWALLOWED)
def test_removing_the_mark_as_advised_gives_every_row(tmp_path, case):
    content, _ = SWALLOWED[case]
    mended = content.replace('"a\nb"', "a b").replace('"', "")
    has_header = "label" in content
    rows = mended.replace("\r", "\n").splitlines()[int(has_header) :]
    assert len(as_read(write(tmp_path / "a.csv", mended))) == len(rows)


def test_doubling_the_mark_as_advised_keeps_it(tmp_path):
    with pytest.raises(DataError, match='double it: """so"" it begins"'):
        load_data(write(tmp_path / "a.csv", 'text,label\n"so" it begins,0\nb,1\n'))
    mended = write(tmp_path / "b.csv", 'text,label\n"""so"" it begins",0\nb,1\n')
    assert as_read(mended) == [('"so" it begins', "0"), ("b", "1")]


LONG = [
    '"Great film,\nbut long",pos',
    '"She said:\n""A, B""\nand left",neg',
    '"1, 2\n3",pos',
    '"\n\nlate",neg',
]


def test_texts_of_several_lines_are_no_suspects(tmp_path):
    rows = as_read(write(tmp_path / "a.csv", "text,label\n" + "\n".join(LONG) + "\n"))
    assert [text for text, _ in rows] == ["Great film,\nbut long", 'She said:\n"A, B"\nand left', "1, 2\n3", "\n\nlate"]


def test_tsv_keeps_every_row_whatever_its_marks(tmp_path):
    content = 'text\tlabel\na\t0\n"b\t1\nc\t0\nd"\t1\n"e\t0\n'
    assert [text for text, _ in as_read(write(tmp_path / "a.tsv", content))] == ["a", '"b', "c", 'd"', '"e']


def test_nul_bytes_are_refused_with_advice(tmp_path):
    with pytest.raises(DataError, match=r"line 3 holds a NUL byte.*tr -d"):
        load_data(write(tmp_path / "a.csv", "text,label\na,0\nb\0,1\n"))


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_rows_of_one_cell_are_to_be_separated_as_advised(tmp_path, separator):
    with pytest.raises(DataError, match=r"first row is one cell, 'text:label'; expected text and label separated by"):
        load_data(write(tmp_path / "a.csv", "text:label\ngood:1\nbad:0\n"))
    rows = write(tmp_path / "b.csv", "text:label\ngood:1\nbad:0\n".replace(":", separator))
    assert as_read(rows) == [("good", "1"), ("bad", "0")]
