"""A JSON document read value by value, by Python's parser, so that memory does not grow with the file."""

import json
from collections.abc import Iterator
from typing import Any, Protocol

from ftcore.data.tables import json_values

_CHUNK = 1 << 20  # characters
_NEAR_END = (
    12  # characters: a value that fails so close to the end of what is read may be cut there
)
_SPACE = " \t\n\r"


class TextStream(Protocol):
    def read(self, size: int, /) -> str: ...


class JsonDocument:
    """The values of an array or an object, one at a time; numbers are texts, as they are written.

    All methods raise ValueError where the document is no JSON, or ends too early, and say at which character.
    """

    def __init__(self, stream: TextStream) -> None:
        self._stream = stream
        self._decoder = json.JSONDecoder(**json_values.PARSE_AS_WRITTEN)
        self._text = ""
        self._position = 0
        self._forgotten = 0  # characters before `_text`
        self._is_whole = False  # nothing follows `_text`

    def peek(self) -> str:
        """Return the next character that is no space; "" at the end."""
        while True:
            while self._position < len(self._text):
                if (character := self._text[self._position]) not in _SPACE:
                    return character
                self._position += 1
            if self._is_whole:
                return ""
            self._read_more()

    def fields(self) -> Iterator[str]:
        """Yield the keys of the object that begins here; each one's value is to be read next."""
        for _ in self._members("{", "}"):
            key = self.value()
            self._expect(":")
            yield str(key)

    def values(self) -> Iterator[Any]:
        """Yield the values of the array or the object that begins here."""
        if self.peek() == "[":
            return (self.value() for _ in self._members("[", "]"))
        return (self.value() for _ in self.fields())

    def value(self) -> Any:
        """Return the value that begins here."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._position)
            except json.JSONDecodeError as error:
                is_cut = error.pos > len(self._text) - _NEAR_END or "Unterminated" in error.msg
                if self._is_whole or not is_cut:
                    raise self._fault(json_values.fault(error), error.pos) from None
            except RecursionError:
                raise self._fault("nested too deeply", self._position) from None
            else:
                if end < len(self._text) or self._is_whole:  # a number may go on
                    self._position = end
                    return value
            self._read_more()

    def _members(self, start: str, end: str) -> Iterator[None]:
        """Walk from the start to the end of an array or object, and stop before each member."""
        self._expect(start)
        while self.peek() != end:
            yield
            if self.peek() != end:
                self._expect(",")
        self._expect(end)

    def _expect(self, character: str) -> None:
        if self.peek() != character:
            found = repr(self.peek()) if self.peek() else "the end"
            raise self._fault(f"{found} in place of {character!r}", self._position)
        self._position += 1

    def _fault(self, what: str, position: int) -> ValueError:
        return ValueError(f"{what} at character {self._forgotten + position + 1:,}")

    def _read_more(self) -> None:
        """Read as much again as there is, and forget what lies behind."""
        rest = self._text[self._position :]
        self._forgotten += self._position
        more = self._stream.read(max(_CHUNK, len(rest)))
        self._text, self._position, self._is_whole = rest + more, 0, not more
