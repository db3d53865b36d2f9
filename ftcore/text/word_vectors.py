"""Word vectors: reading a file of them, and fetching the first words of GloVe."""

import contextlib
import re
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import torch

from ftcore import paths, validation
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Progress, Task
from ftcore.storage import downloads
from ftcore.text.vocabulary import SPECIALS

_LINES = 1000  # vectors between two yields
_MAX_LINE = 100_000  # bytes; a longer line is not a word and its vector
_HEADER = re.compile(rb"(\d{1,12}) (\d{1,5})\s*")  # of word2vec: words, dimensions
_EXPECTED = "give a text file such as glove.6B.100d.txt, a word and its numbers on each line."


def load_vectors(path: Path, words: int) -> Task[tuple[list[str], torch.Tensor]]:
    """Return the first `words` words of a GloVe or word2vec text file, and their vectors.

    Vectors are float32 [words, dim]. A repeated word counts once, a word that is not UTF-8 is skipped.
    Raises UnfreezeError.
    """
    names: list[str] = []
    parts: list[torch.Tensor] = []
    name = validation.printable(str(path))
    try:
        with path.open("rb") as file:
            lines = _checked_lines(name, file, words)
            while chunk := list(islice(lines, _LINES)):
                chunk_names, chunk_vectors = _parse(chunk)
                names += chunk_names
                parts.append(chunk_vectors)
                yield Progress("vectors", len(names), words, "words")
    except OSError as error:
        raise UnfreezeError(f"{name} cannot be read ({error.strerror}): correct it.") from error
    except ValueError as error:
        reason = validation.printable(str(error))
        raise UnfreezeError(f"{name} holds no word vectors ({reason}): {_EXPECTED}") from error
    vectors = torch.cat(parts) if names else torch.empty(0)
    # Checkpoints store half precision, so a value that overflows it is of no use.
    if not names or not vectors.half().isfinite().all():
        raise UnfreezeError(f"{name} holds no usable word vectors: {_EXPECTED}")
    rows_by_word = {word: row for row, word in reversed(list(enumerate(names)))}
    rows = sorted(row for word, row in rows_by_word.items() if word not in SPECIALS)
    return [names[row] for row in rows], vectors[rows]


def fetch_glove(words: int, dim: int = 100) -> Task[Path]:
    """Return a file with the first `words` words of GloVe 6B. Raises UnfreezeError.

    Only their part of the 862 MB is downloaded, unless the server does not support ranges.
    """
    if dim not in (50, 100, 200, 300):
        raise UsageError(f"GloVe 6B has no {dim} dimensions: choose 50, 100, 200 or 300.")
    url = paths.glove_url()
    member = f"glove.6B.{dim}d.txt"
    target = paths.downloads_dir() / f"glove.6B.{dim}d.first-{words}.txt"
    if target.exists():
        return target
    with downloads.explain_errors(url, target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with downloads.open_remote(url) as remote:
                yield from _extract_head(remote, member, words, target)
        except downloads.RangesUnsupported:
            archive = paths.downloads_dir() / "glove.6B.zip"
            yield from downloads.fetch(url, archive)
            try:
                with archive.open("rb") as file:
                    yield from _extract_head(file, member, words, target)
            except UnfreezeError:
                archive.unlink(missing_ok=True)
                raise
    return target


def _checked_lines(name: str, file: BinaryIO, words: int) -> Iterator[bytes]:
    """Yield the first `words` lines, each a word and as many values as the first line has."""
    dim = count = announced = 0
    for number, line in enumerate(iter(lambda: file.readline(_MAX_LINE), b""), start=1):
        if count == words:
            return
        if number == 1 and (header := _HEADER.fullmatch(line)):
            announced, dim = int(header[1]), int(header[2])
            continue
        values = line.rstrip().count(b" ")
        dim = dim or values
        if not line.endswith(b"\n") and len(line) < _MAX_LINE:
            raise _cut_short(name, number, count)
        # A line that starts with a space has no word: the beginning of the file is missing.
        if values != dim or dim < 3 or line.startswith(b" "):
            raise UnfreezeError(f"{name} holds no word vector on line {number}: {_EXPECTED}")
        count += 1
        yield line
    if count < announced:
        raise _cut_short(name, count + 1, count)


def _cut_short(name: str, line: int, count: int) -> UnfreezeError:
    less = f", or ask for at most {count:,} words" if count else ""
    return UnfreezeError(f"{name} is cut short at line {line}: fetch it again{less}.")


def _parse(lines: list[bytes]) -> tuple[list[str], torch.Tensor]:
    """Return the words of some lines and their vectors, float32 [words, dim]."""
    names: list[str] = []
    values: list[float] = []
    for line in lines:
        word, *numbers = line.rstrip().split(b" ")
        with contextlib.suppress(UnicodeDecodeError):
            names.append(word.decode())
            values += map(float, numbers)
    return names, torch.tensor(values).reshape(len(names), len(numbers))


def _extract_head(archive: BinaryIO, member: str, words: int, target: Path) -> Task[None]:
    """Write the first lines of a zip's member to `target`; a failure leaves no file."""
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        unpacked = zipfile.ZipFile(archive)
        with unpacked, unpacked.open(member) as lines, part.open("wb") as copy:
            start = archive.tell()
            for count, line in enumerate(islice(lines, words), start=1):
                copy.write(line)
                if count % _LINES == 0:
                    done = archive.tell() - start
                    yield Progress("downloading", done, done * words / count, "bytes")
        part.replace(target)
    except (KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise UnfreezeError(
            f"{paths.glove_url()} is no zip with {member}, or is damaged: give a vectors file."
        ) from error
    finally:
        part.unlink(missing_ok=True)
