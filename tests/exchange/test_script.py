"""The plain code of a run, run: it ends with the run's own accuracy, and needs nothing of ours."""

import ast
import contextlib
import csv
import io
import re
import runpy
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ftcore import paths, tracking
from ftcore.config import FineTuneConfig
from ftcore.data import sample
from ftcore.errors import UnfreezeError
from ftcore.exchange import script
from ftcore.models import checkpoints
from ftcore.runs import execution
from ftcore.tracking import Run
from pages.components.shell import warm_imports
from tests.helpers import small_runs

MAIN = Path(__file__).parents[2] / "pages" / "_main.py"
HALF_A_POINT = 0.005


@pytest.fixture
def base() -> str:
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    return "base"


def trained(**values: object) -> Run:
    """A run, worked off here."""
    run_id = tracking.create_run(FineTuneConfig(**values))  # type: ignore[arg-type]
    for _ in execution.execute(run_id):
        pass
    run = tracking.run(run_id)
    assert run.status == "finished", run.message
    return run


def said_by(code: str, folder: Path) -> list[str]:
    """What the code prints, run in this process: most of a new one's time goes into importing torch."""
    if '"sample"' in code:
        script.export_sample(folder / "sample")
    (folder / "run.py").write_text(code, "utf-8")
    said = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(said):
        runpy.run_path("run.py")
    return said.getvalue().splitlines()


