"""The script of a run, executed: it reaches the run's accuracy, and does not need Unfreeze."""

import contextlib
import csv
import io
import re
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from ftcore import paths, tracking
from ftcore.cli.main import main
from ftcore.config import FineTuneConfig
from ftcore.data import sample
from ftcore.data.store import card
from ftcore.errors import UnfreezeError
from ftcore.events import Started, drain
from ftcore.exchange import script
from ftcore.exchange.huggingface import import_encoder
from ftcore.runs import execution
from ftcore.text.word_rules import CURRENT, EARLIER
from ftcore.tracking import Run
from tests.helpers import small_encoders, small_runs
from tests.helpers.dataset_files import archive, csvs, folder
from tests.helpers.hub_server import HubServer
from tests.helpers.own_data import add_reviews

pytestmark = pytest.mark.slow

HALF_A_POINT = 0.005
STARTER = {"checkpoint": "starter", "limit": 320, "max_length": 64, "test_limit": 300}


@pytest.fixture
def base():
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    return "base"


def train(**values: object) -> Run:
    """A finished run, executed in this process."""
    run_id = tracking.create_run(FineTuneConfig(**values))  # type: ignore[arg-type]
    for _ in execution.execute(run_id):
        pass
    run = tracking.run(run_id)
    assert run.status == "finished", run.message
    return run


def executed(code: str, folder: Path) -> str:
    """What a script prints that is executed in this process, beside the sample."""
    script.export_sample(folder / "sample")
    (folder / "run.py").write_text(code, "utf-8")
    output = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(output):
        runpy.run_path("run.py")
    return output.getvalue()


def check_script(run: Run, folder: Path) -> None:
    """Execute the script: it has the run's validation losses and ends with its test accuracy."""
    *steps, last = executed(script.script(run.run_id), folder).splitlines()
    if run.facts["best_by"] == "macro-f1":
        assert steps.pop() == f"test macro F1 {run.metrics['macro_f1']:.2%}"
    accuracy = float(re.fullmatch(r"test accuracy ([\d.]+)%", last)[1]) / 100  # type: ignore[index]
    assert accuracy == pytest.approx(run.metrics["test_accuracy"], abs=HALF_A_POINT)
    history = tracking.history(run.run_id)
    losses = history.loc[(history["split"] == "val") & (history["step"] > 0), "loss"]
    printed = [float(line.rpartition("loss ")[2]) for line in steps]
    assert printed == pytest.approx(list(losses), abs=2e-4)


