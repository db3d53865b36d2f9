"""Bytes of any encoding as UTF-8, with a mark in place of what does not fit the encoding."""

import codecs
import io
from typing import BinaryIO

MARK = "\ufdd0"  # a code point that no text has, for bytes that are not of the encoding
_ERRORS = "unfreeze-mark"
_BLOCK = 1 << 20  # bytes
_BYTE_ORDER_MARK = "\ufeff"

codecs.register_error(_ERRORS, lambda error: (MARK, _end(error)))


class Utf8Stream(io.RawIOBase):
    """A stream of valid UTF-8; `marked` says whether anything had to be marked so far."""

    def __init__(self, content: BinaryIO | io.RawIOBase, encoding: str) -> None:
        self._content = content
        self._decoder = codecs.getincrementaldecoder(encoding)(_ERRORS)
        self._ready = memoryview(b"")
        self._started = self._ended = False
        self.marked = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        while not self._ready and not self._ended:
            block = self._content.read(_BLOCK)
            self._ended = not block
            text = self._decoder.decode(block or b"", self._ended)
            if not self._started:
                text, self._started = text.removeprefix(_BYTE_ORDER_MARK), bool(text)
            self.marked = self.marked or MARK in text
            self._ready = memoryview(text.encode("utf-8", "replace"))
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def _end(error: UnicodeError) -> int:
    assert isinstance(error, UnicodeDecodeError)
    return error.end
