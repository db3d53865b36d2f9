"""What all datasets share: paths, downloads, checksums, empty texts, and the split."""

import pytest
from hypothesis import given, strategies as st

from ftcore import paths
from ftcore.data import ag_news, datasets, imdb
from ftcore.errors import UnfreezeError
from ftcore.events import Event, Progress, drain
from tests.helpers.dataset_files import REVIEWS, archive, csvs, folder, load, load_if_valid
from tests.helpers.file_server import FileServer
from tests.helpers.fuzzing import ODD_TEXTS

both = pytest.mark.parametrize("name", ["imdb", "ag_news"])


def test_fingerprint_depends_on_every_text_and_label(tmp_path):
    moved = dict(REVIEWS)
    moved["train/neg/1_2.txt"] = moved.pop("train/pos/1_10.txt")
    changed = REVIEWS | {"test/neg/7_1.txt": b"I left early!"}
    fingerprints = {
        load("imdb", folder(tmp_path / str(number), files)).fingerprint
        for number, files in enumerate((REVIEWS, moved, changed))
    }
    assert len(fingerprints) == 3


def test_empty_texts_are_dropped_and_counted(tmp_path):
    dataset = load("imdb", folder(tmp_path, REVIEWS | {"train/pos/5_9.txt": b" \n"}))
    assert len(dataset.train.texts) == len(dataset.train.labels) == 3
    assert dataset.reading.notes == ("1 empty text was left out.",)


@pytest.mark.parametrize(
    ("name", "source", "message"),
    [
        ("imdb", "{folder}/nowhere", "nowhere is not there: correct the path, or bring it back"),
        ("ag_news", "/dev/null", "neither a file nor a folder"),
        ("imdb", "https://example.org/a.tar.gz", r"g/a\.tar\.gz is an address: download"),
        ("yelp", "", "'yelp'; choose one of sample, imdb, ag_news"),
        ("imbd", "", "did you mean imdb"),
    ],
)
def test_wrong_name_or_path_is_refused(tmp_path, name, source, message):
    with pytest.raises(UnfreezeError, match=message):
        load(name, source.format(folder=tmp_path))


@both
def test_odd_path_is_refused_with_a_message(tmp_path, name):
    for file in ("train.csv", "test.csv", "aclImdb/train/pos/1_1.txt"):  # folders instead of files
        (tmp_path / file).mkdir(parents=True)
    for link, goal in (("loop", "loop"), ("dangling", "nothing")):
        (tmp_path / link).symlink_to(tmp_path / goal)
    odd = [tmp_path, tmp_path / "loop", tmp_path / "dangling", *filter(str.strip, ODD_TEXTS)]
    for source in odd:
        assert load_if_valid(name, source) is None
        datasets.is_available(name, str(source))


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A mirror of both publishers."""
    files = {
        "imdb.tar.gz": archive(tmp_path / "imdb.tar.gz", REVIEWS).read_bytes(),
        **{f"ag/{file.name}": file.read_bytes() for file in csvs(tmp_path / "ag").iterdir()},
    }
    with FileServer(files) as server:
        monkeypatch.setenv("UNFREEZE_IMDB_URL", f"{server.url}/imdb.tar.gz")
        monkeypatch.setenv("UNFREEZE_AG_NEWS_URL", f"{server.url}/ag/")
        yield server


@both
def test_files_are_downloaded_once(server, name):
    events: list[Event] = []
    assert not datasets.is_available(name)
    dataset = drain(datasets.load(name), events.append)
    assert datasets.is_available(name)
    phases = [event.phase for event in events if isinstance(event, Progress)]
    assert phases[0] == "downloading"
    assert dataset.source.startswith(server.url)
    count = len(server.requests)
    assert load(name).fingerprint == dataset.fingerprint
    assert len(server.requests) == count
    for file in datasets.download_paths(name):
        file.write_bytes(file.read_bytes().replace(b"oal", b"oat") + b"\n")
    assert load(name).fingerprint == dataset.fingerprint


def test_downloads_are_verified(server, monkeypatch):
    valid = server.files["imdb.tar.gz"]
    server.files["imdb.tar.gz"] = b"<html>please log in</html>"
    with pytest.raises(UnfreezeError, match="is damaged, or is cut short"):
        load("imdb")
    server.files["imdb.tar.gz"] = valid
    with monkeypatch.context() as patch:
        patch.setitem(imdb.SPEC.checksums, paths.imdb_url(), (len(valid), "0" * 32))
        with pytest.raises(UnfreezeError, match="arrived damaged"):
            load("imdb")
    assert len(load("imdb").train.texts) == 3
    for name in ("IMDB", "AG_NEWS"):
        monkeypatch.delenv(f"UNFREEZE_{name}_URL")
    for spec in (imdb.SPEC, ag_news.SPEC):
        assert set(spec.checksums) == set(spec.files().values())


def of_size(size: int, val_rows: tuple[int, ...] = ()) -> datasets.TextDataset:
    """A dataset of as many training texts."""
    train = datasets.Texts(["x"] * size, [0] * size)
    about = ("here", False, "0123")
    return datasets.TextDataset(
        "x", "X", ("a", "b"), train, train, *about, datasets.Reading(), val_rows
    )


@given(size=st.integers(2, 3000), seed=st.integers(0, 2**31 - 1), limit=st.integers(0, 4000))
def test_split_has_each_row_once_and_the_limit_keeps_validation(size, seed, limit):
    train, val = datasets.split(of_size(size), seed)
    assert sorted(train + val) == list(range(size))
    assert len(val) == max(1, size - int(size * 0.95))
    limited, same = datasets.split(of_size(size), seed, limit)
    assert same == val
    assert limited == train[: limit or size]


def test_split_depends_on_the_seed_only_and_its_fingerprint_on_the_parts():
    thousand = of_size(1000)
    assert datasets.split(thousand, 7) == datasets.split(thousand, 7) != datasets.split(thousand, 8)
    # Else earlier runs would no longer be comparable.
    assert datasets.split(of_size(25_000), 0)[1][:3] == [867, 16457, 6635]
    with pytest.raises(UnfreezeError, match="at least two"):
        datasets.split(of_size(1), 0)
    dataset = load("sample")
    train, val = datasets.split(dataset, 0)
    fingerprint = datasets.split_fingerprint(dataset, train, val)
    assert fingerprint == datasets.split_fingerprint(dataset, train[::-1], val), "in any order"
    for other in ((train[:-1], val), (val, train)):
        assert fingerprint != datasets.split_fingerprint(dataset, *other)


@given(size=st.integers(3, 300), seed=st.integers(0, 99), data=st.data())
def test_a_validation_part_of_the_data_holds_for_every_seed(size, seed, data):
    rows = data.draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=size - 1))
    dataset = of_size(size, tuple(sorted(rows)))
    train, val = datasets.split(dataset, seed)
    assert val == sorted(rows) and sorted(train + val) == list(range(size))
    assert datasets.split(dataset, seed, 5)[0] == train[:5], "samples of a limit are nested"


@pytest.mark.parametrize(
    ("name", "source", "counts"),
    [("imdb", "aclImdb.tar.gz", [12_500] * 2), ("ag_news", "ag_news_csv", [1900] * 4)],
)
def test_published_files_are_read(shared_data, name, source, counts):
    events: list[Event] = []
    dataset = drain(datasets.load(name, str(shared_data / source)), events.append)
    assert [dataset.test.labels.count(label) for label in range(len(counts))] == counts
    assert not any("\\" in text for text in dataset.test.texts) or name == "imdb"
    assert isinstance(events[-1], Progress) and events[-1].total in (None, events[-1].done)
