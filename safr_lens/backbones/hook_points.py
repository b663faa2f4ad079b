"""TransformerLens's hook points, by whatever backbone they are called."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # third-party notices at import that no user of this package can act on
    from transformer_lens import ActivationCache, HookedRootModule
    from transformer_lens.hook_points import HookPoint

__all__ = ["ActivationCache", "HookPoint", "HookedRootModule"]
