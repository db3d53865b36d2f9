import pytest
import requests

from tests.helpers.file_server import FileServer
from tests.helpers.waiting import PATIENCE


@pytest.mark.parametrize(
    ("requested", "status", "content"),
    [
        ("bytes=2-", 206, b"cdef"),
        ("bytes=1-2", 206, b"bc"),
        ("bytes=-2", 206, b"ef"),
        ("bytes=-9", 200, b"abcdef"),
        ("bytes=-", 200, b"abcdef"),
        ("bytes=-0", 416, None),
        ("bytes=6-", 416, None),
    ],
)
def test_a_range_is_served_or_refused(requested, status, content):
    with FileServer({"f": b"abcdef"}) as server:
        answer = requests.get(f"{server.url}/f", headers={"Range": requested}, timeout=PATIENCE)
    assert answer.status_code == status
    assert content in (None, answer.content)
