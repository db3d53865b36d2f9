"""The classifier, its sizes and layer groups, and checkpoints on disk."""
