"""Server-sent events: any cutting of the bytes gives the same events (law 6)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.providers.sse import MAX_CHARACTERS, EventParser, EventTooLong


def parse(body: bytes, cuts: list[int] | None = None) -> list[str]:
    parser = EventParser()
    edges = [0, *sorted(cuts or []), len(body)]
    events = []
    for begin, end in pairwise(edges):
        events += parser.feed(body[begin:end])
    return events + parser.feed(b"", last=True)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("body", "events"),
    [
        ("data: one\n\ndata: two\n\n", ["one", "two"]),
        ("data:one\n\n", ["one"]),
        ("data:  one\n\n", [" one"]),
        ("data: a\ndata: b\n\n", ["a\nb"]),
        ("data\n\n", [""]),
        (": keep-alive\n\ndata: one\n\n", ["one"]),
        ("event: message\nid: 4\nretry: 10\ndata: one\n\n", ["one"]),
        ("\ufeffdata: one\n\n", ["one"]),
        ("data: cut off", []),
        ("\n\n\n", []),
        ('data: {"a": "x\u2028y\u0085z: ü 🙂"}\n\n', ['{"a": "x\u2028y\u0085z: ü 🙂"}']),
    ],
)
def test_events_are_read_as_the_standard_says(body: str, events: list[str], newline: str) -> None:
    assert parse(body.replace("\n", newline).encode()) == events


@given(
    st.lists(st.text(st.characters(blacklist_characters="\r\n", codec="utf-8"), max_size=8), max_size=6),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(0, 120), max_size=12),
)
def test_how_bytes_are_cut_never_changes_the_events(texts: list[str], newline: str, cuts: list[int]) -> None:
    body = "".join(f"data: {text}{newline}{newline}" for text in texts).encode()
    assert parse(body, [min(cut, len(body)) for cut in cuts]) == texts


def test_an_event_without_end_is_not_waited_for() -> None:
    """Law 8."""
    for block in (b"data: " + b"x" * 994, b"data: " + b"x" * 994 + b"\n"):
        parser = EventParser()
        for _ in range(MAX_CHARACTERS // 1000):
            assert parser.feed(block) == []
        with pytest.raises(EventTooLong):
            parser.feed(block * 20)


@pytest.mark.parametrize("body", [b"data: \xff\n\n", b"data: \xc3"])
def test_what_is_no_utf8_is_an_error(body: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        parse(body)
