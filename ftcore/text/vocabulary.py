"""Texts to token ids, and words to vectors: the one importer of torchtext."""

import re
import ssl
import tempfile
import uuid
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice, repeat
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
import torchtext.vocab
from torchtext.data.utils import get_tokenizer
from torchtext.vocab import (
    Vectors,
    Vocab as Vocab,  # the type of a vocabulary, for other modules
)

from ftcore import paths, validation
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.storage import downloads

SPECIALS = ("<unk>", "<pad>")
UNK, PAD = 0, 1  # their ids

# torchtext draws a bar on stderr, and turns off the check of certificates for the whole process.
torchtext.vocab.tqdm = partial(torchtext.vocab.tqdm, disable=True)
_VERIFYING = ssl._create_default_https_context

_CHUNK = 64  # texts between two yields, some milliseconds of work under the GIL
_BLOCK = 1 << 20  # bytes of GloVe in one request
_LINES = 1000  # vectors between two yields
_LONGEST_LINE = 100_000  # bytes; a longer one is no word with its vector
_HEADER = re.compile(rb"(\d{1,12}) (\d{1,5})\s*")

_EXPECTED = "give a text file such as glove.6B.100d.txt, a word and its numbers on each line."

_basic_english = get_tokenizer("basic_english")


def tokenize(text: str) -> list[str]:
    """Lower-case words and punctuation marks, as the lesson's `basic_english` splits them."""
    tokens: list[str] = _basic_english(text)
    return tokens


def vocab_from_tokens(tokens: Sequence[str]) -> Vocab:
    """The vocabulary whose ids are the positions in `tokens`, which starts with SPECIALS."""
    if tuple(tokens[: len(SPECIALS)]) != SPECIALS:
        raise UnfreezeError(f"A vocabulary must start with {' and '.join(SPECIALS)}.")
    if len(set(tokens)) < len(tokens):
        word, times = Counter(tokens).most_common(1)[0]
        raise UnfreezeError(
            f"A vocabulary must hold each word once, but has {validation.printable(word)!r} {times} times."
        )
    return Vocab(Counter(), specials=list(tokens))


def encode(
    texts: Sequence[str], vocab: Vocab, max_length: int | None
) -> Task[tuple[np.ndarray, np.ndarray]]:
    """The ids of all texts in a row (int32) and where each starts (int64, one more at the end).

    Every text has at least one token, <unk> where there is nothing in it, and at most `max_length`.
    """
    known = vocab.stoi.get  # stoi[...] would add each unknown word
    parts = [np.empty(0, np.int32)]
    offsets = np.zeros(len(texts) + 1, np.int64)
    for start in range(0, len(texts), _CHUNK):
        ids: list[int] = []
        for row, text in enumerate(texts[start : start + _CHUNK], start=start + 1):
            ids += map(known, tokenize(text)[:max_length] or SPECIALS[:1], repeat(UNK))
            offsets[row] = offsets[start] + len(ids)
        part = np.array(ids, np.int32)
        part[part == PAD] = UNK  # nobody's "<pad>" is padding
        parts.append(part)
        yield Progress("encoding", min(start + _CHUNK, len(texts)), len(texts), "texts")
    return np.concatenate(parts), offsets


def load_vectors(path: Path, words: int) -> Task[tuple[list[str], torch.Tensor]]:
    """The first `words` words of a GloVe or word2vec text file, and their vectors [n, dim] (float32).

    A word that stands there twice counts once. Raises UnfreezeError.
    """
    names: list[str] = []
    parts: list[torch.Tensor] = []
    shown = validation.printable(str(path))
    try:
        with path.open("rb") as file, tempfile.TemporaryDirectory() as folder:
            lines = _checked_lines(shown, file, words)
            # In parts, as torchtext takes a file in one go, and keeps a copy that outlives changes.
            for part in iter(lambda: list(islice(lines, _LINES)), []):
                copy = Path(folder, f"{len(parts)}.txt")
                copy.write_bytes(b"".join(part))
                vectors = _read(copy)
                names += vectors.itos
                parts.append(vectors.vectors[: len(vectors.itos)])
                yield Progress("vectors", len(names), words, "words")
    except OSError as error:
        raise UnfreezeError(f"{shown} cannot be read ({error.strerror}): correct it.") from error
    except ValueError as error:
        reason = validation.printable(str(error))
        raise UnfreezeError(f"{shown} holds no word vectors ({reason}): {_EXPECTED}") from error
    # They are kept in half precision, so what is infinite there is of no use here.
    if not names or not all(part.half().isfinite().all() for part in parts):
        raise UnfreezeError(f"{shown} holds no usable word vectors: {_EXPECTED}")
    first = {word: row for row, word in reversed(list(enumerate(names))) if word not in SPECIALS}
    rows = sorted(first.values())
    return [names[row] for row in rows], torch.cat(parts)[rows]


