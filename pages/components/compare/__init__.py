"""The views of an experiment: its results, diagnostics, and the report to take away.

Each view is a function that a tab calls.
"""
