"""Evaluation of trained ImageNet networks, whoever trained them, on labelled photos, in one decode pass."""
