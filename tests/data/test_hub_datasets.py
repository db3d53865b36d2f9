"""Datasets of the Hub come down as their Parquet files, through the real client, and are read as a folder."""

import io

import pyarrow as pa
import pytest
from huggingface_hub import constants
from pyarrow import parquet

from ftcore.data import hub_datasets
from ftcore.data.store import storing
from ftcore.data.store.request import Request
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Progress, drain
from tests.helpers.hub_server import HubServer, hub_client
from tests.helpers.tables import read_table

NAME = "someone/reviews"
CONVERTED = "refs/convert/parquet"


def table(*texts):
    file = io.BytesIO()
    parquet.write_table(pa.table({"text": texts, "label": [0] * len(texts)}), file)
    return file.getvalue()


FILES = {
    "default/partial-train/0000.parquet": table("one", "two"),
    "default/partial-train/0001.parquet": table("three"),
    "default/test/0000.parquet": table("four"),
    "other/train/0000.parquet": table("five"),
    ".gitattributes": b"",
}


@pytest.fixture(autouse=True)
def server(tmp_path, monkeypatch):
    with HubServer() as server, hub_client(server, tmp_path, monkeypatch):
        yield server


def test_a_dataset_by_its_name(server):
    sha = server.publish(f"datasets/{NAME}", FILES, branch=CONVERTED)
    dataset = hub_datasets.describe(NAME)
    assert (dataset.configuration, dataset.revision) == ("default", sha)
    events = []
    folder = drain(hub_datasets.fetch(dataset), events.append)
    assert events[-1] == Progress("downloading", dataset.size, dataset.size, "bytes")
    form, read, _ = read_table(folder)
    assert (form.kind, form.columns) == ("parquet", ("text", "label", "split"))
    rows = {(row["text"], row["split"]) for row in read.to_pylist()}
    train = {(text, "train") for text in ("one", "two", "three")}
    assert rows == {*train, ("four", "test")}
    asked = len(server.requests)
    assert drain(hub_datasets.fetch(dataset)) == folder
    assert len(server.requests) == asked  # everything is here


def test_configurations(server):
    server.publish(f"datasets/{NAME}", FILES, branch=CONVERTED)
    assert hub_datasets.describe(f"{NAME}:other").files[0].name == "other/train/0000.parquet"
    with pytest.raises(
        UsageError, match=rf"no configuration 'x': give one, as in {NAME}:default and"
    ):
        hub_datasets.describe(f"{NAME}:x")
    server.publish("datasets/a/b", {"x/train/0.parquet": b"1", "y/train/0.parquet": b"2"})
    with pytest.raises(UsageError, match="has 2 configurations: give one, as in a/b:x and a/b:y"):
        hub_datasets.describe("a/b")


def test_files_that_the_hub_has_not_converted(server):
    sha = server.publish(f"datasets/{NAME}", {"data/train-0.parquet": table("one"), "a.py": b""})
    assert hub_datasets.describe(NAME).revision == sha
    assert hub_datasets.describe(NAME, "main").files[0].name == "data/train-0.parquet"
    server.publish("datasets/a/b", {"data.csv": b"text"})
    with pytest.raises(
        UnfreezeError, match=r"a/b has no Parquet files on 127\.0\.0\.1: choose another"
    ):
        hub_datasets.describe("a/b")


def test_refusals(server, monkeypatch):
    with pytest.raises(UnfreezeError, match=f"has no dataset {NAME}, or it is private"):
        hub_datasets.describe(NAME)
    with pytest.raises(UsageError, match=r"reviews\.csv is not the name of a dataset on the Hub"):
        hub_datasets.describe("reviews.csv")
    server.publish(f"datasets/{NAME}", FILES, branch=CONVERTED)
    with monkeypatch.context() as patch:
        patch.setattr(hub_datasets, "MAX_BYTES", 100)
        with pytest.raises(UnfreezeError, match=r"of Parquet files, and up to 100 B are read"):
            hub_datasets.describe(NAME)
    dataset = hub_datasets.describe(NAME)
    server.gated.add(f"datasets/{NAME}")
    with pytest.raises(UnfreezeError, match=f"accept them at 127.0.0.1/datasets/{NAME}, then set"):
        drain(hub_datasets.fetch(dataset))
    server.gated.clear()
    server.damaged.add("default/test/0000.parquet")
    with pytest.raises(UnfreezeError, match="arrived damaged"):
        drain(hub_datasets.fetch(dataset))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UnfreezeError, match="unset HF_HUB_OFFLINE, or give a file of it"):
        hub_datasets.describe(NAME)


def test_a_name_that_leads_out_is_no_file(server):
    server.publish(f"datasets/{NAME}", {"train/../../0.parquet": b"1", "train/0.parquet": b"2"})
    assert [file.name for file in hub_datasets.describe(NAME).files] == ["train/0.parquet"]


def test_it_is_added_by_its_name(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = [f"text number {number}" for number in range(40)]
    file = io.BytesIO()
    parquet.write_table(pa.table({"text": texts, "label": ["a", "b"] * 20}), file)
    server.publish(
        f"datasets/{NAME}", {"default/train/0.parquet": file.getvalue()}, branch=CONVERTED
    )
    added = drain(storing.add(Request("reviews", NAME)))
    assert added.source == f"{NAME} on the Hugging Face Hub"
    assert sum(added.sizes.values()) == 40


@pytest.mark.parametrize("path", ["here/reviews", "there/reviews.csv", "/tmp/reviews", "reviews"])
def test_a_path_is_no_name(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert not hub_datasets.is_name(path)
