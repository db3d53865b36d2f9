"""The views of an experiment: the race, the outcome, diagnostics, the report."""
