"""Trained networks for use elsewhere: loaded, exported with a model card, and asked about a person's own photos."""
