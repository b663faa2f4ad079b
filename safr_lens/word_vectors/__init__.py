"""Word vectors: made from texts, or the user's own, as one row a token id."""

from safr_lens.word_vectors.from_texts import word_vectors
from safr_lens.word_vectors.read import read_word_vectors
from safr_lens.word_vectors.resolve import Embeddings, analysis_vectors, training_vectors
from safr_lens.word_vectors.table import embedding_table
from safr_lens.word_vectors.vectors import WordVectors

__all__ = [
    "Embeddings",
    "WordVectors",
    "analysis_vectors",
    "embedding_table",
    "read_word_vectors",
    "training_vectors",
    "word_vectors",
]
