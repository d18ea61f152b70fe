"""A call on the terminal while it goes on: with rich where it is installed and the output is a terminal, else plainly.

Words that were cut, and so never heard, are struck out (rich) or stand in ‹angle quotes› (plain).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from rtaudio.cli.log import latencies
from rtaudio.providers.packages import MissingPackageError, load
from rtaudio.voice.events import (
    AgentSpeechHeard,
    AgentSpeechInterrupted,
    Backchannel,
    BargeIn,
    InputStarved,
    LinkBack,
    LinkLost,
    MicrophoneClipping,
    MicrophoneLevel,
    ProviderFailed,
    SessionEvent,
    StateChanged,
    TranscriptUpdated,
    TurnEnded,
    TurnMetrics,
    TurnModelSilent,
    TurnResumed,
    UserAway,
    UserBack,
)

if TYPE_CHECKING:
    from rtaudio.core import TurnReasons

_BARGE = {
    "suspected": "the caller may be speaking: the agent is ducked",
    "likely": "the caller speaks: the agent is paused",
    "confirmed": "the caller has the floor: the agent's words are flushed",
    "false": "it was nothing: the agent goes on",
    "backchannel": "the caller only listens: the agent goes on",
    "stopping": "the caller has the floor: the agent will stop at the end of the sentence",
    "kept": "the caller has spoken: the agent goes on and answers later",
}
_MIC = {
    "silent": "the microphone is silent: is it muted, or another one chosen?",
    "quiet": "the microphone is very quiet: {0:.0f} dBFS while you speak; come closer, or turn it up",
    "loud": "the microphone is too loud: {0:.0f} dBFS while you speak; turn it down",
    "good": "the microphone is fine again",
}


def plain_news(event: SessionEvent) -> tuple[str, str] | None:
    """(who, what) of events that are one line on any screen; None: not one of them."""
    match event:
        case BargeIn(state=state) if state in _BARGE:
            return "barge-in", _BARGE[state]
        case TurnEnded(ended_s=ended_s, decided_s=decided_s, reasons=reasons):
            return "turn", f"over {decided_s - ended_s:.2f} s after the caller's last sound{_because(reasons)}"
        case Backchannel(text=text):
            return "listens", f"“{text}” is kept as a backchannel: it asks for no answer"
        case TurnResumed():
            return "goes on", "the caller had not finished: what was begun as an answer is dropped"
        case TurnModelSilent(late=late):
            what = "answers too late" if late else "has answered in time whether a turn is complete"
            return "turns", f"{'the model' if late else 'no model'} {what}: silence decides"
        case UserAway(silent_for_s=silent_for_s):
            return "away", f"nothing was heard of the caller for {silent_for_s:.0f} s"
        case UserBack(away_for_s=away_for_s):
            return "back", f"the caller speaks again, {away_for_s:.0f} s after that"
        case MicrophoneLevel(state=state, level_dbfs=level):
            return "problem", _MIC[state].format(level)
        case MicrophoneClipping(clipping=True, clipped_share=share):
            return "problem", f"the microphone clips ({share * 100:.1f} % of the samples): turn it down"
        case MicrophoneClipping(clipping=False):
            return "problem", "the microphone clips no more"
        case ProviderFailed(kind=kind, provider=provider, what=what):
            return "problem", f"{kind} {provider}: {what}"
        case InputStarved(missing_for_s=missing_for_s):
            return "problem", f"the line brought {missing_for_s * 1000:.0f} ms too little audio"
        case LinkLost(without_for_s=without_for_s):
            return "problem", f"nothing has come over the line for {without_for_s:.1f} s"
        case LinkBack(without_for_s=without_for_s):
            return "back", f"the line is back after {without_for_s:.1f} s"
        case _:
            return None


def _because(reasons: TurnReasons | None) -> str:
    """Why a turn ended, in a few words; `str(reasons)` says it in full."""
    if reasons is None:
        return ""
    sure = "" if reasons.probability is None else f", complete with {reasons.probability * 100:.0f} %"
    return f": {reasons.delay_s:.2f} s wanted{sure} ({', '.join(reasons.why) or 'no reason of its own'})"


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
            case TurnMetrics(turn=turn) if turn:
                steps = " → ".join(f"{name} {value * 1000:.0f}" for name, value in latencies(event))
                self._line(event, "latency", f"caller stopped → {steps} ms")
            case _:
                if (news := plain_news(event)) is not None:
                    self._line(event, *news)

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
            case TurnMetrics(turn=turn) if turn:
                parts = [("caller stopped", "dim")]
                for name, value in latencies(event):
                    parts += [(" → ", "dim"), (f"{name} ", "dim"), (f"{value * 1000:.0f}", "")]
                self._line(event, "latency", "dim", [*parts, (" ms", "dim")])
            case _:
                if (news := plain_news(event)) is not None:
                    who, what = news
                    strong, weak = ("bold red", "red") if who == "problem" else ("yellow", "yellow")
                    self._line(event, who, strong, [(what, weak)])
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
