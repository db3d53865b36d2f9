"""Word vectors: reading a file of them, and fetching the first words of GloVe."""

import contextlib
import gzip
import io
import lzma
import re
import uuid
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import IO, Any, BinaryIO

import torch

from ftcore import paths, validation
from ftcore.data import archives, decoding, folders
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Progress, Task
from ftcore.storage import downloads
from ftcore.text.words import SPECIALS

_LINES = 1000  # vectors between two yields
_MAX_LINE = 100_000  # bytes; a longer line is not a word and its vector
_START = 4096  # bytes in which an encoding shows; a multiple of every character's width
_MIN_DIM = 3
_MOST_UNDECODED = 0.1  # of the words; more of them are of another encoding, not damaged
_HEADER = re.compile(rb"(\d{1,12})[ \t]+(\d{1,5})\s*")  # of word2vec: words, dimensions
_EXPECTED = "give a text file such as glove.6B.100d.txt, a word and its numbers on each line."


def load_vectors(path: Path, words: int) -> Task[tuple[list[str], torch.Tensor, list[str]]]:
    """Return the first `words` words of a GloVe, word2vec or fastText text file, their vectors, and notes.

    Vectors are float32 [words, dim]. A repeated word counts once. The file may be compressed, or the only
    one in a zip. Raises UnfreezeError.
    """
    names: list[str] = []
    undecoded: dict[int, bytes] = {}  # words that are not UTF-8, by row
    parts: list[torch.Tensor] = []
    notes: list[str] = []
    name = validation.printable(str(path))
    try:
        with _open(path) as raw_lines:
            lines = _checked_lines(name, raw_lines, words, notes)
            while chunk := list(islice(lines, _LINES)):
                names += _decode_words([fields[0] for fields in chunk], len(names), undecoded)
                numbers = map(float, chain.from_iterable(fields[1:] for fields in chunk))
                parts.append(torch.tensor(list(numbers)).reshape(len(chunk), -1))
                yield Progress("vectors", len(names), words, "words")
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        what = "cut short" if isinstance(error, EOFError) else "damaged"
        raise _incomplete(name, len(names) + 1, len(names), what) from error
    except (NotImplementedError, RuntimeError) as error:  # of zipfile
        raise UnfreezeError(f"{name} cannot be unpacked here ({error}): unpack it.") from error
    except OSError as error:
        reason = error.strerror or "damaged"
        raise UnfreezeError(f"{name} cannot be read ({reason}): correct it.") from error
    except ValueError as error:
        reason = validation.printable(str(error))
        raise UnfreezeError(f"{name} holds no word vectors ({reason}): {_EXPECTED}") from error
    dropped = _resolve(name, names, undecoded, notes)
    vectors = torch.cat(parts) if names else torch.empty(0)
    # Checkpoints store half precision, so a value that overflows it is of no use.
    rounded = vectors.half()
    if not rounded.any():
        raise UnfreezeError(f"{name} holds no usable word vectors: {_EXPECTED}")
    if len(bad := (~rounded.isfinite()).any(1).nonzero()):
        word = validation.printable(names[int(bad[0])])
        raise UnfreezeError(
            f"The vector of {word!r} in {name} has a value that is no number, or beyond 65,504: correct or "
            "remove that line."
        )
    rows_by_word = {word: row for row, word in reversed(list(enumerate(names)))}
    rows = sorted(
        row for word, row in rows_by_word.items() if word not in SPECIALS and row not in dropped
    )
    if not rows:
        raise UnfreezeError(f"{name} holds no usable word vectors: {_EXPECTED}")
    return [names[row] for row in rows], vectors[rows], notes


def fetch_glove(words: int, dim: int = 100) -> Task[Path]:
    """Return a file with the first `words` words of GloVe 6B. Raises UnfreezeError.

    Only their part of the 862 MB is downloaded, unless the server does not support ranges.
    """
    if dim not in (50, 100, 200, 300):
        raise UsageError(f"GloVe 6B has no {dim} dimensions: choose 50, 100, 200 or 300.")
    url = paths.glove_url()
    member = f"glove.6B.{dim}d.txt"
    target = paths.downloads_dir() / f"glove.6B.{dim}d.first-{words}.txt"
    with downloads.explain_errors(url, target.parent):
        if downloads.is_intact(target):
            return target
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


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Iterator[bytes]]:
    """Yield the lines of a text file, in UTF-8 and without its byte order mark."""
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        content: Any = archives.decompressed(file)
        if file.peek(4).startswith(archives.ZIP):
            content = stack.enter_context(
                _only_member(path, stack.enter_context(zipfile.ZipFile(file)))
            )
        # What compressed files are read by are raw streams in all but name.
        lines = file if content is file else io.BufferedReader(content)
        start = lines.peek(_START)[:_START]
        encoding, mark = decoding.marked(start)
        if not encoding and 0 in start:
            encoding = decoding.by_zeros(start)
        if kind := archives.kind_of(start):
            raise UnfreezeError(
                f"{validation.printable(str(path))} holds a {kind} file: unpack it."
            )
        lines.read(len(mark))
        if encoding in ("", decoding.UTF_8):
            yield iter(lambda: lines.readline(_MAX_LINE), b"")
        else:
            texts = io.TextIOWrapper(lines, encoding, newline="\n")
            yield (text.encode() for text in iter(lambda: texts.readline(_MAX_LINE), ""))


