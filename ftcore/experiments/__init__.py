"""Paired experiments: plan, comparison, statistics and the verdict in sentences."""
