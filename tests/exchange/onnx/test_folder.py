"""Exported folders, read again: the answers of the checkpoint; what is damaged is refused."""

import json
import shutil

import numpy as np
import pytest

from ftcore import paths
from ftcore.errors import UnfreezeError
from ftcore.events import drain
from ftcore.exchange import huggingface
from ftcore.exchange.onnx import export
from ftcore.inference import prediction, text_model
from ftcore.models import calibration, checkpoints
from ftcore.models.calibration import Calibration
from ftcore.serving import model
from ftcore.text.lengths import TextLengths
from tests.helpers import small_encoders
from tests.helpers.onnx_graphs import trace_here

pytestmark = pytest.mark.slow  # torch's exporter takes seconds to import
TEXTS = ["a good film", "not good it is awful " * 300, "great", "?"]


def answers(ref):
    served = model.load(str(ref))
    tokens = drain(prediction.encode(served.tokenizer, TEXTS))
    rows = np.arange(len(TEXTS))
    scores = served.network.scores_of(tokens, rows, served.truncation)
    return served, text_model.answers_of(served, scores)


@pytest.fixture(scope="module")
def lesson(session_home, tmp_path_factory):
    """The bundled model with a calibration and the lengths of its texts, and its two exports."""
    folder = tmp_path_factory.mktemp("exports")
    copy = paths.checkpoints_dir() / "mine"
    shutil.copytree(checkpoints.find("sentiment").path, copy)
    config = json.loads((copy / "config.json").read_text())
    config["origin"]["text_lengths"] = TextLengths.of(np.array([3, 30, 300])).to_dict()
    (copy / "config.json").write_bytes(checkpoints.encode_config(config))
    kept = Calibration(2.0, 0.9, {"negative": 0.4, "positive": 0.3}, 100)
    calibration.write(checkpoints.find("mine"), kept)
    with pytest.MonkeyPatch.context() as patch:
        trace_here(patch)
        drain(export.write("mine", folder / "fp32"))
        drain(export.write("mine", folder / "int8", "int8"))
    return folder


@pytest.fixture
def same_home(session_home, monkeypatch):
    monkeypatch.setenv("UNFREEZE_HOME", str(session_home))


@pytest.mark.usefixtures("same_home")
@pytest.mark.parametrize("precision, tolerance", [("fp32", 1e-5), ("int8", 0.05)])
def test_a_folder_answers_as_its_checkpoint(lesson, precision, tolerance):
    served, given = answers(lesson / precision)
    own_model, own = answers("mine")
    assert given.names == own.names
    assert np.allclose(given.probabilities, own.probabilities, atol=tolerance)
    predicted = prediction.predict("mine", TEXTS)
    assert [each.label for each in predicted] == own.names
    assert served.calibration.thresholds == own_model.calibration.thresholds
    assert served.training_lengths == own_model.training_lengths is not None
    assert served.truncation.length == own_model.truncation.length


@pytest.mark.usefixtures("same_home")
def test_an_encoder_with_several_labels_answers_as_its_checkpoint(tmp_path, monkeypatch):
    trace_here(monkeypatch)
    source = small_encoders.write_folder(tmp_path / "several", classes=2)
    file = drain(huggingface.import_encoder(str(source))).path / "config.json"
    config = json.loads(file.read_text()) | {"format": 4, "thresholds": [0.4, 0.6]}
    file.write_bytes(checkpoints.encode_config(config))
    drain(export.write("several", tmp_path / "out"))
    served, given = answers(tmp_path / "out")
    _, own = answers("several")
    assert served.thresholds == (0.4, 0.6) and given.labels == own.labels
    assert np.allclose(given.probabilities, own.probabilities, atol=1e-5)


@pytest.mark.usefixtures("same_home")
def test_a_damaged_folder_is_refused_in_a_sentence(lesson, tmp_path):
    def damaged(change):
        broken = tmp_path / "broken"
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(lesson / "fp32", broken)
        change(broken)
        with pytest.raises(UnfreezeError) as error:
            model.load(str(broken))
        return str(error.value)

    def replace(**values):
        def change(folder):
            described = json.loads((folder / "model.json").read_text())
            (folder / "model.json").write_text(json.dumps(described | values))

        return change

    changes = [lambda folder: (folder / "model.onnx").write_bytes(b"no graph")]
    changes += [lambda folder: (folder / "vocabulary.json").unlink()]
    changes += [lambda folder: (folder / "model.json").write_text("{")]
    changes += [replace(labels=[]), replace(labels=[1, 2]), replace(head=0, tail=0)]
    changes += [replace(thresholds=[0.5]), replace(file="../fp32"), replace(temperature="hot")]
    assert all("cannot be read" in damaged(change) for change in changes)
    assert "newer Unfreeze" in damaged(replace(format=99))
