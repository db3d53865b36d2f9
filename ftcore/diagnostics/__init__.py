"""What is measured when a run ends: answers, how far layers moved, what was forgotten.

`collect` computes it once, `results` stores and reads it, so pages compute nothing.
"""
