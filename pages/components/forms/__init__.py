"""What a user fills in or chooses from: settings, checkpoints, layers, the rate finder."""
