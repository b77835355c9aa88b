"""Trained networks for use elsewhere: they are loaded, exported with a model card, and applied to a user's photos."""
