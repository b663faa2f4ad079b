"""Groups of options of ``safr-lens train``; each is a setting of the same name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from safr_lens.cli.option_groups import OptionGroup


@dataclass(frozen=True)
class Penalty(OptionGroup):
    """The terms beside the cross-entropy."""

    panel = "The penalty"

    site: Annotated[
        str | None,
        typer.Option(help="Where the penalty is applied: neurons, embedding (the authors' release), or none."),
    ] = None
    importance_weight: Annotated[
        float | None,
        typer.Option(
            help="Weight of the importance term: separate neurons for important tokens (default 2, with --backbone 20, "
            "and 6 while it is trained)."
        ),
    ] = None
    interaction_weight: Annotated[
        float | None,
        typer.Option(
            help="Weight of the interaction term: shared neurons for correlated pairs (default 1, with --backbone 10, "
            "and 3 while it is trained)."
        ),
    ] = None
    information_weight: Annotated[
        float | None,
        typer.Option(help="Weight of VMASK's information term (default: 1, then 0.1; none without VMASK)."),
    ] = None
    pairs: Annotated[
        str | None, typer.Option(help="Which pairs are correlated: words (similar word vectors, default) or attention.")
    ] = None
    scope: Annotated[
        str | None, typer.Option(help="Compare tokens across the batch (default) or within each text.")
    ] = None
    counted_pairs: Annotated[
        str | None, typer.Option(help="Count each pair of words once (words, default) or each pair of tokens (tokens).")
    ] = None
    overlap_of: Annotated[
        str | None,
        typer.Option(
            help="What tokens share: activations (default), or evidence (activations times effect on the class)."
        ),
    ] = None
    gates: Annotated[
        str | None,
        typer.Option(help="apart: SAFR does not train VMASK, where there is one (default); shared: it does."),
    ] = None
    l1_ratio: Annotated[
        float | None,
        typer.Option(help="Weight of the sparsity part within the importance term (default 0)."),
    ] = None
    l1_weight: Annotated[
        float | None, typer.Option(help="Baseline: weight of an L1 penalty on the activations (default 0).")
    ] = None
    mono_weight: Annotated[
        float | None, typer.Option(help="Baseline: weight of the monosemanticity score as a loss (default 0).")
    ] = None


@dataclass(frozen=True)
class Model(OptionGroup):
    """The classifier."""

    panel = "The model"

    act_fn: Annotated[
        str | None,
        typer.Option(
            help="MLP activation: relu (default), topk (only the k largest neurons of a token), batch_topk (k on "
            "average), solu_ln (baseline), gelu, gelu_new or silu; with --backbone relu, topk or batch_topk."
        ),
    ] = None
    k: Annotated[int | None, typer.Option("--k", help="Neurons that a token keeps, with topk and batch_topk.")] = None
    d_mlp: Annotated[
        int | None,
        typer.Option("--d-mlp", help="Neurons of an MLP (default 1,024, with --preset light, strong or faithful 256)."),
    ] = None
    embedding_start: Annotated[
        str | None, typer.Option(help="Initialisation of the embedding: random (default) or words (word vectors).")
    ] = None
    n_ctx: Annotated[
        int | None,
        typer.Option(
            "--max-length",
            help="Maximum text length in tokens; longer texts are truncated (default 128, or what the encoder reads).",
        ),
    ] = None
    tokenizer: Annotated[str | None, typer.Option(help="Tokenizer: word or bpe (default word).")] = None


@dataclass(frozen=True)
class Training(OptionGroup):
    """The optimisation."""

    panel = "Training"

    epochs: Annotated[
        int | None,
        typer.Option(
            help="Maximum number of epochs; stops early (default 100, with --backbone 20, or 3 if not all is frozen)."
        ),
    ] = None
    head_epochs: Annotated[
        int | None,
        typer.Option(
            help="Epochs of a neuron head alone, ahead of --epochs, if its encoder is trained (default 5, without a "
            "penalty 0)."
        ),
    ] = None
    k_epochs: Annotated[
        float | None,
        typer.Option("--k-epochs", help="Epochs over which k falls from all neurons to its value (default 0)."),
    ] = None
    batch_size: Annotated[int | None, typer.Option(help="Texts per step (default 32).")] = None
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="Learning rate of Adam (default 5e-4, with --backbone 1e-3, and 5e-5 for what of it is not frozen)."
        ),
    ] = None
    patience: Annotated[int | None, typer.Option(help="Epochs without improvement before stopping (default 3).")] = None
    seed: Annotated[int | None, typer.Option(help="Random seed (default 0).")] = None
