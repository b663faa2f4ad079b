"""The contributions view: class logits as the exact sum of what tokens and neurons add."""

from __future__ import annotations

from dataclasses import dataclass

from safr_lens.checks import check_number
from safr_lens.models.classifier import HookedClassifier
from safr_lens.views.charts import Chart, bars
from safr_lens.views.names import NeuronNames, Words
from safr_lens.views.reading import read_text
from safr_lens.views.strips import Strip, evidence_strip
from safr_lens.views.sums import Sums, sums_of
from safr_lens.views.view import View

N_NEURONS = 20
MOST_NEURONS = 50
N_BARS = 12


@dataclass(frozen=True)
class ContributionsContent:
    """What the view shows."""

    text: str
    label: str | None
    predicted: str
    probability: float
    origin: str
    strips: list[tuple[str, Strip]]
    token_bars: Chart
    neuron_bars: Chart
    sums: Sums


def contributions(
    model: HookedClassifier,
    text: str,
    *,
    words: Words | None = None,
    label: str | None = None,
    n_neurons: int = N_NEURONS,
    truncate: bool = False,
) -> View:
    """Show the logits of a text as the exact sum of its tokens' and of its neurons' contributions.

    Args:
        model: a classifier.
        text: the text.
        words: names for the neurons, see :class:`safr_lens.views.NeuronNames`.
        label: the true class, if it is known.
        n_neurons: how many neurons have a row of their own, 1 to 50.
        truncate: cut a text that is longer than the context instead of refusing it.

    Raises:
        ConfigError: ``n_neurons`` out of range, or words of another number of neurons.
        TextError: a text that the model cannot read.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> contributions(model, "a good film")
    View('What adds up to the prediction')
    """
    check_number("n_neurons", n_neurons, low=1, high=MOST_NEURONS, whole=True)
    reading = read_text(model, text, truncate=truncate)
    named = NeuronNames(model, words)
    top = reading.served.top_neurons(n_neurons)
    called = dict(zip(top, named.of(top), strict=True))
    by_neuron = reading.served.evidence.sum(0)
    strongest = sorted(reading.evidence.abs().argsort(descending=True)[:N_BARS].tolist())
    by_token = reading.parts.by_token()
    largest = by_token.abs().max().item()
    content = ContributionsContent(
        text=text,
        label=label,
        predicted=model.labels[reading.predicted],
        probability=reading.probabilities[reading.predicted].item(),
        origin=named.origin,
        strips=[
            (name, evidence_strip(reading.tokens, by_token[:, number].tolist(), largest=largest))
            for number, name in enumerate(model.labels)
        ],
        token_bars=bars(
            {f"{i + 1} {reading.tokens[i]}": reading.evidence[i].item() for i in strongest}, label="evidence, logits"
        ),
        neuron_bars=bars({called[n]: by_neuron[n].item() for n in top[:N_BARS]}, label="evidence, logits"),
        sums=sums_of(reading, called, top),
    )
    return View("What adds up to the prediction", "contributions", content)
