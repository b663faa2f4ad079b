"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from safr_lens.cli.labels import stated
from safr_lens.data.sources import sources_help


def place(value: str | Path) -> Path:
    """Return the path to write to that an option names; an empty one would be the current folder."""
    if not str(value).strip():
        raise typer.BadParameter("it is empty; name a folder or file to write to.")
    return Path(value)


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
Freeze = Annotated[
    str | None,
    typer.Option(help="Of the encoder: all (default with a neuron head), none, or how many of its lowest blocks."),
]
Readout = Annotated[
    str | None,
    typer.Option(
        help="Input of the output layer: neurons (last MLP only, default), residual, or, with --backbone, "
        "neuron_head (new neurons on the token vectors, default there)."
    ),
]
Pooling = Annotated[
    str | None,
    typer.Option(help="The text's logits: mean of its tokens' (default) or, with a decoder, those of the last."),
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
WordVectorsFrom = Annotated[
    str | None,
    typer.Option(help="Or data whose texts give them; by default the training split of --data."),
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
Labels = Annotated[
    list[str] | None,
    typer.Option(metavar="LABEL=CLASS...", help="What the labels of the data mean, e.g. 0=negative 1=positive."),
]
TextColumn = Annotated[str | None, typer.Option(help="Text column; detected automatically by default.")]
LabelColumn = Annotated[str | None, typer.Option(help="Label column; detected automatically by default.")]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether csv and tsv files begin with column names; detected by default. Without, columns are 1, 2, ...",
    ),
]
Encoding = Annotated[str | None, typer.Option(help="Encoding of text files, such as cp1251; detected by default.")]
Streaming = Annotated[bool, typer.Option("--streaming", help="Stream the data instead of holding it in memory.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]

READING = ("labels", "text_column", "label_column", "header", "encoding", "streaming")


def reading(context: typer.Context) -> dict[str, Any]:
    """Return the options of a command that say how its data is read, as :func:`safr_lens.load_data` takes them."""
    chosen = {name: context.params[name] for name in READING if name in context.params}
    return chosen | {"labels": stated(chosen["labels"])}
