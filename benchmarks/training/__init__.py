"""Training measured against other loops over the same reviews.

The sides are the lesson's loop, a plain loop, Hugging Face's Trainer and ours; `scaling` and `memory`
measure ours alone.
"""
