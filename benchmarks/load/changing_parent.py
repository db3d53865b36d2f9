"""A checkpoint that runs start from; it is changed, and put back later."""

from pathlib import Path

from ftcore import paths
from ftcore.models import checkpoint_files, checkpoints
from ftcore.storage import files

REF = "parent"
VERSIONS = (0, 1)
STARTER = "starter"  # the versions are this one with other weights


class ChangingParent:
    """The versions, in a folder outside the home; `put` makes one of them the checkpoint."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for version in VERSIONS:
            self._make(version)

    def put(self, version: int) -> None:
        """Replace the checkpoint as a run replaces its best model: all files or none."""
        folder = self._folder / str(version)
        contents = {file.name: file.read_bytes() for file in folder.iterdir()}
        files.write_all(paths.checkpoints_dir() / REF, contents)

    def _make(self, version: int) -> None:
        import torch  # after ftcore has set how its threads wait

        starter = checkpoints.find(STARTER)
        model = checkpoint_files.load_model(starter)
        draw = torch.Generator().manual_seed(version)
        with torch.no_grad():
            for weight in model.transformer_encoder.parameters():
                weight += 0.01 * torch.randn(weight.shape, generator=draw)
        checkpoint_files.save(
            model,
            self._folder / str(version),
            ref=REF,
            title=REF,
            labels=starter.labels,
            truncation=starter.truncation,
            tokenizer=checkpoint_files.load_tokenizer(starter),
            dataset=starter.dataset,
        )
