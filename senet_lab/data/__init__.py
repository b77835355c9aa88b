"""Data sets, as arrays or as photo files, and the batches that are made of them."""
