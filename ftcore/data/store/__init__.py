"""Datasets of one's own, each in a folder of `UNFREEZE_HOME/datasets`: texts.parquet and card.json."""
