"""What the Predict page shows of a model: the words behind its answer."""
