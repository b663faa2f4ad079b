"""No command of a foreign text reaches the terminal, wherever it is printed."""

from __future__ import annotations

import pytest

from safr_lens.cli import output
from safr_lens.cli.sweep import COLUMNS
from safr_lens.progress import stages
from safr_lens.training.progress import TrainProgress

CLEAR = "\x1b[2J"
HOSTILE = f"a{CLEAR}b\x9b2Jc\u202ed\x07\r[red]e"
COMMANDS = set("\x1b\x9b\x07\u202e\u2066\u2028\r\x00\x7f\x85")


def test_tables_and_lines_reach_the_terminal_without_commands(capsys):
    output.say(HOSTILE)
    output.print_table(HOSTILE, [HOSTILE, "n"], [[HOSTILE, "1\n2"]])
    printed = capsys.readouterr().out
    assert not COMMANDS & set(printed)
    assert "[red]" in printed


def test_progress_shows_titles_without_commands(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal, where bars are drawn
    with TrainProgress(epochs=1, done=0, title=HOSTILE, shown=True) as bar:
        bar.step(1, 1, 1, {"cross_entropy": 1.0})
    with stages(HOSTILE, shown=True)("words") as told:
        told(1, 2)
    drawn = capsys.readouterr().err
    assert "[red]" in drawn and CLEAR not in drawn
    assert not (COMMANDS - set("\x1b\r")) & set(drawn), "the bar itself takes the other two"


def test_a_wrong_option_is_quoted_without_commands(call):
    for words in (
        [f"tra{CLEAR}in"],
        ["train", f"--{CLEAR}"],
        ["train", "--epochs", f"{CLEAR}" * 1000],
        ["predict", f"runs/{CLEAR}", f"text {CLEAR}"],
        ["evaluate", "x", "--labels", f"0{CLEAR}=1"],
        [f"--{CLEAR}"],
    ):
        result = call(*words)
        assert result.exit_code == 2, words
        assert CLEAR not in result.output, words
        assert len(result.output) < 1500


@pytest.mark.parametrize("as_json", [False, True])
def test_a_text_is_classified_without_its_commands(call, run, as_json):
    result = call("predict", run, HOSTILE, "fine \udcff film", *["--json"] * as_json)
    assert result.exit_code == 0, result.output
    assert not COMMANDS & set(result.output)


def test_labels_columns_and_file_names_are_printed_without_their_commands(call, small_config, tmp_path):
    path = tmp_path / f"re{CLEAR}views.csv"
    rows = [f"a dull film {i},bad{CLEAR}\na fine film {i},go\u202eod\n" for i in range(12)]
    path.write_text(f"te{CLEAR}xt,label\n" + "".join(rows))
    out = tmp_path / f"run{CLEAR}"
    words = ["--data", path, "--text-column", f"te{CLEAR}xt", "--label-column", "label"]
    trained = call("train", *words, "--config", small_config, "--out", out)
    measured = call("evaluate", out)
    answered = call("predict", out, "a fine film")
    refused = call("train", "--data", path, "--label-column", f"no{CLEAR}ne", "--out", tmp_path / "other")
    for result, code in ((trained, 0), (measured, 0), (answered, 0), (refused, 2)):
        assert result.exit_code == code, result.output
        assert not COMMANDS & set(result.output)
    assert "[U+" in answered.output


def test_a_title_longer_than_the_table_is_not_cut(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    title = "a title that is longer than its table and than the terminal, too"
    output.print_table(title, ["n"], [["1"]])
    assert title in capsys.readouterr().out


def test_columns_that_do_not_fit_follow_below_with_the_name_of_each_row(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    values = [f"{column}.1234" for column in range(12)]
    output.print_table("title", ["run", *(f"measure{column}" for column in range(12))], [["a-run", *values]])
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if "a-run" in line]
    assert len(rows) == 2 and all(row[0] == "a-run" for row in rows)
    assert [value for row in rows for value in row[1:]] == values


def test_the_table_of_a_sweep_fits_into_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    output.print_table("title", COLUMNS, [["unregularised", "68.4", "-0.0", "36.8", "0.171", "0.047", "514", "0.0"]])
    assert capsys.readouterr().out.count("unregularised") == 1


def test_bars_leave_nothing_where_no_terminal_draws_them(capsys):
    with stages("run", shown=True)("words") as told:
        told(1, 2)
    assert capsys.readouterr().err == ""
