"""TransformerLens's ``ActivationCache`` with recipes that hold for classifiers: their positions, norms and readout."""

from __future__ import annotations

from typing import Any, Protocol

from jaxtyping import Float
from torch import Tensor

from safr_lens.backbones.hook_points import ActivationCache
from safr_lens.backbones.pre_norm import PreNormAdapter
from safr_lens.errors import HookError, near_matches
from safr_lens.models.config import ModelConfig
from safr_lens.visible import listed, shown

READS = 'With readout="neurons" the logits read the output of the last MLP alone, and not the residual stream'
EXACT = "model.decompose(text) gives the logits as an exact sum over tokens, neurons and all else"


class Classifier(Protocol):
    """What a classifier is made of, to its cache."""

    backbone: Any
    adapter: Any
    config: ModelConfig
    labels: tuple[str, ...]


class ClassifierCache(ActivationCache):
    """An ``ActivationCache`` of a classifier.

    What it holds is read as in TransformerLens. Of its recipes, those that would be wrong for a classifier are mended,
    or are a :class:`~safr_lens.errors.HookError` that says what to use instead:

    - ``decompose_resid`` and its like leave out positions that never enter the residual stream (``shortformer``). With
      ``readout="neurons"`` the residual that is read out has one component, the last MLP's output; recipes that would
      let others add to the logits (``accumulated_resid``, ``stack_head_results``, ... up to the last layer) are errors.
      Up to an earlier layer, and with ``readout="residual"``, all hold.
    - ``apply_ln_to_stack`` multiplies by the LayerNorm's weight, which TransformerLens expects to be folded into the
      next matrix; so the components, and the LayerNorm's bias, sum to what the next matrix reads.
    - ``logit_attrs`` takes classes, by number or name, for tokens. Its sum over all components, and the biases of
      LayerNorm and unembedding, are the logits of each token; their mean over tokens is the text's.

    Args:
        cache_dict: activations by name.
        model: the classifier that they are of.
        has_batch_dim: whether they have a batch dimension.
    """

    def __init__(self, cache_dict: dict[str, Tensor], model: Classifier, has_batch_dim: bool = True) -> None:
        super().__init__(cache_dict, model.backbone, has_batch_dim=has_batch_dim)
        self.classifier = model
        if model.config.positional_embedding_type == "shortformer":
            self.has_pos_embed = False  # positions are added to queries and keys alone

    def apply_slice_to_batch_dim(self, batch_slice: Any) -> ClassifierCache:
        """As ``ActivationCache.apply_slice_to_batch_dim``."""
        sliced = super().apply_slice_to_batch_dim(batch_slice)
        return ClassifierCache(sliced.cache_dict, self.classifier, has_batch_dim=sliced.has_batch_dim)

    def decompose_resid(
        self,
        layer: int | None = None,
        mlp_input: bool = False,
        mode: str = "all",
        apply_ln: bool = False,
        pos_slice: Any = None,
        incl_embeds: bool = True,
        return_labels: bool = False,
    ) -> Any:
        """As ``ActivationCache.decompose_resid``; its sum is what enters ``layer``, or what is read out.

        Raises:
            HookError: attention alone, where the readout reads none of it.
        """
        if not self._read_out_of_neurons("decompose_resid", layer):
            return super().decompose_resid(layer, mlp_input, mode, apply_ln, pos_slice, incl_embeds, return_labels)
        if mode == "attn":
            raise HookError(f'{READS}: no attention is among its components. Use mode="all"; {EXACT}.')
        stack, labels = super().decompose_resid(None, False, "mlp", False, pos_slice, False, True)
        stack, labels = stack[-1:], labels[-1:]  # the last MLP's output is the one component that is read
        if apply_ln:
            stack = self.apply_ln_to_stack(stack, pos_slice=pos_slice)
        return (stack, labels) if return_labels else stack

    def accumulated_resid(self, layer: int | None = None, *args: Any, **kwargs: Any) -> Any:
        """As ``ActivationCache.accumulated_resid``.

        Raises:
            HookError: up to the readout, where that does not read the residual stream.
        """
        if self._read_out_of_neurons("accumulated_resid", layer):
            last = self.model.cfg.n_layers - 1
            raise HookError(
                f"{READS}, so earlier residuals are no earlier states of what is read. {EXACT}; for the stream itself, "
                f"up to the last MLP, use accumulated_resid(layer={last}, incl_mid=True, mlp_input=True)."
            )
        return super().accumulated_resid(layer, *args, **kwargs)

    def stack_head_results(self, layer: int = -1, *args: Any, **kwargs: Any) -> Any:
        """As ``ActivationCache.stack_head_results``.

        Raises:
            HookError: up to the readout, where heads add nothing to it.
        """
        if self._read_out_of_neurons("stack_head_results", layer):
            raise HookError(
                f"{READS}: heads add nothing to the logits directly. {EXACT}. For what heads write to the stream, call "
                'cache.compute_head_results() and read cache["result", layer].'
            )
        return super().stack_head_results(layer, *args, **kwargs)

    def stack_neuron_results(self, layer: int = -1, *args: Any, **kwargs: Any) -> Any:
        """As ``ActivationCache.stack_neuron_results``.

        Raises:
            HookError: neurons of earlier layers, where the readout does not read them.
        """
        if self._read_out_of_neurons("stack_neuron_results", layer) and self.model.cfg.n_layers > 1:
            raise HookError(f"{READS}: neurons of earlier layers add nothing to the logits directly. {EXACT}.")
        self._one_at_a_time(args, kwargs)
        return super().stack_neuron_results(layer, *args, **kwargs)

    def get_full_resid_decomposition(self, layer: int | None = None, *args: Any, **kwargs: Any) -> Any:
        """As ``ActivationCache.get_full_resid_decomposition``.

        Raises:
            HookError: up to the readout, where that does not read the residual stream.
        """
        if self._read_out_of_neurons("get_full_resid_decomposition", layer):
            raise HookError(f"{READS}, so most of the decomposition adds nothing to the logits. {EXACT}.")
        self._one_at_a_time(args, kwargs)
        return super().get_full_resid_decomposition(layer, *args, **kwargs)

    def apply_ln_to_stack(
        self,
        residual_stack: Float[Tensor, "n *batch_and_pos d_model"],
        layer: int | None = None,
        mlp_input: bool = False,
        *args: Any,
        recompute_ln: bool = False,
        **kwargs: Any,
    ) -> Float[Tensor, "n *batch_and_pos d_model"]:
        """As ``ActivationCache.apply_ln_to_stack``, times the LayerNorm's weight, but without its bias."""
        self._transformer("apply_ln_to_stack")
        final = layer is None or layer in (-1, self.model.cfg.n_layers)
        options = {"recompute_ln": recompute_ln, **kwargs}
        scaled = super().apply_ln_to_stack(residual_stack, layer, mlp_input, *args, **options)
        if recompute_ln and final:  # the LayerNorm itself, weight and bias included
            return scaled
        norm = self.model.ln_final if final else getattr(self.model.blocks[layer], "ln2" if mlp_input else "ln1")
        return scaled * (norm.w if hasattr(norm, "w") else norm.weight)

    def logit_attrs(
        self,
        residual_stack: Float[Tensor, "n *batch_and_pos d_model"],
        tokens: str | int | Tensor,
        incorrect_tokens: str | int | Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Float[Tensor, "*n_batch_and_pos"]:
        """As ``ActivationCache.logit_attrs``, of classes.

        Args:
            residual_stack: components of what is read out.
            tokens: a class, by number or name, or the class of each text.
            incorrect_tokens: another class, whose share is subtracted.
            *args, **kwargs: as there.

        Raises:
            HookError: a class that the model does not have.
        """
        self._transformer("logit_attrs")
        other = None if incorrect_tokens is None else self._classes(incorrect_tokens)
        return super().logit_attrs(residual_stack, self._classes(tokens), other, *args, **kwargs)

    def _transformer(self, recipe: str) -> None:
        if not isinstance(self.classifier.adapter, PreNormAdapter):
            kind = type(self.model).__name__
            raise HookError(f"{recipe} is made for pre-norm transformers; this backbone is a {kind}. {EXACT}.")

    def _read_out_of_neurons(self, recipe: str, layer: int | None) -> bool:
        """Whether a recipe is asked for what is read out, and that is the last MLP's output alone."""
        self._transformer(recipe)
        final = layer is None or layer in (-1, self.model.cfg.n_layers)
        return final and self.classifier.config.readout == "neurons"

    def _one_at_a_time(self, args: tuple, kwargs: dict[str, Any]) -> None:
        if kwargs.get("project_output_onto") is not None and (kwargs.get("apply_ln") or args):
            raise HookError("apply_ln with project_output_onto leaves out the LayerNorm's weight; project afterwards.")

    def _classes(self, classes: str | int | Tensor) -> int | Tensor:
        labels = self.classifier.labels
        if isinstance(classes, str):
            if classes not in labels:
                raise HookError(
                    f"The model has no class {shown(classes)}: {listed(labels)}.{near_matches(classes, labels)}"
                )
            return labels.index(classes)
        low, high = (int(classes.min()), int(classes.max())) if isinstance(classes, Tensor) else (classes, classes)
        if low < 0 or high >= len(labels):
            raise HookError(
                f"logit_attrs takes classes (0 to {len(labels) - 1}, or {listed(labels)}) for tokens; got {classes}."
            )
        return classes
