"""Names of hook points of the only backbone that the penalties know so far."""


def neurons_hook(layer: int) -> str:
    return f"blocks.{layer}.mlp.hook_post"


def pattern_hook(layer: int) -> str:
    return f"blocks.{layer}.attn.hook_pattern"
