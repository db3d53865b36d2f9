"""Datasets of labelled texts: where they come from, how they are read and split.

A new dataset that is built in is a module with a DatasetSpec, and its entry in `datasets`; those of users lie
in `store`.
"""
