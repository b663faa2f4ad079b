"""TransformerLens's hook API with names that are checked: an unknown one is an error, never an empty cache."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from safr_lens.backbones.edits import Edits
from safr_lens.backbones.hook_points import ActivationCache, HookedRootModule, HookPoint
from safr_lens.errors import HookError, near_matches
from safr_lens.models.cache import ClassifierCache
from safr_lens.visible import shown

# points that a backbone leaves out unless an option of its configuration is on
SWITCHES = {
    "hook_result": "use_attn_result",
    "hook_q_input": "use_split_qkv_input",
    "hook_k_input": "use_split_qkv_input",
    "hook_v_input": "use_split_qkv_input",
    "hook_mlp_in": "use_hook_mlp_in",
    "hook_attn_in": "use_attn_in",
}
Filter = Callable[[str], bool] | str | Iterable[str] | None


class CheckedHooks(HookedRootModule):
    """A ``HookedRootModule`` that shows the hook points of a backbone under the backbone's own names.

    Hooks of one call (``run_with_hooks``, ``run_with_cache``) belong to the thread that makes it. Those added to the
    model (``add_hook``, ``with model.hooks(...)``) act in all threads, as in TransformerLens: add and remove them while
    no other thread runs the model.
    """

    def set_use_attn_result(self, use_attn_result: bool) -> None:
        """Compute what each attention head writes (``attn.hook_result``), which takes much memory.

        Raises:
            HookError: a backbone without this option; so for the other three.
        """
        self._switch("use_attn_result", use_attn_result)

    def set_use_split_qkv_input(self, use_split_qkv_input: bool) -> None:
        """Give queries, keys and values of each head inputs of their own: ``hook_q_input`` and its like."""
        self._switch("use_split_qkv_input", use_split_qkv_input)

    def set_use_hook_mlp_in(self, use_hook_mlp_in: bool) -> None:
        """Give the MLP an input of its own: ``hook_mlp_in``."""
        self._switch("use_hook_mlp_in", use_hook_mlp_in)

    def set_use_attn_in(self, use_attn_in: bool) -> None:
        """Give each attention head an input of its own: ``hook_attn_in``."""
        self._switch("use_attn_in", use_attn_in)

    def _switch(self, option: str, on: bool) -> None:
        if option not in {SWITCHES.get(name.rsplit(".")[-1]) for name in self.hook_dict}:
            raise HookError(f"The model's backbone, {type(self.backbone).__name__}, has no option {shown(option)}.")
        other = {"use_attn_in": "use_split_qkv_input", "use_split_qkv_input": "use_attn_in"}.get(option)
        if on and other and getattr(self.backbone.cfg, other):
            raise HookError(
                f"With both {other} and {option} on, there would be points that nothing reads. Switch the other off "
                f"first: model.set_{other}(False)."
            )
        getattr(self.backbone, f"set_{option}")(on)

    def _switch_of(self, name: str) -> str | None:
        """Return the option that a hook point needs and that is off, if any."""
        option = SWITCHES.get(name.rsplit(".")[-1])
        return option if option and getattr(self.backbone.cfg, option, True) is False else None

    def check_hook_names(self, names: Iterable[str]) -> None:
        """Raise a HookError for the first name that is no hook point, with near matches, or that is switched off."""
        for name in names:
            if not isinstance(name, str) or name not in self.hook_dict:
                near = near_matches(name, self.hook_dict) if isinstance(name, str) else ""
                raise HookError(
                    f"The model has no hook point {shown(name)}.{near} "
                    f"See model.hook_dict for all {len(self.hook_dict)}."
                )
            if option := self._switch_of(name):
                raise HookError(
                    f"The hook point {shown(name)} is switched off. Switch it on with model.set_{option}(True)."
                )

    def check_met(self, names: Iterable[str], seen: Container[str]) -> None:
        """Raise a HookError for the first name that a forward pass has not met."""
        for name in names:
            if name not in seen:
                raise HookError(f"The model's forward pass never meets the hook point {shown(name)}.")

    def _checked(self, name: str | Callable[[str], bool]) -> None:
        if isinstance(name, str):
            self.check_hook_names([name])
            return
        matching = list(filter(name, self.hook_dict))
        if not matching:
            raise HookError("The hook name filter matches no hook point of the model. See model.hook_dict.")
        if all(map(self._switch_of, matching)):
            self.check_hook_names(matching)

    def _checked_filter(self, names_filter: Filter) -> Callable[[str], bool] | None:
        if names_filter is None:
            return None
        if callable(names_filter):
            self._checked(names_filter)
            return names_filter
        names = [names_filter] if isinstance(names_filter, str) else list(names_filter)
        self.check_hook_names(names)
        return names.__contains__

    def add_hook(self, name: Any, hook: Any, *args: Any, **kwargs: Any) -> None:
        """As ``HookedRootModule.add_hook``; raises HookError for an unknown name."""
        self._checked(name)
        super().add_hook(name, hook, *args, **kwargs)

    @contextmanager
    def hooks(self, fwd_hooks: Any = (), bwd_hooks: Any = (), *args: Any, **kwargs: Any) -> Iterator[Any]:
        """As ``HookedRootModule.hooks``; raises HookError for an unknown name before any hook is added."""
        fwd_hooks, bwd_hooks = list(fwd_hooks), list(bwd_hooks)
        for name, _ in [*fwd_hooks, *bwd_hooks]:
            self._checked(name)
        with super().hooks(fwd_hooks, bwd_hooks, *args, **kwargs) as model:
            yield model

    def add_caching_hooks(self, names_filter: Filter = None, *args: Any, **kwargs: Any) -> dict:
        """As ``HookedRootModule.add_caching_hooks``; raises HookError for an unknown name."""
        return super().add_caching_hooks(self._checked_filter(names_filter), *args, **kwargs)

    def get_caching_hooks(self, names_filter: Filter = None, *args: Any, **kwargs: Any) -> tuple[dict, list, list]:
        """As ``HookedRootModule.get_caching_hooks``; raises HookError for an unknown name, leaves out what is off."""
        asked = self._checked_filter(names_filter)

        def wanted(name: str) -> bool:
            return (asked is None or asked(name)) and self._switch_of(name) is None

        return super().get_caching_hooks(wanted, *args, **kwargs)

    def run_with_hooks(
        self,
        *model_args: Any,
        fwd_hooks: Any = (),
        bwd_hooks: Any = (),
        reset_hooks_end: bool = True,
        clear_contexts: bool = False,
        **model_kwargs: Any,
    ) -> Any:
        """Run the model with hooks of this call alone, which no other thread sees.

        Args:
            model_args, model_kwargs: as for calling the model.
            fwd_hooks: pairs of a name (or a function that says which names) and a function of value and hook point.
            bwd_hooks: the same for gradients; they fire whenever the backward pass runs.
            reset_hooks_end: off, the hooks are added to the model and stay there, as in TransformerLens.
            clear_contexts: clear the hook points' ``ctx`` at the end.

        Raises:
            HookError: a name that is unknown, switched off or never met by the forward pass.
        """
        fwd_hooks, bwd_hooks = list(fwd_hooks), list(bwd_hooks)
        if not reset_hooks_end:
            with self.hooks(fwd_hooks, bwd_hooks, reset_hooks_end=False):
                return self.forward(*model_args, **model_kwargs)
        edits, met = self._own_hooks(fwd_hooks, bwd_hooks), set[str]()
        named = [name for name, _ in [*fwd_hooks, *bwd_hooks] if isinstance(name, str)]
        edits.after += [(name, lambda value, name=name: met.add(name)) for name in named]
        try:
            with edits.around(self.hook_dict):
                output = self.forward(*model_args, **model_kwargs)
            self.check_met(named, met)
            return output
        finally:
            if clear_contexts:
                self.clear_contexts()

    def _own_hooks(self, fwd_hooks: list, bwd_hooks: list) -> Edits:
        """Hang hooks on points of their own, which stand behind the model's."""
        own: dict[str, HookPoint] = {}
        for direction, hooks in (("fwd", fwd_hooks), ("bwd", bwd_hooks)):
            for asked, hook in hooks:
                self._checked(asked)
                for name in [asked] if isinstance(asked, str) else filter(asked, self.hook_dict):
                    own.setdefault(name, _twin(self.hook_dict[name])).add_hook(hook, dir=direction)
        return Edits(after=list(own.items()))

    def run_with_cache(
        self,
        *model_args: Any,
        names_filter: Filter = None,
        device: Any = None,
        return_cache_object: bool = True,
        remove_batch_dim: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, ActivationCache | dict]:
        """Run the model and return its output and the cached activations.

        Args:
            model_args, kwargs: as for calling the model, and as :meth:`run_with_hooks`.
            names_filter: a name, several names or a function that says which names; by default all.
            device: of the cache.
            return_cache_object: return a :class:`~safr_lens.models.cache.ClassifierCache`, TransformerLens's
                ``ActivationCache`` with recipes that hold for classifiers, else a plain dict.
            remove_batch_dim: drop the batch dimension of one text.

        Raises:
            HookError: a name that the model does not have, that is switched off or that its forward pass never meets;
                ``incl_bwd`` (the output is no scalar to start from: use ``hooks(bwd_hooks=...)``) or ``pos_slice`` (not
                all points have a position: slice the cache).
        """
        if kwargs.get("incl_bwd"):
            raise HookError("incl_bwd needs a scalar output; take gradients with model.hooks(bwd_hooks=...) instead.")
        if kwargs.get("pos_slice") is not None:
            raise HookError("pos_slice is not supported, since not all hook points have a position; slice the cache.")
        options = {name: value for name, value in kwargs.items() if name not in ("incl_bwd", "pos_slice")}
        cache, fwd_hooks, _ = self.get_caching_hooks(names_filter, device=device)
        # by functions, since a point that is never met is an error only where it was named
        hooks = [(name.__eq__, hook) for name, hook in fwd_hooks]
        output = self.run_with_hooks(*model_args, fwd_hooks=hooks, **options)
        if not cache or not (names_filter is None or callable(names_filter)):
            self.check_met((name for name, _ in fwd_hooks), cache)
        if remove_batch_dim:  # here and not by TransformerLens, which cannot do it for points without a width
            cache = {name: value[0] for name, value in cache.items()}
        if return_cache_object:
            return output, ClassifierCache(cache, self, has_batch_dim=not remove_batch_dim)
        return output, cache


def _twin(point: HookPoint) -> HookPoint:
    twin = HookPoint()
    for attribute in ("name", "ctx", "hook_conversion", "backward_scale"):
        setattr(twin, attribute, getattr(point, attribute))
    return twin
