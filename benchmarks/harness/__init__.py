"""What benchmarks share: data, timing in turns, the machine's limits, reports."""
