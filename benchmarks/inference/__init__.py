"""Predictions, explanations and encoding, idle and beside a training run.

Times are of single calls and of long lists.
"""
