"""Predictions, explanations and encoding, idle and beside a training run."""
