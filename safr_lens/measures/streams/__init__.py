"""Measures of a corpus that streams by: torchmetrics, merged over batches and processes."""
