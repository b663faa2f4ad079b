"""A neuron head: a fresh MLP on a pretrained encoder's token vectors, through which every bit of evidence passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from safr_lens.backbones.config import BackboneConfig
from safr_lens.backbones.edits import Edits
from safr_lens.backbones.freezing import Freeze
from safr_lens.backbones.headed import HeadedAdapter, HeadedEncoder
from safr_lens.backbones.hook_points import HookPoint
from safr_lens.backbones.pretrained.load import make_encoder
from safr_lens.backbones.protocol import Encoder
from safr_lens.backbones.readout import Readout

KnownVectors = Callable[[Tensor, Tensor], Tensor | None]
EPS = 1e-5


class LayerNorm(nn.Module):
    """TransformerLens's LayerNorm, with its hook points."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.w, self.b = nn.Parameter(torch.ones(d_model)), nn.Parameter(torch.zeros(d_model))
        self.hook_scale, self.hook_normalized = HookPoint(), HookPoint()

    def forward(self, x: Float[Tensor, "*rows d_model"]) -> Float[Tensor, "*rows d_model"]:
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        x = x - x.mean(-1, keepdim=True)
        scale = self.hook_scale((x.square().mean(-1, keepdim=True) + EPS).sqrt())
        return self.hook_normalized((x / scale * self.w + self.b).to(self.w.dtype))


class HeadMLP(nn.Module):
    """``relu(x W_in + b_in) W_out + b_out``, with TransformerLens's names."""

    def __init__(self, d_model: int, d_mlp: int, d_out: int) -> None:
        super().__init__()
        self.W_in, self.b_in = nn.Parameter(torch.empty(d_model, d_mlp)), nn.Parameter(torch.zeros(d_mlp))
        self.W_out, self.b_out = nn.Parameter(torch.empty(d_mlp, d_out)), nn.Parameter(torch.zeros(d_out))
        nn.init.kaiming_normal_(self.W_in, mode="fan_out", nonlinearity="relu")  # of W_in's transpose
        nn.init.normal_(self.W_out, std=d_mlp**-0.5)
        self.hook_pre, self.hook_post = HookPoint(), HookPoint()

    def forward(self, x: Float[Tensor, "*rows d_model"]) -> Float[Tensor, "*rows d_out"]:
        return self.hook_post(self.hook_pre(x @ self.W_in + self.b_in).relu()) @ self.W_out + self.b_out