@pytest.mark.parametrize(
    "values",
    [
        STARTER | {"epochs": 1},
        STARTER | {"mode": "last-layer", "epochs": 3},
        STARTER | {"mode": "gradual"},
        STARTER | {"mode": "lp-ft", "epochs": 1},
        {"mode": "scratch", "dropout": 0.3, "optimizer": "sgd", "schedule": "constant"},
        {"mode": "last-2", "precision": "fp32", "max_grad_norm": 0.0, "word_dropout": 0.0},
        {"mode": "custom", "groups": "head, layer 1", "precision": "bf16"},
        {"mode": "gradual", "epochs": 3, "train_embeddings": False, "seed": 3},
        {"max_length": 16, "tail_fraction": 0.5, "layer_decay": 0.5, "batch_size": 7},
        {"mode": "lp-ft", "max_length": 16, "epoch_lengths": "8,12", "read_length": 24},
        {"steps": 9, "evaluations": 2, "warm_up": 0.4, "batch_size": 32},
        {"mode": "last-layer", "max_length": 12, "read_length": 24},
        {"max_length": 600, "precision": "bf16", "name": 'a """ \\ $b\n'},
        {"class_weights": "balanced", "best_by": "macro-f1", "evaluations": 3},
        {"class_weights": "negative=3", "best_by": "loss", "mode": "lp-ft", "max_grad_norm": 0.1},
    ],
    ids=str,
)
def test_script_reproduces_the_run(base, values, tmp_path):
    defaults = {"checkpoint": base, "limit": 200, "test_limit": 300, "epochs": 2, "mode": "full"}
    check_script(train(**defaults | values), tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        {"max_length": 32, "tail_fraction": 0.5, "epoch_lengths": "16,32", "read_length": 64},
        {"mode": "last-layer", "epochs": 3},
        {"mode": "last-2", "pooling": "first", "layer_decay": 0.8, "precision": "bf16"},
        {"mode": "gradual", "epochs": 3, "optimizer": "sgd"},
        {"mode": "scratch", "dropout": 0.2, "warm_up": 0.4},
        {"mode": "lp-ft", "class_weights": "balanced"},
        {"mode": "lp-ft", "pooling": "first"},
        {"mode": "lora", "lora_rank": 4},
        {"class_weights": "positive=2.5", "best_by": "loss"},
    ],
    ids=str,
)
def test_script_of_an_encoder_reproduces_the_run(values, tmp_path):
    drain(import_encoder(str(small_encoders.write_folder(tmp_path / "small"))))
    defaults = {
        "checkpoint": "small",
        "limit": 200,
        "test_limit": 300,
        "epochs": 2,
        "max_length": 64,
    }
    run = train(**defaults | {"precision": "fp32"} | values)
    code = script.script(run.run_id)
    packages = {"tokenizers", "transformers"}
    packages |= set() if values.get("mode") == "scratch" else {"safetensors"}
    packages |= {"sklearn", "threadpoolctl"} if values.get("mode") == "lp-ft" else set()
    packages |= {"peft"} if values.get("mode") == "lora" else set()
    check_format(re.sub(r'Path\("[^"]*"\)', 'Path("folder")', code), packages)
    check_printed(run, executed(code, tmp_path))


@pytest.mark.parametrize(
    ("family", "values"),
    [
        ("roberta", {"mode": "full", "pooling": "first"}),
        ("modernbert", {"mode": "last-2"}),
        ("deberta-v2", {"mode": "full", "class_weights": "balanced"}),
        ("electra", {"mode": "lp-ft", "pooling": "first"}),
        ("modernbert", {"mode": "lora", "pooling": "first"}),
    ],
)
def test_script_of_other_families_shares_batches_as_two_threads_do(family, values, tmp_path):
    drain(import_encoder(str(small_encoders.write_folder(tmp_path / "small", family))))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        defaults = {
            "checkpoint": "small",
            "limit": 128,
            "test_limit": 300,
            "epochs": 1,
            "max_length": 62,
        }
        run = train(**defaults | {"precision": "fp32"} | values)
        code = script.script(run.run_id)
        assert "rows.chunk(2)" in code
        check_printed(run, executed(code, tmp_path))
    finally:
        torch.set_num_threads(threads)


def test_script_loads_an_encoder_from_the_hub_it_came_from(tmp_path, monkeypatch):
    with HubServer() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        files = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        revision = server.publish("someone/small", small_encoders.write_folder(tmp_path / "small"))
        drain(import_encoder("someone/small"))
    run = train(checkpoint="small", limit=64, epochs=1, max_length=64, precision="fp32")
    code = script.script(run.run_id)
    assert f'HUB, REVISION = "someone/small", "{revision}"' in code
    assert str(paths.home()) not in code
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    check_format(code, {"huggingface_hub", "tokenizers", "transformers"})
    check_script_in_a_process(run, code, tmp_path)


def check_script_in_a_process(run: Run, code: str, folder: Path) -> None:
    """Run the script as a user does."""
    script.export_sample(folder / "sample")
    (folder / "run.py").write_text(code, "utf-8")
    command = [sys.executable, "-P", "-W", "ignore", "run.py"]
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    check_printed(run, process.stdout)


