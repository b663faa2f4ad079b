"""``safr-lens predict``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from safr_lens.cli import options
from safr_lens.cli.guard import guarded
from safr_lens.cli.output import points, print_json, print_table, say


@guarded
def predict(
    run: options.Run,
    texts: Annotated[list[str], typer.Argument(metavar="TEXT...", help="One or more texts, each in quotes.")],
    truncate: Annotated[bool, typer.Option("--truncate", help="Truncate texts longer than the context.")] = False,
    top: Annotated[int, typer.Option(min=1, help="How many tokens and neurons to show.")] = 6,
    as_json: options.AsJson = False,
) -> None:
    """Classify texts and show the tokens and neurons that contribute most to the prediction.

    Evidence is exact: summed over all tokens it equals the predicted class's logit minus the mean of the others.

    Example: safr-lens predict runs/safr "a gripping , funny film"
    """
    from safr_lens import HookedClassifier, explain

    model = HookedClassifier.from_pretrained(run)
    model.to_tokens(texts, truncate=truncate)  # every text is checked before the first answer is printed
    answers = [explain(model, text, truncate=truncate).to_dict(top=top) for text in texts]
    if as_json:
        print_json(answers)
        return
    for answer in answers:
        _show(answer, importance=model.vmask is not None)


def _show(answer: dict[str, Any], *, importance: bool) -> None:
    share = answer["unknown_tokens"]
    verdict = f"{answer['label']}, {points(answer['probability'])} %"
    if share == 1:  # an answer to nothing that the model knows must not look like one
        verdict = f"It answers every text of as many unknown words alike: {verdict}"
    elif share:
        verdict += f" ({points(share)} % of the tokens are unknown)"
    say("", answer["text"], *([f"Warning: {answer['warning']}"] if answer["warning"] else []), verdict)
    print_table(
        "Tokens behind it",
        [
            "token",
            *(["importance"] if importance else []),
            "evidence, logits",
            "neurons for half of it",
            "first neurons",
        ],
        [
            [
                token["token"] + (" (unknown)" if token["unknown"] else ""),
                *[f"{token['importance']:.2f}"] * importance,
                f"{token['evidence']:+.3f}",
                str(token["neurons_for_half"]),
                ", ".join(f"{n['neuron']} ({points(n['share'])} %)" for n in token["neurons"]),
            ]
            for token in answer["tokens"]
        ],
    )
    print_table(
        "Neurons behind it",
        ["neuron", "evidence, logits", "most at"],
        [[str(n["neuron"]), f"{n['evidence']:+.3f}", n["token"]] for n in answer["neurons"]],
    )