class NeuronHead(nn.Module):
    r"""Token logits :math:`relu(LN(x) W_{in} + b_{in}) W_{out} + b_{out}` of token vectors x.

    >>> NeuronHead(16, 32, 2)(torch.randn(1, 3, 16)).shape
    torch.Size([1, 3, 2])
    """

    def __init__(self, d_model: int, d_mlp: int, n_classes: int) -> None:
        super().__init__()
        self.ln, self.mlp = LayerNorm(d_model), HeadMLP(d_model, d_mlp, n_classes)
        self.hook_mlp_out = HookPoint()

    def forward(self, x: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos n_classes"]:
        return self.hook_mlp_out(self.mlp(self.ln(x)))


class NeuronHeadAdapter(HeadedAdapter):
    """A neuron head as a backbone of one layer, whose neurons are all that is read out.

    There is no residual stream around the neurons and no norm behind them: neuron n adds ``h[n] W_out[n]`` to the
    logits of a token. The encoder's hook points keep their names, and the head's have the prefix ``head.``. On a frozen
    encoder, which could not learn what a gate ahead of it means, VMASK gates what the head reads.

    Args:
        encoder: gives the token vectors.
        head: reads them.
        freeze: which of the encoder's weights are not trained (:func:`~safr_lens.backbones.freezing.freeze_encoder`).
    """

    n_layers = 1
    readout_scale = None

    def __init__(self, encoder: Encoder, head: NeuronHead, *, freeze: Freeze = "all") -> None:
        super().__init__(encoder, freeze=freeze, exact=True, signed=False)
        self.frozen = freeze == "all"
        self.module = HeadedEncoder(encoder.module, head, trained=self.trained)
        self.d_mlp = head.mlp.W_in.shape[1]
        points = {f"head.{name}": part for name, part in head.named_modules() if isinstance(part, HookPoint)}
        for name, point in points.items():
            point.name = name
        self.hook_points, self.hookable = {**encoder.hook_points, **points}, {**encoder.hookable, **points}

    @classmethod
    def from_config(cls, config: BackboneConfig, *, d_vocab: int, n_classes: int) -> NeuronHeadAdapter:
        """Return a head of ``config.d_mlp`` neurons, with random weights, on the encoder of ``config.encoder``."""
        encoder = make_encoder(config.encoder or {})
        head = NeuronHead(encoder.d_model, config.d_mlp, n_classes)
        return cls(encoder, head, freeze="all" if config.freeze is None else config.freeze)

    @property
    def known_vectors(self) -> KnownVectors | None:
        """What gives token vectors instead of the encoder, inside a ``knowing`` block of this thread."""
        return _known.get().get(self)

    @property
    def gated(self) -> str:
        """Where VMASK's gate is: ahead of the encoder, unless that is frozen or its token vectors are known."""
        at_head = self.frozen or self.known_vectors is not None
        return "head.ln.hook_normalized" if at_head else self.encoder.token_embedding

    @property
    def token_vectors(self) -> str:
        """Where the token vectors are that the head reads."""
        return self.encoder.residual(self.encoder.n_layers - 1)

    def attention_scores(self, layer: int) -> str:
        return self.encoder.attention_scores(self.encoder.n_layers - 1)

    def attention_pattern(self, layer: int) -> str:
        """Return the pattern of the encoder's last block, behind which the head reads."""
        return self.encoder.attention_pattern(self.encoder.n_layers - 1)

    def neurons(self, layer: int) -> str:
        return "head.mlp.hook_post"

    readable_neurons = neurons

    def mlp_output(self, layer: int) -> str:
        return "head.hook_mlp_out"

    residual = mlp_output

    def w_in(self, layer: int) -> Float[Tensor, "d_model d_mlp"]:
        return self.module.head.mlp.W_in

    def w_out(self, layer: int) -> Float[Tensor, "d_mlp n_classes"]:
        return self.module.head.mlp.W_out

    def b_out(self, layer: int) -> Float[Tensor, " n_classes"]:
        return self.module.head.mlp.b_out

    def readout(self) -> Readout:
        bias = torch.zeros_like(self.b_out(0), requires_grad=False).float()
        return Readout(torch.eye(len(bias), device=bias.device), bias, eps=None)

    def residual_writers(self) -> Mapping[str, str]:
        return {self.mlp_output(0): "MLP"}

    def run(self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]) -> Float[Tensor, "batch pos c"]:
        known = self.known_vectors
        vectors = None if known is None else known(tokens, mask)
        return self.module.head(self.vectors(tokens, mask) if vectors is None else vectors)

    def edits(self, mask: Bool[Tensor, "batch pos"], *, through_neurons: bool) -> Edits:
        return Edits()


_known: ContextVar[Mapping[NeuronHeadAdapter, KnownVectors]] = ContextVar(
    "known token vectors", default=MappingProxyType({})
)


@contextmanager
def knowing(vectors: KnownVectors, *adapters: NeuronHeadAdapter) -> Iterator[None]:
    """Let heads read known token vectors instead of running their encoder, for a block and in this thread alone.

    Args:
        vectors: gives the token vectors of a batch, or None where it does not know them and the encoder has to run.
        adapters: of the heads.
    """
    token = _known.set({**_known.get(), **dict.fromkeys(adapters, vectors)})
    try:
        yield
    finally:
        _known.reset(token)
