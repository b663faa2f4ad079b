"""TransformerLens's hook API with names that are checked: an unknown one is an error, never an empty cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from safr_lens.backbones.edits import Edits
from safr_lens.backbones.hook_points import ActivationCache, HookedRootModule, HookPoint
from safr_lens.errors import HookError, near_matches

Filter = Callable[[str], bool] | str | Iterable[str] | None


class CheckedHooks(HookedRootModule):
    """A ``HookedRootModule`` that shows the hook points of a backbone under the backbone's own names.

    Hooks of one call (``run_with_hooks``, ``run_with_cache``) belong to the thread that makes it. Those added to the
    model (``add_hook``, ``with model.hooks(...)``) act in all threads, as in TransformerLens: add and remove them while
    no other thread runs the model.
    """

    def check_hook_names(self, names: Iterable[str]) -> None:
        """Raise a HookError for the first name that is no hook point, with near matches."""
        for name in names:
            if name not in self.hook_dict:
                raise HookError(
                    f"The model has no hook point {name!r}."
                    f"{near_matches(name, self.hook_dict)} See model.hook_dict for all {len(self.hook_dict)}."
                )

    def _checked(self, name: str | Callable[[str], bool]) -> None:
        if isinstance(name, str):
            self.check_hook_names([name])
        elif not any(name(known) for known in self.hook_dict):
            raise HookError("The hook name filter matches no hook point of the model. See model.hook_dict.")

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
        """As ``HookedRootModule.get_caching_hooks``; raises HookError for an unknown name."""
        return super().get_caching_hooks(self._checked_filter(names_filter), *args, **kwargs)

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
            *model_args, **model_kwargs: as for calling the model.
            fwd_hooks: pairs of a name (or a function that says which names) and a function of value and hook point.
            bwd_hooks: the same for gradients; they fire whenever the backward pass runs.
            reset_hooks_end: off, the hooks are added to the model and stay there, as in TransformerLens.
            clear_contexts: clear the hook points' ``ctx`` at the end.

        Raises:
            HookError: an unknown name.
        """
        fwd_hooks, bwd_hooks = list(fwd_hooks), list(bwd_hooks)
        if not reset_hooks_end:
            with self.hooks(fwd_hooks, bwd_hooks, reset_hooks_end=False):
                return self.forward(*model_args, **model_kwargs)
        try:
            with self._own_hooks(fwd_hooks, bwd_hooks).around(self.hook_dict):
                return self.forward(*model_args, **model_kwargs)
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
        return_cache_object: bool = True,
        remove_batch_dim: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, ActivationCache | dict]:
        """Run the model and return its output and the cached activations.

        Args:
            *model_args: as for calling the model.
            return_cache_object: return TransformerLens's ``ActivationCache``, else a plain dict.
            remove_batch_dim: drop the batch dimension of one text.
            **kwargs: ``names_filter`` (a name, several names or a function), ``device`` (of the cache),
                ``reset_hooks_end`` and ``clear_contexts`` (see :meth:`run_with_hooks`), and what the call takes.

        Raises:
            HookError: a name that the model does not have, ``incl_bwd`` (the output is no scalar to start from: use
                ``hooks(bwd_hooks=...)``) or ``pos_slice`` (not all points have a position: slice the cache).
        """
        if kwargs.get("incl_bwd"):
            raise HookError("incl_bwd needs a scalar output; take gradients with model.hooks(bwd_hooks=...) instead.")
        if kwargs.get("pos_slice") is not None:
            raise HookError("pos_slice is not supported, since not all hook points have a position; slice the cache.")
        for option in ("incl_bwd", "pos_slice"):
            kwargs.pop(option, None)
        asked = {option: kwargs.pop(option) for option in ("names_filter", "device") if option in kwargs}
        cache, fwd_hooks, _ = self.get_caching_hooks(**asked)
        output = self.run_with_hooks(*model_args, fwd_hooks=fwd_hooks, **kwargs)
        if remove_batch_dim:  # here and not by TransformerLens, which cannot do it for points without a width
            cache = {name: value[0] for name, value in cache.items()}
        if return_cache_object:
            cache = ActivationCache(cache, self.backbone, has_batch_dim=not remove_batch_dim)
        return output, cache


def _twin(point: HookPoint) -> HookPoint:
    twin = HookPoint()
    for attribute in ("name", "ctx", "hook_conversion", "backward_scale"):
        setattr(twin, attribute, getattr(point, attribute))
    return twin
