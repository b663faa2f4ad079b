"""TransformerLens's hook API with names that are checked: an unknown one is an error, never an empty cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from safr_lens.backbones.hook_points import ActivationCache, HookedRootModule
from safr_lens.errors import HookError, near_matches

Filter = Callable[[str], bool] | str | Iterable[str] | None


class CheckedHooks(HookedRootModule):
    """A ``HookedRootModule`` that shows the hook points of a backbone under the backbone's own names."""

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
            **kwargs: ``names_filter`` (a name, several names or a function), ``device``, ...

        Raises:
            HookError: a name that the model does not have, ``incl_bwd`` (the output is no scalar to start from: use
                ``hooks(bwd_hooks=...)``) or ``pos_slice`` (not all points have a position: slice the cache).
        """
        if kwargs.get("incl_bwd"):
            raise HookError("incl_bwd needs a scalar output; take gradients with model.hooks(bwd_hooks=...) instead.")
        if kwargs.get("pos_slice") is not None:
            raise HookError("pos_slice is not supported, since not all hook points have a position; slice the cache.")
        output, cache = super().run_with_cache(*model_args, **kwargs)
        if remove_batch_dim:  # here and not by TransformerLens, which cannot do it for points without a width
            cache = {name: value[0] for name, value in cache.items()}
        if return_cache_object:
            cache = ActivationCache(cache, self.backbone, has_batch_dim=not remove_batch_dim)
        return output, cache
