"""What a user fills in or chooses from: settings, checkpoints, layers, the rate finder.

The settings form is drawn from the fields of `FineTuneConfig`.
"""