def check_printed(run: Run, output: str) -> None:
    """A script printed the run's accuracies, and its losses to all digits."""
    *steps, last = output.splitlines()
    history = tracking.history(run.run_id)
    val = history.loc[(history["split"] == "val") & (history["step"] > 0)]
    lines, losses = zip(*(step.split("  loss ") for step in steps), strict=True)
    assert list(lines) == [
        f"step {row.step:6,}  validation {row.accuracy:.2%}" for row in val.itertuples()
    ]
    # To all digits, but for the rounding of the last one.
    assert [float(loss) for loss in losses] == pytest.approx(val["loss"].tolist(), abs=1e-4)
    assert last == f"test accuracy {run.metrics['test_accuracy']:.2%}"


@pytest.mark.parametrize("packed", [True, False])
def test_script_reads_imdb_as_published(base, packed, tmp_path):
    texts, labels, test_texts, test_labels = sample.generate()
    rows = [("train", *row) for row in zip(texts[:160], labels, strict=False)]
    rows += [("test", *row) for row in zip(test_texts, test_labels, strict=True)]
    reviews = {
        f"{split}/{('neg', 'pos')[label]}/{number}_7.txt": b"" if number == 5 else text.encode()
        for number, (split, text, label) in enumerate(rows)
    }
    if packed:
        source = archive(tmp_path / "reviews.tar.gz", reviews)
    else:
        source = folder(tmp_path / "aclImdb", reviews).parent
    check_script(train(checkpoint=base, dataset="imdb", source=str(source), epochs=2), tmp_path)


def test_script_reads_ag_news_as_published_and_starts_from_a_run(base, tmp_path, capsys):
    texts = sample.generate()[0][:160]
    rows = [
        (str(1 + number % 4), "Title", f"\u201c{text}\u201d isn\u2019t\\more")
        for number, text in enumerate(texts)
    ]
    source = csvs(tmp_path, rows) / "train.csv"
    data = {"dataset": "ag_news", "source": str(source), "epochs": 2}
    first = train(checkpoint=base, **data)
    run = train(checkpoint=first.run_id, mode="last-layer", **data)
    assert main(["code", run.run_id]) == 0
    assert capsys.readouterr().out == script.script(run.run_id)
    assert "a new head" not in script.script(run.run_id)
    check_script(run, tmp_path)


def test_script_reads_data_of_ones_own_and_its_validation_part(base, tmp_path):
    add_reviews(tmp_path, 160, "full")  # the name of a mode
    run = train(checkpoint=base, dataset="full", limit=100, epochs=1, mode="last-layer")
    check_script(run, tmp_path)
    check_format(
        re.sub(r'Path\("[^"]*"\)', 'Path("folder")', script.script(run.run_id)),
        {"pyarrow", "safetensors"},
    )
    card.delete("full")
    add_reviews(tmp_path, 161, "full")
    with pytest.raises(UnfreezeError, match="data is not what this run began with"):
        script.script(run.run_id)


def test_script_reads_other_encodings_separators_and_blank_lines(base, tmp_path):
    texts = sample.generate()[0][:160]
    for part in ("train", "test"):
        lines = [f"{1 + n % 4};Title;Caf\u00e9 {text}" for n, text in enumerate(texts)]
        content = "\r\n".join([*lines, "", ""]).encode("utf-16")
        (tmp_path / f"{part}.csv").write_bytes(content)
    run = train(checkpoint=base, dataset="ag_news", source=str(tmp_path), epochs=1)
    assert run.notes[0] == "train.csv was read in the encoding UTF-16."
    check_script(run, tmp_path)


def test_script_reads_with_the_tokenizer_of_the_run(base, tmp_path):
    """That of its checkpoint; a run is refused if the checkpoint was made again with another one."""
    old = small_runs.checkpoint(paths.checkpoints_dir() / "old", "old", rule=EARLIER)
    run = train(checkpoint="old", limit=200, test_limit=50, epochs=2)
    assert "unicodedata" not in script.script(run.run_id)
    check_script(run, tmp_path)
    assert "unicodedata" in script.script(train(checkpoint=base, limit=200, epochs=1).run_id)
    small_runs.checkpoint(old.path, "old", rule=CURRENT)
    with pytest.raises(UnfreezeError, match="The tokenizer is not what this run began with"):
        script.script(run.run_id)


