"""Bad records of what was done: exported experiments, looks inside a run, states to go on from.

What is read can be drawn, and a run that cannot go on says so. See tests/fuzz.py.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ftcore.diagnostics.results import ARRAYS, METADATA, Diagnostics
from ftcore.experiments import archive, catalog, verdict
from ftcore.experiments.result import Result
from pages.components.compare import report, summary
from pages.components.runs import live_comparison, side_by_side
from tests.helpers import fake_experiments
from tests.helpers.fuzzing import DEEP_JSON, ODD_VALUES, accepted, altered_json, damaged, examples

RECORD = "experiment.json"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a small experiment as it is exported, by name."""
    folder = tmp_path_factory.mktemp("exported") / "one"
    results = fake_experiments.experiment(("full", "last-layer", "majority"), texts=40)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "load", lambda which: results)
        catalog.export("one", folder)
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def drawn(folder: Path) -> list[Result] | None:
    """The experiment in a folder, and that all of it can be drawn."""
    results = accepted(lambda: archive.read(folder))
    if results is not None:
        summary.summarize(results)
        assert report.html(results) and report.csv(results)
        assert verdict.summary(results) and live_comparison.progress_lines(results)
        for one in results:
            side_by_side.run_facts(one.run)
    return results


def test_a_sound_one_is_read_and_drawn(exported: dict[str, bytes], tmp_path: Path) -> None:
    found = drawn(put(tmp_path / "sound", exported))
    assert found is not None and len(found) == 3 and found[0].diagnostics is not None


@given(st.data())
@examples(50)
def test_an_experiment_with_a_damaged_file(
    exported: dict[str, bytes], tmp_path: Path, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(exported)))
    drawn(put(tmp_path, exported | {name: data.draw(damaged(exported[name]))}))


@given(st.data())
@examples(60)
def test_an_experiment_whose_record_says_odd_things(
    exported: dict[str, bytes], tmp_path: Path, data: st.DataObject
) -> None:
    record = data.draw(altered_json(json.loads(exported[RECORD])))
    drawn(put(tmp_path, exported | {RECORD: json.dumps(record).encode()}))


@given(st.data())
@examples(60)
def test_an_experiment_with_an_odd_run(
    exported: dict[str, bytes], tmp_path: Path, data: st.DataObject
) -> None:
    """One value in one run, where most of what is drawn comes from."""
    record = json.loads(exported[RECORD])
    run = record["runs"][data.draw(st.integers(0, 1))]
    part = data.draw(st.sampled_from([run, run["config"], run["facts"], run["metrics"]]))
    part[data.draw(st.sampled_from(sorted(part)))] = data.draw(st.sampled_from(ODD_VALUES))
    drawn(put(tmp_path, exported | {RECORD: json.dumps(record).encode()}))


CELLS = st.sampled_from(
    ["", "nan", "inf", "-1", "1e999", "x", "9" * 30, "test", '"', "0", "1", "\0"]
)


@given(st.data())
@examples(40)
def test_an_experiment_with_odd_tables(
    exported: dict[str, bytes], tmp_path: Path, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from([one for one in sorted(exported) if one.endswith(".csv")]))
    rows = [line.split(",") for line in exported[name].decode().splitlines()]
    for _ in range(data.draw(st.integers(1, 4))):
        row = rows[data.draw(st.integers(0, len(rows) - 1))]
        row[data.draw(st.integers(0, len(row) - 1))] = data.draw(CELLS)
    content = "\n".join(map(",".join, rows)).encode()
    drawn(put(tmp_path, exported | {name: content}))


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"{}", DEEP_JSON.encode(), b"\xff", b"9" * 9999]
)
def test_an_experiment_with_something_else_for_a_record(
    exported: dict[str, bytes], tmp_path: Path, content: bytes
) -> None:
    assert drawn(put(tmp_path, exported | {RECORD: content})) is None
    assert drawn(tmp_path / "nowhere") is None


ARRAY_NAMES = ["truth", "probabilities", "rows", "before", "after"]


@given(st.data())
@examples(80)
def test_a_look_inside_with_odd_arrays(
    exported: dict[str, bytes], tmp_path: Path, data: st.DataObject
) -> None:
    name = f"full-0/{ARRAYS}"
    with np.load(io.BytesIO(exported[name])) as stored:
        arrays = dict(stored)
    which = data.draw(st.sampled_from(ARRAY_NAMES))
    changes: list[Any] = [
        lambda a: a[:-1],
        lambda a: a[:0],
        lambda a: a[None],
        lambda a: a.ravel(),
        lambda a: a.astype(str),
        lambda a: a.astype(object),
        lambda a: a * 0 + 10**6,
        lambda a: a * -1 - 1,
        lambda a: a + np.nan,
        lambda a: a * 1j,
        lambda a: np.array(1),
        lambda a: a.astype(np.float16),
        lambda a: a.astype(bool),
    ]
    arrays[which] = data.draw(st.sampled_from(changes))(arrays[which])
    content = io.BytesIO()
    np.savez(content, **arrays)
    drawn(put(tmp_path, exported | {name: content.getvalue()}))


@given(st.data())
@examples(60)
def test_a_look_inside_that_is_damaged_is_not_there(
    exported: dict[str, bytes], tmp_path: Path, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from([ARRAYS, METADATA]))
    whole = exported[f"full-0/{name}"]
    put(tmp_path, {one: exported[f"full-0/{one}"] for one in (ARRAYS, METADATA)})
    (tmp_path / name).write_bytes(data.draw(damaged(whole)))
    Diagnostics.read(tmp_path)
    (tmp_path / name).write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    assert Diagnostics.read(tmp_path) is None


def test_a_look_inside_that_swells_is_not_there(exported: dict[str, bytes], tmp_path: Path) -> None:
    """Forty megabytes of a header, or of an array, that says it has terabytes."""
    put(tmp_path, {METADATA: exported[f"full-0/{METADATA}"]})
    for shape in ("(1000000000000,)", "(-1,)", "(3, 99999999999999999999)"):
        header = f"{{'descr': '<i8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
        array = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
        with zipfile.ZipFile(tmp_path / ARRAYS, "w", zipfile.ZIP_DEFLATED) as file:
            for name in ARRAY_NAMES:
                file.writestr(f"{name}.npy", array + bytes(100_000))
        assert Diagnostics.read(tmp_path) is None
