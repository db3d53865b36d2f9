"""The views of an experiment: its results, diagnostics, and the report to take away."""