@pytest.mark.parametrize("mode", ["full", "last-layer", "gradual", "lp-ft", "scratch"])
@pytest.mark.parametrize("dataset", ["sample", "imdb", "ag_news"])
def test_script_is_formatted_and_imports_what_it_says(mode, dataset):
    run_id = small_runs.run(mode=mode, dataset=dataset, dropout=0.1, saved=False)
    code = re.sub(r'Path\("[^"]*"\)', 'Path("folder")', script.script(run_id))
    fit = {"sklearn", "threadpoolctl"} if mode == "lp-ft" else set()
    check_format(code, {"safetensors"} | fit)


@pytest.mark.parametrize("values", [{"class_weights": "balanced"}, {"class_weights": "negative=2"}])
@pytest.mark.parametrize(("mode", "measure"), [("full", "macro-f1"), ("lp-ft", "loss")])
def test_script_with_weights_and_another_measure_is_formatted(mode, measure, values):
    run_id = small_runs.run(mode=mode, dataset="imdb", saved=False, best_by=measure, **values)
    with tracking.Recorder(run_id) as recorder:
        recorder.write(Started(small_runs.FACTS | {"best_by": measure}))
    fit = {"sklearn", "threadpoolctl"} if mode == "lp-ft" else set()
    code = re.sub(r'Path\("[^"]*"\)', 'Path("folder")', script.script(run_id))
    check_format(code, {"safetensors"} | fit)


def check_format(code: str, packages: set[str]) -> None:
    """Check the code with ruff, and that it imports these packages beside torch and numpy."""
    imported = set(re.findall(r"^ *(?:from|import) (\w+)", code, re.MULTILINE))
    assert imported - set(sys.stdlib_module_names) == {"torch", "numpy"} | packages
    options = ["--config", str(paths.ROOT / "pyproject.toml"), "--stdin-filename", "run.py", "-"]
    for command in (["format", "--diff"], ["check", "--quiet"]):
        ruff = [sys.executable, "-m", "ruff", *command, *options]
        process = subprocess.run(ruff, input=code, capture_output=True, text=True)
        assert process.returncode == 0, process.stdout
    assert "#:" not in code and "$" not in code


@pytest.mark.parametrize(
    ("values", "status", "message"),
    [
        ({"mode": "tfidf"}, "finished", "no network"),
        ({"checkpoint": "new"}, "finished", "pretraining"),
        ({"mode": "full"}, "queued", "not begun"),
        ({"checkpoint": "gone"}, "finished", "no checkpoint 'gone'"),
    ],
)
def test_run_without_a_script_is_refused(values, status, message):
    run_id = small_runs.run(status, saved=False, **values)
    with pytest.raises(UnfreezeError, match=message):
        script.script(run_id)


def test_sample_is_exported_as_files_and_as_a_zip(tmp_path):
    assert main(["export-data", "sample", str(tmp_path / "new" / "sample")]) == 0
    with (tmp_path / "new" / "sample" / "train.csv").open(encoding="utf-8", newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)] == sample.generate()[0]
    with zipfile.ZipFile(io.BytesIO(script.sample_archive())) as archive:
        assert archive.namelist() == ["sample/train.csv", "sample/test.csv"]
    with pytest.raises(UnfreezeError, match="cannot be written"):
        script.export_sample(tmp_path / "new" / "sample" / "train.csv" / "below")


def test_export_leaves_what_is_there(tmp_path, capsys):
    (tmp_path / "train.csv").write_text("my own")
    assert main(["export-data", "sample", str(tmp_path)]) == 1
    assert "is already there; choose another name" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["train.csv"]
    assert (tmp_path / "train.csv").read_text() == "my own"
