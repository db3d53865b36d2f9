"""The classifier, its sizes and layer groups, and checkpoints on disk.

`spec` and `checkpoints` need no torch, so a page can describe a model before torch is imported.
"""
