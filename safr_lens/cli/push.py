"""``safr-lens push``."""

from __future__ import annotations

from typing import Annotated

import typer

from safr_lens.cli.guard import guarded
from safr_lens.cli.output import say


@guarded
def push(
    run: Annotated[str, typer.Argument(help="Folder of a trained run.")],
    repo_id: Annotated[str, typer.Argument(metavar="USER/NAME", help="Hub repository; made if it is missing.")],
    public: Annotated[bool, typer.Option("--public", help="Make it public; private by default.")] = False,
    base_model: Annotated[
        str | None, typer.Option(help="Hub id of the encoder that the model stands on, for the card.")
    ] = None,
) -> None:
    """Upload a run's model to the Hugging Face Hub, with a card made from its metrics; no texts.

    Example: safr-lens push runs/safr ada/reviews
    """
    from safr_lens.reporting import push_to_hub

    say(f"Uploaded to {push_to_hub(run, repo_id, private=not public, base_model=base_model)}.")
