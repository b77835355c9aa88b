"""Data sets as arrays, and batch functions on tensors."""
