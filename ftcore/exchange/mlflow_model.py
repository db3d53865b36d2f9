"""A model in MLflow's own form, a pyfunc: a folder to serve or register, and the same in the record.

MLmodel, requirements.txt, …    what MLflow writes
mlflow_model.py                 opens artifacts/model, with onnxruntime and without Unfreeze
artifacts/model/                the folder of the ONNX export
"""

import shutil
from pathlib import Path

from ftcore.errors import UnfreezeError
from ftcore.events import Noted, Progress, Task
from ftcore.exchange import model_card
from ftcore.exchange.onnx import export as onnx_export
from ftcore.models import checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.storage import files, scratch

CODE = Path(__file__).with_suffix(".txt")
_EXAMPLE = ["A text to classify.", "And another one."]


def write(ref: str, target: Path) -> Task[Path]:
    """Write a checkpoint that is not `unfit` for ONNX as a new folder of MLflow's.

    That of a run in the record is also logged with it, once for each version of the model, so that
    `mlflow models serve` and the registry find it there. Raises UnfreezeError.
    """
    from ftcore import tracking

    checkpoint = checkpoints.find(ref)
    recorded = _is_recorded(ref)  # which also quiets MLflow's log
    with scratch.temporary() as temporary:
        model = yield from onnx_export.write(ref, temporary / "model")
        with files.new_folder(target) as staging:
            yield Progress("saving", 0, 1, "folder")
            _save(checkpoint, model, temporary, staging)
            if recorded:
                logged = tracking.log_model(ref, staging, checkpoint.version)
                yield Noted(f"Logged with its run: `mlflow models serve -m models:/{logged}`.")
    return target


def _is_recorded(ref: str) -> bool:
    from ftcore import tracking

    try:
        return bool(tracking.run(ref))
    except UnfreezeError:
        return False


def _save(checkpoint: Checkpoint, model: Path, temporary: Path, folder: Path) -> None:
    """Write MLflow's files around a folder of the ONNX export."""
    import mlflow.pyfunc

    from ftcore.exchange.onnx import programs

    code = temporary / f"{CODE.stem}.py"
    shutil.copy(CODE, code)
    mlflow.pyfunc.save_model(
        folder,
        python_model=code,  # as code: a pickle could run anything
        artifacts={"model": str(model)},
        input_example=_EXAMPLE,
        pip_requirements=[
            f"mlflow=={mlflow.__version__}",
            *programs.requirements(checkpoint),
        ],
    )
    for cache in folder.rglob("__pycache__"):  # of the example's prediction
        shutil.rmtree(cache)
    card = model_card.card(checkpoint, _usage(checkpoint), "mlflow")
    files.write(folder / checkpoints.CARD, card.encode())


def _usage(checkpoint: Checkpoint) -> str:
    several = ', "labels": […]' if checkpoint.thresholds else ""
    return f"""```
mlflow models serve -m THIS_FOLDER --env-manager local --port 5001
curl http://127.0.0.1:5001/invocations -H "Content-Type: application/json" -d '{{"inputs": ["a text"]}}'
```

It answers `{{"predictions": [{{"label": …{several}, "probabilities": {{…}}}}]}}`. In Python,
`mlflow.pyfunc.load_model("THIS_FOLDER").predict(["a text"])` gives the same as a list. It needs neither
Unfreeze nor PyTorch; `artifacts/model/README.md` tells how its answers and its speed compare."""
