"""The lines of "Use it", run as they are shown, but for the port, against an endpoint."""

import shutil
import subprocess
import sys

import pytest

from ftcore.serving import snippets
from tests.helpers.endpoints import served, small_model
from tests.helpers.waiting import PATIENCE

TEXT = 'It\'s "good": a good film, \N{THUMBS UP SIGN} sch\xf6n $HOME'
RUN = {
    "Python": [sys.executable, "-c"],
    "curl": ["sh", "-c"],
    "JavaScript": ["node", "--input-type=module", "-e"],
}


@pytest.fixture(scope="module")
def port():
    with served(small_model()) as address:
        yield address.rpartition(":")[2]


@pytest.mark.parametrize("language", RUN)
def test_five_lines_work_as_pasted(port, language):
    if not shutil.which(RUN[language][0]):
        pytest.skip(f"no {language} here")
    lines = snippets.snippets(TEXT)[language]
    assert len(lines.splitlines()) <= 5 and f":{snippets.PORT}/" in lines
    program = lines.replace(f":{snippets.PORT}/", f":{port}/")
    done = subprocess.run(
        [*RUN[language], program], capture_output=True, text=True, timeout=PATIENCE
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "negative" in done.stdout and "0.95" in done.stdout  # a score of 3, of known words
