"""Predictions of saved models, and explanations of them.

Loaded models are cached and share memory between callers.
"""
