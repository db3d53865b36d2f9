"""What is measured, against what, in one run: `python -m benchmarks --short` runs all."""
