"""TransformerLens's hook points, by whatever backbone they are called, and their names in a block."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # third-party notices at import that no user of this package can act on
    from transformer_lens import ActivationCache, HookedRootModule
    from transformer_lens.hook_points import HookPoint

__all__ = ["ATTENTION_POINTS", "ActivationCache", "BlockNames", "HookPoint", "HookedRootModule"]

ATTENTION_POINTS = ("hook_q", "hook_k", "hook_v", "hook_attn_scores", "hook_pattern", "hook_z")


class BlockNames:
    """Names of a network whose blocks have those of ``HookedTransformer``."""

    def attention_scores(self, layer: int) -> str:
        return f"blocks.{layer}.attn.hook_attn_scores"

    def attention_pattern(self, layer: int) -> str:
        return f"blocks.{layer}.attn.hook_pattern"

    def neurons(self, layer: int) -> str:
        return f"blocks.{layer}.mlp.hook_post"

    def mlp_output(self, layer: int) -> str:
        return f"blocks.{layer}.hook_mlp_out"

    def residual(self, layer: int) -> str:
        return f"blocks.{layer}.hook_resid_post"
