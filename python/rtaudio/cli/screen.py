"""A call on the terminal while it goes on: with rich where it is installed and the output is a terminal, else plainly.

Words that were cut, and so never heard, are struck out (rich) or stand in ‹angle quotes› (plain).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol, TextIO

from rtaudio.cli.log import latencies
from rtaudio.providers.packages import MissingPackageError, load
from rtaudio.voice.events import (
    AgentSpeechHeard,
    AgentSpeechInterrupted,
    BargeIn,
    InputStarved,
    ProviderFailed,
    SessionEvent,
    StateChanged,
    TranscriptUpdated,
    TurnMetrics,
)

_BARGE = {
    "suspected": "the caller may be speaking: the agent is ducked",
    "likely": "the caller speaks: the agent is paused",
    "confirmed": "the caller has the floor: the agent's words are flushed",
    "false": "it was nothing: the agent goes on",
}


class Screen(Protocol):
    """Where a call is shown."""

    def show(self, event: SessionEvent) -> None:
        """Shows one event, if it is one to be seen."""

    def note(self, text: str) -> None:
        """A line of the program's own."""

    def close(self) -> None:
        """Leaves the terminal as it was."""


def open_screen(file: TextIO | None = None) -> Screen:
    """The best screen for this output."""
    file = file if file is not None else sys.stdout
    if file.isatty():
        try:
            return RichScreen(load("rich", extra="cli", wanted_by="a live transcript"))
        except MissingPackageError:
            pass
    return PlainScreen(lambda line: print(line, file=file, flush=True))


class PlainScreen:
    """Lines of text, one for each thing that is settled."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def show(self, event: SessionEvent) -> None:
        match event:
            case StateChanged(state=state):
                self._line(event, "", f"[{state}]")
            case TranscriptUpdated(text=text, final=True):
                self._line(event, "caller", text or "(nothing understood)")
            case AgentSpeechHeard(text=text):
                self._line(event, "agent", text)
            case AgentSpeechInterrupted(heard=heard, cut=cut, heard_for_s=heard_for_s):
                self._line(event, "agent", f"{heard} ‹{cut.strip()}› cut after {heard_for_s:.2f} s".lstrip())
            case BargeIn(state=state) if state in _BARGE:
                self._line(event, "barge-in", _BARGE[state])
            case TurnMetrics(turn=turn) if turn:
                steps = " → ".join(f"{name} {value * 1000:.0f}" for name, value in latencies(event))
                self._line(event, "latency", f"caller stopped → {steps} ms")
            case ProviderFailed(kind=kind, provider=provider, what=what):
                self._line(event, "problem", f"{kind} {provider}: {what}")
            case InputStarved(missing_for_s=missing_for_s):
                self._line(event, "problem", f"the line brought {missing_for_s * 1000:.0f} ms too little audio")

    def note(self, text: str) -> None:
        self._write(text)

    def close(self) -> None:
        pass

    def _line(self, event: SessionEvent, who: str, text: str) -> None:
        self._write(f"{event.at_s:7.2f} s  {who:<9} {text}")


class RichScreen:
    """The same in colours, with a last line that shows the state and the words as they are understood."""

    def __init__(self, rich: Any) -> None:
        self._text = load("rich.text", extra="cli", wanted_by="a live transcript").Text
        self._grid = load("rich.table", extra="cli", wanted_by="a live transcript").Table.grid
        console = load("rich.console", extra="cli", wanted_by="a live transcript").Console
        live = load("rich.live", extra="cli", wanted_by="a live transcript").Live
        self._console = console(highlight=False)
        self._live = live(console=self._console, refresh_per_second=12, transient=True)
        self._live.start()
        self._state, self._hears = "listening", ""

    def show(self, event: SessionEvent) -> None:
        match event:
            case StateChanged(state=state):
                self._state = state
            case TranscriptUpdated(text=text, final=False):
                self._hears = text
            case TranscriptUpdated(text=text, final=True):
                self._hears = ""
                self._line(event, "caller", "bold green", [(text or "(nothing understood)", "")])
            case AgentSpeechHeard(text=text):
                self._line(event, "agent", "bold cyan", [(text, "")])
            case AgentSpeechInterrupted(heard=heard, cut=cut, heard_for_s=heard_for_s):
                parts = [(heard.rstrip() + " ", ""), (cut.strip(), "strike dim")]
                self._line(event, "agent", "bold cyan", [*parts, (f"  cut after {heard_for_s:.2f} s", "yellow")])
            case BargeIn(state=state) if state in _BARGE:
                self._line(event, "barge-in", "yellow", [(_BARGE[state], "yellow")])
            case TurnMetrics(turn=turn) if turn:
                parts = [("caller stopped", "dim")]
                for name, value in latencies(event):
                    parts += [(" → ", "dim"), (f"{name} ", "dim"), (f"{value * 1000:.0f}", "")]
                self._line(event, "latency", "dim", [*parts, (" ms", "dim")])
            case ProviderFailed(kind=kind, provider=provider, what=what):
                self._line(event, "problem", "bold red", [(f"{kind} {provider}: {what}", "red")])
            case InputStarved(missing_for_s=missing_for_s):
                text = f"the line brought {missing_for_s * 1000:.0f} ms too little audio"
                self._line(event, "problem", "bold red", [(text, "red")])
        self._live.update(self._status(event.at_s))

    def note(self, text: str) -> None:
        self._console.print(self._text(text))

    def close(self) -> None:
        self._live.stop()

    def _line(self, event: SessionEvent, who: str, style: str, parts: list[tuple[str, str]]) -> None:
        row = self._grid(padding=(0, 2, 0, 0))
        for width in (9, 8, None):  # the words wrap within their own column
            row.add_column(width=width)
        row.add_row(self._text(f"{event.at_s:7.2f} s", "dim"), self._text(who, style), self._text.assemble(*parts))
        self._console.print(row)

    def _status(self, at_s: float) -> Any:
        styles = {"listening": "black on green", "thinking": "black on yellow", "speaking": "black on cyan"}
        return self._text.assemble(
            (f"{at_s:7.2f} s  ", "dim"), (f" {self._state} ", styles[self._state]), (f"  {self._hears}", "italic dim")
        )
