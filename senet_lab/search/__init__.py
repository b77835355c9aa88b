"""Optuna over nuisance hyperparameters, on held-out training images; never on test images."""
