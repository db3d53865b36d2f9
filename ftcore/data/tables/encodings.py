"""The encoding of a text file, from a sample of it or as a user names it."""

import codecs

from ftcore.data import decoding
from ftcore.errors import UnfreezeError, UsageError
from ftcore.validation import printable


def recognize(sample: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    """Return the encoding of the file that a sample is from, and what to say about it.

    Raises UnfreezeError if it is no text.
    """
    marked, _ = decoding.marked(sample)
    if marked:
        return marked, ()
    whole = sample[: len(sample) // 4 * 4]  # whole characters of UTF-16 and UTF-32
    if 0 not in sample:
        whole = sample[: sample.rfind(b"\n") + 1] or sample
    try:
        decoded = decoding.decode([whole], [name], "files")
    except UnfreezeError:
        encoding = _guess(whole)
        if not encoding:
            raise
        return encoding, (
            f"{name} was read in the encoding {encoding}, which is a guess: "
            "name another one if its texts look wrong.",
        )
    return decoded.encoding or decoding.UTF_8, decoded.notes


def check(encoding: str) -> str:
    """Return Python's name of an encoding that a user gives. Raises UsageError if it is of no text."""
    try:
        "".encode(encoding)  # LookupError also for codecs that are not of text, such as rot13
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise UsageError(
            f"There is no encoding {printable(encoding)!r}: give one such as utf-8, cp1252 or utf-16."
        ) from None


def _guess(sample: bytes) -> str:
    """Return the encoding that charset-normalizer finds most likely; "" if it finds none."""
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best() if 0 not in sample else None
    return codecs.lookup(best.encoding).name if best else ""


def decode(sample: bytes, encoding: str) -> str:
    """Return the text of a sample, whose last character may be cut in two.

    Raises UsageError if it lacks the mark that its encoding begins with.
    """
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    try:
        return decoder.decode(sample).removeprefix("\ufeff")
    except UnicodeError:
        raise UsageError(
            f"The file does not begin like one in {encoding}: name another encoding."
        ) from None
