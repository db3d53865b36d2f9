"""What is measured when a run ends: answers, what moved, what was forgotten."""
