"""What benchmarks measure about labels: whether choosing the next text pays, and how soon it is there."""
