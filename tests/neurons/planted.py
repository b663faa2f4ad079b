"""A classifier with neurons whose meaning is known, since it was planted.

Its embeddings are one-hot and its attention writes nothing, so that a neuron's activation is a function of the word
alone: :math:`relu(LN(onehot) \\cdot W_{in})`. With d dimensions a one-hot vector becomes :math:`\\sqrt{d - 1}` at the
word and :math:`-1 / \\sqrt{d - 1}` elsewhere, whatever VMASK's gate. A column of ``W_in`` with ones at a set of words
is thus positive at these words, to the same height at each, and negative at all others.

============================  =================================================  ============================
neuron                        fires at                                           writes to
============================  =================================================  ============================
``MONOSEMANTIC`` (0)          ``WORD`` alone                                     the logit of "positive"
``POLYSEMANTIC`` (1)          the words in ``WORDS``, alike, which are unrelated the logit of "negative"
``DEAD`` (2)                  nothing                                            the logit of "positive"
``RANDOM`` (3)                about half of the words, at random heights         neither
============================  =================================================  ============================

>>> model, texts = planted_model()
>>> _, cache = model.run_with_cache("superb river film")
>>> (cache["blocks.0.mlp.hook_post"][0, :, :3] > 0).int().tolist()
[[1, 0, 0], [0, 1, 0], [0, 0, 0]]
"""

from __future__ import annotations

import random

import torch

from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
from safr_lens.data import TextTokenizer

MONOSEMANTIC, POLYSEMANTIC, DEAD, RANDOM = range(4)
WORD = "superb"
WORDS = ("river", "seven", "under", "paint")
OTHERS = ("a", "the", "and", "of", "film", "story", "plot", "it", "is", "was", "very", "not", "long", "music", "actor")
VOCABULARY = (WORD, *WORDS, *OTHERS)


def planted_model(n_texts: int = 200, *, seed: int = 0) -> tuple[HookedClassifier, list[str]]:
    """Return the classifier and texts of 3 to 9 words, drawn alike from ``VOCABULARY`` and independent of each other.

    Args:
        n_texts: how many texts.
        seed: of the texts and of the neuron ``RANDOM``.
    """
    tokenizer = train_tokenizer([" ".join(VOCABULARY)], min_frequency=1)
    width = tokenizer.d_vocab
    config = ModelConfig(d_model=width, n_heads=1, d_mlp=4, n_ctx=16, d_vmask=4)
    model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    block, backbone = model.backbone.blocks[0], model.backbone
    with torch.no_grad():
        # long, so that LayerNorm's epsilon does not matter
        backbone.embed.W_E.copy_(100 * torch.eye(width))
        block.attn.W_O.zero_()
        block.mlp.W_in.copy_(_reads(tokenizer, seed))
        block.mlp.W_out.copy_(torch.eye(4, width))
        backbone.W_U.zero_()
        backbone.W_U[[MONOSEMANTIC, POLYSEMANTIC, DEAD], [1, 0, 1]] = 1.0
    draw = random.Random(seed)
    return model, [" ".join(draw.choices(VOCABULARY, k=draw.randint(3, 9))) for _ in range(n_texts)]


def _reads(tokenizer: TextTokenizer, seed: int) -> torch.Tensor:
    ids = {word: tokenizer.tokenizer.token_to_id(word) for word in VOCABULARY}
    generator = torch.Generator().manual_seed(seed)
    reads = torch.zeros(tokenizer.d_vocab, 4)
    reads[ids[WORD], MONOSEMANTIC] = 1.0
    reads[[ids[word] for word in WORDS], POLYSEMANTIC] = 1.0
    heights = 0.5 + 0.5 * torch.rand(tokenizer.d_vocab, generator=generator)
    reads[:, RANDOM] = heights * (torch.rand(tokenizer.d_vocab, generator=generator) < 0.5)
    return reads
