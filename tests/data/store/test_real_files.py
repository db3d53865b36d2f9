"""The real datasets, written as the CSV files of strangers and added as their owners would."""

import pyarrow.parquet as pq
import pytest

from tests.helpers import messy_tables
from tests.helpers.messy_tables import GERMAN_EXCEL, PANDAS, WINDOWS, Sins
from tests.helpers.own_data import add


def spaces_aside(texts):
    return [" ".join(text.split()) for text in texts]


@pytest.mark.parametrize("sins", [GERMAN_EXCEL, PANDAS, WINDOWS], ids=["de", "pd", "win"])
def test_imdb_with_a_class_of_two_texts(shared_data, tmp_path, sins):
    rows = messy_tables.with_rare_class(messy_tables.imdb(shared_data, 800))
    if sins.split:
        rows = messy_tables.with_copies_across_split(rows, 20)
    added = add(messy_tables.write(tmp_path / "imdb.csv", rows, sins))
    assert added.labels == ("mixed", "neg", "pos")
    assert added.left_out == ({"copy across the split": 20} if sins.split else {})
    kinds = {finding["kind"]: finding["count"] for finding in added.findings}
    assert kinds["few-examples"] == 1
    assert kinds.get("copies-across-split", 0) == (20 if sins.split else 0)
    texts = pq.read_table(added.texts, columns=["text"])["text"].to_pylist()
    written = [row.text.encode(sins.encoding, "replace").decode(sins.encoding) for row in rows]
    assert spaces_aside(texts) == spaces_aside(written[: len(texts)])


def test_ag_news_by_tabs_with_untidy_topics(shared_data, tmp_path):
    rows = messy_tables.ag_news(shared_data, 1000)
    sins = Sins(delimiter="\t", untidy_labels=True, index=True, split=True)
    added = add(messy_tables.write(tmp_path / "ag.tsv", rows, sins))
    assert len(added.labels) == 4 and sum(added.sizes.values()) == 2000
    assert {label.lower() for label in added.labels} == {name.lower() for name in messy_tables.NEWS}
    assert not {"language", "few-examples"} & {finding["kind"] for finding in added.findings}