def _only_member(path: Path, archive: zipfile.ZipFile) -> IO[bytes]:
    members = [
        name
        for name in archive.namelist()
        if not name.endswith("/") and all(map(folders.is_visible, name.split("/")))
    ]
    if len(members) != 1:
        shown = validation.printable(", ".join(members) or "none")
        raise UnfreezeError(
            f"{validation.printable(str(path))} does not hold one file ({shown}): unpack the one that "
            "you want."
        )
    return archive.open(members[0])


def _checked_lines(
    name: str, lines: Iterable[bytes], words: int, notes: list[str]
) -> Iterator[list[bytes]]:
    """Yield the first `words` lines as a word and as many numbers as the first line has.

    The word ends at the first white space. Only where there are more fields than numbers, what stands
    before the numbers is a word with spaces, as GloVe 840B has; a number in it is a further column, or
    another line. Blank lines are skipped.
    """
    dim = count = announced = 0
    for number, line in enumerate(lines, start=1):
        if count == words:
            return
        if number == 1 and (header := _HEADER.fullmatch(line)):
            announced, dim = int(header[1]), int(header[2])
            continue
        if not (fields := line.split()):
            continue
        dim = dim or _trailing_numbers(fields)
        if dim + 1 < len(fields) and not any(map(_is_number, fields[:-dim])):
            fields[:-dim] = [b" ".join(fields[:-dim])]
        is_whole = line.endswith(b"\n")
        if len(fields) <= dim and not is_whole and len(line) < _MAX_LINE:
            raise _incomplete(name, number, count)
        # A line that starts with a space has no word: the beginning of the file is missing.
        is_vector = len(fields) == dim + 1 >= _MIN_DIM + 1 and not line[:1].isspace()
        if not is_vector or 0 in line or len(line) == _MAX_LINE:
            binary = announced and 0 in line
            found = "numbers in word2vec's binary form" if binary else f"{len(fields) - 1} fields"
            raise UnfreezeError(
                f"{name} holds no word vector on line {number}, a word and {max(dim, _MIN_DIM)} "
                f"numbers, but {found}: {_EXPECTED}"
            )
        count += 1
        yield fields
        if not is_whole:
            notes.append(f"{name} ends without a line break, so its last number may be cut short.")
    if count < announced:
        raise _incomplete(name, count + 1, count)


def _trailing_numbers(fields: list[bytes]) -> int:
    return sum(1 for _ in takewhile(_is_number, reversed(fields[1:])))


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _incomplete(name: str, line: int, count: int, what: str = "cut short") -> UnfreezeError:
    less = f", or ask for at most {count:,} words" if count else ""
    return UnfreezeError(f"{name} is {what} at line {line}: fetch it again{less}.")


def _decode_words(words: list[bytes], first: int, undecoded: dict[int, bytes]) -> list[str]:
    """Return words as text; add those that are not UTF-8 to `undecoded` by row, from `first` on."""
    try:
        return b"\n".join(words).decode().split("\n")
    except UnicodeDecodeError:
        texts = [word.decode("utf-8", "replace") for word in words]
        for row, (word, text) in enumerate(zip(words, texts, strict=True), start=first):
            if text.encode() != word:
                undecoded[row] = word
        return texts


def _resolve(
    name: str, names: list[str], undecoded: dict[int, bytes], notes: list[str]
) -> set[int]:
    """Read words that are not UTF-8 in their encoding if it is certain; return the rows of the others."""
    if not undecoded:
        return set()
    count = f"{len(undecoded):,} of {len(names):,} words of {name}"
    if western := decoding.western_words(list(undecoded.values())):
        for row, word in zip(undecoded, western, strict=True):
            names[row] = word
        notes.append(f"{count} were read in the encoding {decoding.TITLES[decoding.WESTERN]}.")
        return set()
    if len(undecoded) > _MOST_UNDECODED * len(names):
        raise UnfreezeError(f"The encoding of {name} is not certain: save it as UTF-8.")
    notes.append(f"{count} did not fit the encoding and were left out.")
    return set(undecoded)


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
        downloads.keep(part, target)
    except (KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise UnfreezeError(
            f"{paths.glove_url()} is no zip with {member}, or is damaged: give a vectors file."
        ) from error
    finally:
        part.unlink(missing_ok=True)
