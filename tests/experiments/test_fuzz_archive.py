"""Damaged exports of experiments are refused with a sentence, or all that is read can be drawn."""

import io
import json
import zipfile
from operator import methodcaller
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ftcore.diagnostics.results import ARRAYS, METADATA, Diagnostics
from ftcore.errors import UnfreezeError
from ftcore.experiments import archive, verdict
from ftcore.experiments.result import Result
from pages.components.charts import curve_figures
from pages.components.compare import report, summary
from pages.components.runs import live_comparison, side_by_side
from tests.helpers import fake_results
from tests.helpers.fuzzing import DEEP_JSON, ODD_VALUES, accepted, altered_json, damaged, examples

RECORD = "experiment.json"
ARRAY_NAMES = ["truth", "probabilities", "rows", "before", "after"]
ODD_CELLS = ["", "nan", "inf", "-1", "1e999", "x", "9" * 30, "test", '"', "0", "1", "\0"]
CUTS = [lambda a: a[:-1], lambda a: a[:0], lambda a: a[None], lambda a: a.ravel()]
VALUES = [lambda a: a * 0 + 10**6, lambda a: a * -1 - 1, lambda a: a + np.nan, lambda a: a * 1j]
TYPES = [methodcaller("astype", dtype) for dtype in (str, object, bool, np.float16)]
ARRAY_CHANGES = [*CUTS, *VALUES, *TYPES, lambda a: np.array(1)]
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The files of a small exported experiment, by name."""
    folder = tmp_path_factory.mktemp("exported") / "one"
    results = fake_results.experiment(("full", "last-layer", "majority"), texts=40)
    archive.write(results, folder)
    files = {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }
    for name in files:
        if name.endswith((METADATA, RECORD)):  # with a checksum, any change is found
            metadata = json.loads(files[name])
            del metadata["checksum"]
            files[name] = json.dumps(metadata).encode()
    return files


def read_and_draw(folder: Path, files: Files) -> list[Result] | None:
    """Write the files to a folder, read the experiment there and draw all of it; None if refused."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    results = accepted(lambda: archive.read(folder))
    if results is not None:
        summary.summarize(results)
        assert report.html(results) and report.csv(results)
        assert verdict.summary(results) and live_comparison.progress_lines(results)
        for result in results:
            side_by_side.run_facts(result.run)
    return results


def test_intact_experiment_is_drawn(exported, tmp_path):
    results = read_and_draw(tmp_path / "intact", exported)
    assert results is not None and len(results) == 3 and results[0].diagnostics is not None


def test_changed_figure_in_the_record_is_refused_unless_it_was_meant(tmp_path):
    archive.write(fake_results.experiment(("full", "tfidf")), tmp_path / "out")
    file = tmp_path / "out" / RECORD
    record = json.loads(file.read_text())
    record["runs"][0]["metrics"]["test_accuracy"] = 0.999
    file.write_text(json.dumps(record))
    with pytest.raises(UnfreezeError, match="changed since the export"):
        archive.read(tmp_path / "out")
    del record["checksum"]
    file.write_text(json.dumps(record))
    assert archive.read(tmp_path / "out")[0].run.metrics["test_accuracy"] == 0.999


def test_labels_may_have_commas(tmp_path):
    labels = ("Arts, Books", "Sport")
    results = fake_results.experiment(("full", "tfidf"), labels=labels)
    archive.write(results, tmp_path / "out")
    read = archive.read(tmp_path / "out")
    assert [result.run.facts["labels"] for result in read] == [list(labels)] * 2
    assert curve_figures.watched_sentence(read[:1], 0, 1).layout.yaxis.title.text == "Sport"


@given(st.data())
@examples(50)
def test_damaged_file(exported, tmp_path, data):
    name = data.draw(st.sampled_from(sorted(exported)))
    read_and_draw(tmp_path, exported | {name: data.draw(damaged(exported[name]))})


@given(st.data())
@examples(120)
def test_odd_value_in_the_record(exported, tmp_path, data):
    record = json.loads(exported[RECORD])
    if data.draw(st.booleans()):
        record = data.draw(altered_json(record))
    else:
        run = record["runs"][data.draw(st.integers(0, 1))]
        part = data.draw(st.sampled_from([run, run["config"], run["facts"], run["metrics"]]))
        part[data.draw(st.sampled_from(sorted(part)))] = data.draw(st.sampled_from(ODD_VALUES))
    read_and_draw(tmp_path, exported | {RECORD: json.dumps(record).encode()})


@given(st.data())
@examples(40)
def test_odd_cells_in_tables(exported, tmp_path, data):
    name = data.draw(st.sampled_from([name for name in sorted(exported) if name.endswith(".csv")]))
    rows = [line.split(",") for line in exported[name].decode().splitlines()]
    for _ in range(data.draw(st.integers(1, 4))):
        row = data.draw(st.sampled_from(rows))
        row[data.draw(st.integers(0, len(row) - 1))] = data.draw(st.sampled_from(ODD_CELLS))
    content = "\n".join(map(",".join, rows)).encode()
    read_and_draw(tmp_path, exported | {name: content})


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"{}", DEEP_JSON.encode(), b"\xff", b"9" * 9999]
)
def test_other_content_is_refused(exported, tmp_path, content):
    assert read_and_draw(tmp_path, exported | {RECORD: content}) is None
    assert read_and_draw(tmp_path / "missing", {}) is None


@given(st.data())
@examples(80)
def test_odd_diagnostics_arrays(exported, tmp_path, data):
    name = f"full-0/{ARRAYS}"
    with np.load(io.BytesIO(exported[name])) as stored:
        arrays = dict(stored)
    array = data.draw(st.sampled_from(ARRAY_NAMES))
    arrays[array] = data.draw(st.sampled_from(ARRAY_CHANGES))(arrays[array])
    content = io.BytesIO()
    np.savez(content, **arrays)
    read_and_draw(tmp_path, exported | {name: content.getvalue()})


@given(st.data())
@examples(60)
def test_damaged_diagnostics(exported, tmp_path, data):
    for name in (ARRAYS, METADATA):
        (tmp_path / name).write_bytes(exported[f"full-0/{name}"])
    file = tmp_path / data.draw(st.sampled_from([ARRAYS, METADATA]))
    intact = file.read_bytes()
    file.write_bytes(data.draw(damaged(intact)))
    Diagnostics.read(tmp_path)
    file.write_bytes(intact[: data.draw(st.integers(0, len(intact) - 1))])
    assert Diagnostics.read(tmp_path) is None


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(-1,)", "(3, 99999999999999999999)"])
def test_diagnostics_of_terabytes_are_ignored(shape, exported, tmp_path):
    (tmp_path / METADATA).write_bytes(exported[f"full-0/{METADATA}"])
    header = f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(tmp_path / ARRAYS, "w", zipfile.ZIP_DEFLATED) as file:
        for name in ARRAY_NAMES:
            file.writestr(f"{name}.npy", array + bytes(100_000))
    assert Diagnostics.read(tmp_path) is None
