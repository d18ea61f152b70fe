"""Server-sent events, sans IO: bytes in, the data of events out (WHATWG HTML, 9.2.6 "Interpreting an event stream").

Lines end with LF, CR or CRLF and with nothing else: JSON may hold U+2028 and its like, at which str.splitlines would
break it. Only `data` is kept; `event`, `id`, `retry` and comments have no use here.
"""

from __future__ import annotations

import codecs
from typing import Final

# An event of a chat stream has a few hundred characters; what goes on beyond this is no such stream.
MAX_CHARACTERS: Final = 1 << 20


class EventTooLong(ValueError):
    """An event went beyond MAX_CHARACTERS."""


class EventParser:
    """Takes the body of one response in any pieces. Raises UnicodeDecodeError for what is no UTF-8, EventTooLong."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._line = ""
        self._data: list[str] = []
        self._length = 0
        self._after_cr = False

    def feed(self, body: bytes, last: bool = False) -> list[str]:
        """The data of each event that `body` completes. An event not closed by an empty line is none (per the rule)."""
        text = self._decoder.decode(body, last)
        if self._after_cr and text.startswith("\n"):
            text = text[1:]
            self._after_cr = False
        if text:
            self._after_cr = text.endswith("\r")
        *lines, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        events = []
        for line in lines:
            event = self._end_line(self._line + line)
            self._line = ""
            if event is not None:
                events.append(event)
        self._line += rest
        if self._length + len(self._line) > MAX_CHARACTERS:
            raise EventTooLong(f"an event of more than {MAX_CHARACTERS} characters")
        return events

    def _end_line(self, line: str) -> str | None:
        if not line:
            data, self._data, self._length = self._data, [], 0
            return "\n".join(data) if data else None
        field, _, value = line.partition(":")
        if field == "data":
            value = value.removeprefix(" ")
            self._data.append(value)
            self._length += len(value)
            if self._length > MAX_CHARACTERS:
                raise EventTooLong(f"an event of more than {MAX_CHARACTERS} characters")
        return None
