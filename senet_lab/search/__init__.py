"""Searches over nuisance hyperparameters and block designs with Optuna, on held-out training images only."""
