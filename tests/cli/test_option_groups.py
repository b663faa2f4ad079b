from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from safr_lens.cli.option_groups import OptionGroup, grouped


@dataclass(frozen=True)
class Size(OptionGroup):
    panel = "How large"

    width: Annotated[int, typer.Option(help="Columns.")] = 3
    height: Annotated[int, typer.Option("--rows", min=1, help="Rows.")] = 2


@pytest.fixture
def app():
    app = typer.Typer()

    @app.command()
    @grouped
    def area(*, context: typer.Context, size: Size, unit: Annotated[str, typer.Option()] = "cm") -> None:
        typer.echo(f"{size.width * size.height} {unit}, of {sorted(context.params)}")

    return app


@pytest.mark.parametrize(
    ("words", "said"), [([], "6 cm"), (["--width", "5", "--unit", "m"], "10 m"), (["--rows", "7"], "21 cm")]
)
def test_fields_of_a_group_are_options(app, words, said):
    result = CliRunner().invoke(app, words)
    assert result.stdout.strip() == f"{said}, of ['height', 'unit', 'width']"


def test_options_of_a_group_are_checked_and_have_a_heading_in_the_help(app):
    assert CliRunner().invoke(app, ["--rows", "0"]).exit_code == 2
    assert "How large" in CliRunner().invoke(app, ["--help"]).stdout
