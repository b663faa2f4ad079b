"""Options that several commands share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from safr_lens.cli.labels import stated
from safr_lens.cli.option_groups import OptionGroup
from safr_lens.data.sources import sources_help


def place(value: str | Path) -> Path:
    """Return the path to write to that an option names; an empty one would be the current folder."""
    if not str(value).strip():
        raise typer.BadParameter("it is empty; name a folder or file to write to.")
    return Path(value)


def written(help: str) -> Any:
    """Return an option that names where to write."""
    return typer.Option(parser=place, metavar="PATH", help=help)


DATA = sources_help()
Run = Annotated[str, typer.Argument(help="Folder of a trained run, or a Hub id.")]
Data = Annotated[str | None, typer.Option(help=f"{DATA}. By default the data that the run was trained on.")]
TrainingData = Annotated[str | None, typer.Option("--data", help=f"{DATA}.")]
Split = Annotated[str, typer.Option(help="Split to use, or all; a file that the run does not know is used as a whole.")]
Backbone = Annotated[
    str | None,
    typer.Option(
        help="Pretrained model: folder or Hub id (BERT, RoBERTa, DistilBERT, ModernBERT, or a decoder such as GPT-2)."
    ),
]
VectorsFolder = Annotated[
    Path | None,
    typer.Option(help="Where token vectors of a frozen encoder are kept (default ~/.cache/safr_lens/token_vectors)."),
]
Layer = Annotated[int, typer.Option(help="Layer whose neurons are measured; -1 is the last.")]
WordVectors = Annotated[
    str | None,
    typer.Option(help="File of word vectors: GloVe, word2vec or fastText text (.txt, .vec, .gz), .npy, .safetensors."),
]
TrainingWordVectorsFrom = Annotated[
    str | None, typer.Option(help="Or data whose training split gives them; by default that of --data.")
]
FaithfulnessTexts = Annotated[
    int | None,
    typer.Option(
        min=0, help="Texts for the faithfulness of VMASK's importance; 0 to skip (default 100, fewer if long)."
    ),
]
Seed = Annotated[int, typer.Option(help="Random seed of permutations, resamples and initialisation.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


@dataclass(frozen=True)
class Reading(OptionGroup):
    """How data is read."""

    panel = "How the data is read"

    labels: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL=CLASS...", help="What the labels of the data mean, e.g. 0=negative 1=positive."),
    ] = None
    text_column: Annotated[str | None, typer.Option(help="Text column; detected automatically by default.")] = None
    label_column: Annotated[str | None, typer.Option(help="Label column; detected automatically by default.")] = None
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Whether csv and tsv files begin with column names (detected by default); else columns are 1, 2, ...",
        ),
    ] = None
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of text files, such as cp1251; detected by default.")
    ] = None

    def settings(self) -> dict[str, Any]:
        """Return them as :func:`safr_lens.load_data` takes them."""
        return asdict(self) | {"labels": stated(self.labels)}


@dataclass(frozen=True)
class StreamedReading(Reading):
    """How data is read that need not be held in memory."""

    streaming: Annotated[
        bool,
        typer.Option("--streaming", help="Read the data anew whenever it is used, instead of holding it in memory."),
    ] = False


@dataclass(frozen=True)
class MeasuringVectors(OptionGroup):
    """The word vectors of measures."""

    panel = "Word vectors"

    word_vectors: WordVectors = None
    word_vectors_from: Annotated[
        str | None, typer.Option(help="Or data whose texts give them; by default the training split of --data.")
    ] = None


@dataclass(frozen=True)
class Encoder(OptionGroup):
    """The pretrained encoder that a classifier stands on."""

    panel = "A pretrained encoder"

    backbone: Backbone = None
    freeze: Annotated[
        str | None,
        typer.Option(help="Of the encoder: all (default with a neuron head), none, or how many of its lowest blocks."),
    ] = None
    readout: Annotated[
        str | None,
        typer.Option(
            help="Input of the output layer: neurons (last MLP only, default), residual, or, with --backbone, "
            "neuron_head (new neurons on the token vectors, default there)."
        ),
    ] = None
    pooling: Annotated[
        str | None,
        typer.Option(help="The text's logits: mean of its tokens' (default) or, with a decoder, those of the last."),
    ] = None
    vectors_folder: VectorsFolder = None