def said_apart(code: str, folder: Path) -> list[str]:
    """The same in a process of its own, in a folder where nothing of ours can be imported."""
    script.export_sample(folder / "sample")
    (folder / "run.py").write_text(code, "utf-8")
    command = [sys.executable, "-I", "run.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def assert_the_same(run: Run, said: list[str]) -> None:
    """The code passed through the run's own validations and ended with its test accuracy."""
    *steps, last = said
    accuracy = float(re.fullmatch(r"test accuracy ([\d.]+)%", last)[1]) / 100  # type: ignore[index]
    assert accuracy == pytest.approx(run.metrics["test_accuracy"], abs=HALF_A_POINT)
    history = tracking.history(run.run_id)
    losses = history.loc[(history["split"] == "val") & (history["step"] > 0), "loss"]
    shown = [float(line.rpartition("loss ")[2]) for line in steps]
    assert shown == pytest.approx(list(losses), abs=2e-4)


@pytest.mark.parametrize(
    "values",
    [
        {"mode": "full", "epochs": 1},
        {"mode": "last-layer", "epochs": 3},
        {"mode": "gradual", "epochs": 2},
    ],
    ids=lambda values: values["mode"],
)
def test_it_ends_with_the_accuracy_of_the_run(values: dict[str, object], tmp_path: Path) -> None:
    run = trained(limit=640, **values)
    assert_the_same(run, said_apart(script.script(run.run_id), tmp_path))


@pytest.mark.parametrize(
    "values",
    [
        {"mode": "scratch", "dropout": 0.3, "optimizer": "sgd", "schedule": "constant"},
        {"mode": "last-2", "precision": "fp32", "max_grad_norm": 0.0, "word_dropout": 0.0},
        {"mode": "custom", "groups": "head, layer 1", "precision": "bf16"},
        {"mode": "gradual", "epochs": 3, "train_embeddings": False, "seed": 3},
        {
            "mode": "full",
            "max_length": 16,
            "tail_fraction": 0.5,
            "layer_decay": 0.5,
            "batch_size": 7,
        },
        {"mode": "full", "max_length": 600, "precision": "bf16", "name": 'a """ \\ $b\n'},
    ],
    ids=str,
)
def test_every_setting_is_in_it(base: str, values: dict[str, object], tmp_path: Path) -> None:
    run = trained(checkpoint=base, limit=200, **{"epochs": 2} | values)
    assert_the_same(run, said_by(script.script(run.run_id), tmp_path))


def test_a_run_that_starts_from_a_run(base: str, tmp_path: Path) -> None:
    first = trained(checkpoint=base, limit=100, epochs=1)
    second = trained(checkpoint=first.run_id, limit=100, epochs=1, mode="last-layer")
    assert "a new head" not in script.script(second.run_id)
    assert_the_same(second, said_by(script.script(second.run_id), tmp_path))


def reviews(root: Path, archive: bool) -> Path:
    """A small aclImdb of the sample's texts, as a folder or packed."""
    train, train_labels, test, test_labels = sample.generate()
    for part, texts, labels in (("train", train[:160], train_labels), ("test", test, test_labels)):
        for number, (text, label) in enumerate(zip(texts, labels, strict=False)):
            file = root / "aclImdb" / part / ("neg", "pos")[label] / f"{number}_7.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("" if number == 5 else text, "utf-8")
    if not archive:
        return root
    with tarfile.open(root / "reviews.tar.gz", "w:gz") as packed:
        packed.add(root / "aclImdb", "aclImdb")
    return root / "reviews.tar.gz"


@pytest.mark.parametrize("archive", [True, False])
def test_imdb_as_published(base: str, archive: bool, tmp_path: Path) -> None:
    source = reviews(tmp_path, archive)
    run = trained(checkpoint=base, dataset="imdb", source=str(source), epochs=2)
    assert_the_same(run, said_by(script.script(run.run_id), tmp_path))


def test_ag_news_as_published(base: str, tmp_path: Path) -> None:
    texts = sample.generate()[0]
    for part, count in (("train", 160), ("test", 120)):
        with (tmp_path / f"{part}.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file, quoting=csv.QUOTE_ALL)
            rows.writerows(
                (1 + n % 4, "Title", f"{text}\\more") for n, text in enumerate(texts[:count])
            )
    run = trained(checkpoint=base, dataset="ag_news", source=str(tmp_path / "train.csv"), epochs=2)
    assert "a new head" not in script.script(run.run_id)
    assert_the_same(run, said_by(script.script(run.run_id), tmp_path))


@pytest.mark.parametrize("mode", ["full", "last-layer", "gradual", "scratch"])
@pytest.mark.parametrize("dataset", ["sample", "imdb", "ag_news"])
def test_it_reads_as_if_written_by_hand(mode: str, dataset: str, home: Path) -> None:
    """Formatted, without a fault that lint sees, and importing torch, numpy and safetensors alone."""
    checkpoints.find("starter")
    run_id = small_runs.run(mode=mode, dataset=dataset, dropout=0.1, saved=False)
    code = script.script(run_id).replace(str(paths.ROOT), "here").replace(str(home), "home")
    used = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(code))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert used - set(sys.stdlib_module_names) == {"torch", "numpy", "safetensors"}
    settled = ["--config", str(paths.ROOT / "pyproject.toml"), "--stdin-filename", "run.py", "-"]
    for command in (["format", "--diff"], ["check", "--quiet"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *settled],
            input=code,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout
    assert "#:" not in code and "$" not in code
    assert len(code.splitlines()) < 270


def test_blocks_and_lines_are_kept_by_their_flags() -> None:
    template = "#: a\none\n#: !b\ntwo $x\n#: end\n#: end\nthree  # why  #: b\nfour  # why  #: !b\n"
    assert script.fill(template, {"a"}, {"x": "$x"}) == "one\ntwo $x\nfour  # why\n"
    assert script.fill(template, {"a", "b"}, {}) == "one\nthree  # why\n"
    assert script.fill(template, {"b"}, {}) == "three  # why\n"


@pytest.mark.parametrize(
    ("values", "status", "sentence"),
    [
        ({"mode": "tfidf"}, "finished", "no network"),
        ({"checkpoint": "new"}, "finished", "pretraining"),
        ({"mode": "full"}, "queued", "not begun"),
        ({"checkpoint": "gone"}, "finished", "no checkpoint 'gone'"),
    ],
)
def test_where_there_is_no_code_a_sentence_says_why(
    values: dict[str, str], status: str, sentence: str
) -> None:
    run_id = small_runs.run(status, saved=False, **values)
    with pytest.raises(UnfreezeError, match=sentence):
        script.script(run_id)


def test_the_sample_comes_as_files_and_as_a_zip(tmp_path: Path) -> None:
    script.export_sample(tmp_path / "new" / "sample")
    with (tmp_path / "new" / "sample" / "train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == sample.generate()[0]
    with zipfile.ZipFile(io.BytesIO(script.sample_archive())) as archive:
        assert archive.namelist() == ["sample/train.csv", "sample/test.csv"]
    (tmp_path / "file").write_text("")
    with pytest.raises(UnfreezeError, match="cannot be written"):
        script.export_sample(tmp_path / "file")


def test_the_command_line_prints_it_and_writes_the_sample(base: str, tmp_path: Path) -> None:
    run_id = small_runs.run(checkpoint=base, saved=False)

    def ftcore(*arguments: str) -> str:
        command = [sys.executable, "-m", "ftcore", *arguments]
        return subprocess.run(
            command, cwd=paths.ROOT, capture_output=True, text=True, check=True
        ).stdout

    assert ftcore("code", run_id) == script.script(run_id)
    ftcore("export-data", "sample", str(tmp_path / "sample"))
    assert (tmp_path / "sample" / "test.csv").exists()


def test_a_finished_run_offers_its_code_and_a_reference_does_not() -> None:
    warm_imports.preload().result()
    for values, offered in (({"mode": "full"}, True), ({"mode": "tfidf"}, False)):
        app = AppTest.from_file(str(MAIN), default_timeout=60)
        app.query_params["run"] = small_runs.run(saved=False, **values)
        app.switch_page("train.py").run()
        assert ("code" in [button.key for button in app.button]) == offered
        if offered:
            app.button(key="code").click().run()
            assert "torch.manual_seed" in app.code[0].value and not app.error