def fetch_glove(words: int, dim: int = 100) -> Task[Path]:
    """A file of the first `words` words of GloVe 6B, which are its most frequent.

    Only their part of the 862 MB is downloaded, unless the server cannot send parts.
    """
    if dim not in (50, 100, 200, 300):
        raise UnfreezeError(f"GloVe 6B has no {dim} dimensions: choose 50, 100, 200 or 300.")
    url = paths.glove_url()
    member = f"glove.6B.{dim}d.txt"
    target = paths.downloads_dir() / f"glove.6B.{dim}d.first-{words}.txt"
    if target.exists():
        return target
    with downloads.explain_errors(url, target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield from _fetch_head(url, member, words, target)
        except (FileNotFoundError, ValueError):
            # No such file, or no parts of it: the plain download says why, or gets it.
            archive = paths.downloads_dir() / "glove.6B.zip"
            yield from downloads.fetch(url, archive)
            try:
                with archive.open("rb") as file:
                    yield from _copy_head(file, member, words, target)
            except UnfreezeError:
                archive.unlink(missing_ok=True)
                raise
    return target


def _fetch_head(url: str, member: str, words: int, target: Path) -> Task[None]:
    import aiohttp
    import fsspec  # type: ignore[import-untyped]

    connect, read = downloads.TIMEOUT
    timeout = aiohttp.ClientTimeout(sock_connect=connect, sock_read=read)
    client = {"trust_env": True, "timeout": timeout}
    try:
        with fsspec.open(
            url, block_size=_BLOCK, cache_type="readahead", client_kwargs=client
        ) as file:
            yield from _copy_head(file, member, words, target)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise UnfreezeError(
            f"The download from {url} broke off: start it again, "
            "or give the path of a file of word vectors on this machine."
        ) from error


def _checked_lines(name: str, file: BinaryIO, words: int) -> Iterator[bytes]:
    """The first `words` lines, each a word and as many values as the first one has."""
    size = count = said = 0
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), start=1):
        if count == words:
            return
        if number == 1 and (header := _HEADER.fullmatch(line)):  # of word2vec
            said, size = int(header[1]), int(header[2])
            continue
        values = line.rstrip().count(b" ")
        size = size or values
        if not line.endswith(b"\n") and len(line) < _LONGEST_LINE:
            raise _cut_short(name, number, count)
        # With fewer, torchtext sees no vectors; without a word, the file's beginning is cut off.
        if values != size or size < 3 or line.startswith(b" "):
            raise UnfreezeError(f"{name} holds no word vector on line {number}: {_EXPECTED}")
        count += 1
        yield line
    if count < said:
        raise _cut_short(name, count + 1, count)


def _cut_short(name: str, line: int, count: int) -> UnfreezeError:
    less = f", or ask for at most {count:,} words" if count else ""
    return UnfreezeError(f"{name} is cut short at line {line}: fetch it again{less}.")


def _read(file: Path) -> Vectors:
    try:
        return Vectors(str(file), cache=str(file.parent))
    finally:
        ssl._create_default_https_context = _VERIFYING


def _copy_head(archive: BinaryIO, member: str, words: int, target: Path) -> Task[None]:
    """Write the first lines of a zip's member to `target`, whole or not at all."""
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        with (
            zipfile.ZipFile(archive) as unpacked,
            unpacked.open(member) as lines,
            part.open("wb") as copy,
        ):
            start = archive.tell()
            for count, line in enumerate(islice(lines, words), start=1):
                copy.write(line)
                if count % _LINES == 0:
                    done = archive.tell() - start
                    yield Progress("downloading", done, done * words / count, "bytes")
        part.replace(target)
    except (KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise UnfreezeError(
            f"{paths.glove_url()} is no zip with {member}, or is damaged: "
            "give the path of a file of word vectors instead."
        ) from error
    finally:
        part.unlink(missing_ok=True)
