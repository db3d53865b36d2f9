"""Everything that trains: preparation, strategies, the loop and its state, snapshots, the rate finder."""
