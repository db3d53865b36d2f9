"""Predictions of a saved model, and explanations of them."""
