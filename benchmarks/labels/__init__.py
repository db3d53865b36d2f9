"""What benchmarks measure about labels: what a second look finds, and whether choosing the next text pays."""
