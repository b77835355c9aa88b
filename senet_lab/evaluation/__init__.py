"""Evaluates trained ImageNet networks, whoever trained them, on labelled photos, which are decoded once for all."""
