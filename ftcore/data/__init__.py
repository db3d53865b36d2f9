"""Datasets of labelled texts: where they come from, how they are read and split.

A new dataset is a module with a DatasetSpec, and an entry in `datasets.SPECS`.
"""
