"""What is computed once after a run: answers, text vectors, how far layers moved, what was forgotten."""
