"""Reference lines to compare fine-tuning with: majority class, TF-IDF, linear probe.

They use the split of a training run, keep no model, and yield the same events.
"""
