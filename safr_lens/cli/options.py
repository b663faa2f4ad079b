"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

Run = Annotated[str, typer.Argument(help="Folder of a trained run, or a Hub id.")]
Data = Annotated[str, typer.Option(help="rotten_tomatoes, imdb, a Hub id, a csv/tsv/jsonl/parquet file, or a folder.")]
Split = Annotated[str, typer.Option(help="Which split; a single file is used whole.")]
Layer = Annotated[int, typer.Option(help="Whose neurons; -1 is the last.")]
WordVectors = Annotated[
    str | None,
    typer.Option(help="File of word vectors: GloVe, word2vec or fastText text (.txt, .vec, .gz), .npy, .safetensors."),
]
WordVectorsFrom = Annotated[
    str | None,
    typer.Option(help="Or data whose texts give them; by default the training split of --data."),
]
TextColumn = Annotated[str | None, typer.Option(help="Column of the text, if not found by itself.")]
LabelColumn = Annotated[str | None, typer.Option(help="Column of the label, if not found by itself.")]
Streaming = Annotated[bool, typer.Option("--streaming", help="Do not keep the data in memory.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
