"""How often a run is validated."""

from ftcore.config import FineTuneConfig

SHARE = 0.25  # most of the training's time that automatic validations take
FORWARD = 1 / 3  # of the work of a training step is its forward pass, which is all of a validation
FEWEST, MOST = 4, 5  # automatic validations: in a run, in an epoch


def per_epoch(config: FineTuneConfig, trained: float, validated: float, epochs: float) -> float:
    """Return the validations per epoch, which may be less than one.

    trained, validated: tokens of the training texts and the validation texts; epochs: of the run.
    """
    if config.evaluations:
        return config.evaluations
    affordable = SHARE * trained / max(FORWARD * validated, 1)
    return min(MOST, max(affordable, FEWEST / epochs))
