"""Which labels of a dataset are likely to be wrong."""
