"""What was seen of a scenario, by the names that it may expect.

    states, user_states              what agent and user were, in order
    agent_<state>_at, user_<state>_at, interrupted_at, final_transcript_at, ...   a time: the first; a list: all
    playbacks, playback_position(s), interrupted, first_playback_interrupted       pieces of speech of the agent
    assistant_messages, user_messages   how many (a number) or which (a list of texts)

Every name in `Seen.names()` can be expected; docs/scenarios.md says what each is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from rtaudio.bench.scenario_fakes import Script
from rtaudio.bench.scenario_form import Call
from rtaudio.voice import events as ev
from rtaudio.voice.chat import ChatMessage

END_S: Final = 0.005
"""A piece that lacks no more than this was played to its end: a fade may take it."""


@dataclass(frozen=True, slots=True)
class Playback:
    """A piece of the agent's speech that was begun: `began_s`, how much of it was played, and whether that was all."""

    began_s: float
    ended_s: float
    position_s: float
    interrupted: bool


class Seen:
    """Of one run."""

    def __init__(
        self, call: Call, events: Sequence[ev.SessionEvent], history: Sequence[ChatMessage], script: Script
    ) -> None:
        self.call, self.events, self.history = call, list(events), list(history)
        self.playbacks = list(_playbacks(self.events, script, call.options["output_can_pause"]))

    @staticmethod
    def names() -> list[str]:
        return sorted(_NAMES)

    def value(self, name: str, expected: object) -> object:
        """Of one name; KeyError for what is none. The kind of `expected` says whether one or all are wanted."""
        value = _NAMES[name](self)
        if isinstance(value, list) and not isinstance(expected, list):
            if name in _COUNTED:
                return len(value)
            return value[0] if value else None
        if name == "user_states" and isinstance(expected, list) and expected[:1] == ["listening"]:
            return ["listening", *value]  # type: ignore[misc]
        return value

    def told(self, kind: type[ev.SessionEvent]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def states(self) -> list[tuple[str, float]]:
        """The agent's, with the times at which they began. Who has paused because the user speaks listens."""
        found, session = [("listening", 0.0)], "listening"
        for event in self.events:
            state = ""
            match event:
                case ev.StateChanged():
                    state = session = event.state
                case ev.BargeIn(state="likely") if session == "speaking" and self.call.options["output_can_pause"]:
                    state = "listening"
                case ev.BargeIn(before="likely") if event.state != "confirmed":
                    state = session
                case _:
                    pass
            if state and state != found[-1][0]:
                found.append((state, event.at_s))
        return found

    def user_states(self) -> list[tuple[str, float]]:
        """Began to speak (when they did), stopped (when that was known), went away, came back."""
        found: list[tuple[str, float]] = []
        for event in self.events:
            match event:
                case ev.SpeechStarted():
                    found.append(("speaking", event.began_s))
                case ev.SpeechEnded():
                    at_s = event.at_s
                    if self.call.options["preemptive_generation"]:  # the line's VAD waits less then
                        at_s = max(at_s, event.ended_s + self.call.options["vad_min_silence"])
                    found.append(("listening", at_s))
                case ev.UserAway(times=1):
                    found.append(("away", event.at_s))
                case _:
                    pass
        return found

    def turns(self) -> list[ev.TurnEnded]:
        """Of the user, each as it ended last."""
        ended = {event.turn: event for event in self.told(ev.TurnEnded)}
        return [ended[turn] for turn in sorted(ended)]

    def user_turns(self) -> list[tuple[str, float]]:
        """What the user said and typed in each turn, and when it was taken."""
        said: dict[int, tuple[str, float]] = {}
        for event in self.events:
            if (isinstance(event, ev.TranscriptUpdated) and event.final and event.text) or isinstance(
                event, ev.UserText
            ):
                said[event.turn] = (event.text, event.at_s)
        return list(said.values())

    def words_known(self) -> list[float]:
        """When recognition had the words of each turn for good: at its last word about it before the turn was over, if
        nothing came after that."""
        ended = {event.turn: event.at_s for event in self.told(ev.TurnEnded)}
        known: dict[int, float] = {}
        for event in self.told(ev.TranscriptUpdated):
            if event.text and (not event.final or event.turn not in known or event.at_s > ended.get(event.turn, 0.0)):
                known[event.turn] = event.at_s
        return list(known.values())

    def replied(self) -> list[ev.TurnMetrics]:
        return [event for event in self.told(ev.TurnMetrics) if event.turn]

    def said_by_agent(self) -> list[ChatMessage]:
        return [message for message in self.history if message.role == "assistant" and message.text]


def _playbacks(events: Sequence[ev.SessionEvent], script: Script, can_pause: bool) -> list[Playback]:
    found: list[Playback] = []
    texts: dict[int, str] = {}
    began: dict[int, float] = {}
    for event in events:
        match event:
            case ev.ReplyText():
                texts.setdefault(event.reply, event.text)
            case ev.AgentSpeechStarted():
                began[event.reply] = event.at_s
            case ev.AgentSpeechHeard() if event.reply in began:
                found += _pieces(script, texts, event.reply, began, event.at_s, event.spoken_for_s, cut=False)
            case ev.AgentSpeechInterrupted() if event.reply in began:
                found += _pieces(script, texts, event.reply, began, event.at_s, event.heard_for_s, cut=True)
            case ev.EagerReply(state="dropped") if can_pause and event.audio_for_s > 0:
                found.append(Playback(event.at_s, event.at_s, 0.0, True))
            case ev.AgentSpeechInterrupted() if can_pause:
                found.append(Playback(event.at_s, event.at_s, 0.0, True))
            case _:
                pass
    return found


def _pieces(
    script: Script,
    texts: dict[int, str],
    reply: int,
    began: dict[int, float],
    ended_s: float,
    played_s: float,
    *,
    cut: bool,
) -> list[Playback]:
    utterance = script.of_reply(texts.get(reply, ""))
    lengths = [piece.audio_s for piece in utterance.pieces] if utterance is not None else []
    found, before = list[Playback](), 0.0
    for length in lengths or [played_s]:
        if played_s <= before and found:
            break
        position = min(played_s - before, length)
        whole = position >= length - END_S
        at_s = began[reply] + before
        found.append(Playback(at_s, min(ended_s, at_s + position), length if whole else position, cut and not whole))
        before += length
    return found


# ---- The names.

Value = Callable[[Seen], object]


def _state_times(state: str, after: int) -> Value:
    return lambda seen: [at_s for name, at_s in seen.states()[after:] if name == state]


def _state_count(state: str) -> Value:
    return lambda seen: sum(name == state for name, _ in seen.states())


def _user_times(state: str) -> Value:
    return lambda seen: [at_s for name, at_s in seen.user_states() if name == state]


def _cut(seen: Seen) -> list[float]:
    """Of speech; where none was, of answers that were given up because the user spoke."""
    if cut := [playback.ended_s for playback in seen.playbacks if playback.interrupted]:
        return cut
    spoke = [at_s for name, at_s in seen.user_states() if name == "speaking"]
    given_up = [after for (name, _), after in pairwise(seen.states()) if (name, after[0]) == ("thinking", "listening")]
    return [at_s for _, at_s in given_up if any(0 <= at_s - begin_s < 1.0 for begin_s in spoke)]


def _position(seen: Seen) -> float | None:
    cut = [playback.position_s for playback in seen.playbacks if playback.interrupted]
    return next(iter(cut or [playback.position_s for playback in seen.playbacks]), None)


def _latency(seen: Seen) -> list[float]:
    ends = [turn.ended_s for turn in seen.turns()]
    starts = [at_s for name, at_s in seen.states() if name == "speaking"]
    return [at_s - max(end for end in ends if end <= at_s) for at_s in starts if any(end <= at_s for end in ends)]


def _since_end(seen: Seen, times: list[float]) -> list[float]:
    return [at_s - turn.ended_s for at_s, turn in zip(times, seen.turns(), strict=False)]


def _speaking_ends(seen: Seen) -> list[str]:
    names = [name for name, _ in seen.states()]
    return [after for before, after in pairwise(names) if before == "speaking"]


def _false_interruptions(seen: Seen) -> list[float]:
    return [e.at_s for e in seen.told(ev.BargeIn) if e.state in ("false", "backchannel")]


_COUNTED: Final = {
    *("playbacks", "assistant_messages", "user_messages", "false_interruptions", "tools_executed", "final_transcripts"),
    *("tool_calls", "backchannels", "messages", "turns"),
}
_SINGULAR: Final[dict[str, Value]] = {
    **{f"agent_{state}_at": _state_times(state, 1) for state in ("listening", "thinking", "speaking")},
    **{f"user_{state}_at": _user_times(state) for state in ("speaking", "listening", "away")},
    "away_at": _user_times("away"),
    "interrupted_at": _cut,
    "final_transcript_at": lambda seen: seen.words_known(),
    "user_message_at": lambda seen: [at_s for _, at_s in seen.user_turns()],
    "assistant_message_at": lambda seen: [message.ended_s for message in seen.said_by_agent()],
    "turn_ended_at": lambda seen: [turn.at_s for turn in seen.turns()],
    "playback_started_at": lambda seen: [playback.began_s for playback in seen.playbacks],
    "playback_finished_at": lambda seen: [playback.ended_s for playback in seen.playbacks],
    "false_interruption_at": lambda seen: _false_interruptions(seen),
    "tool_started_at": lambda seen: [event.at_s for event in seen.told(ev.ToolStarted)],
    "tool_finished_at": lambda seen: [event.at_s for event in seen.told(ev.ToolFinished)],
}
_NAMES: Final[dict[str, Value]] = {
    **_SINGULAR,
    **{f"{name}s": value for name, value in _SINGULAR.items()},
    "states": lambda seen: [name for name, _ in seen.states()],
    "agent_states": lambda seen: [name for name, _ in seen.states()],
    "user_states": lambda seen: [name for name, _ in seen.user_states()],
    **{f"{state}_count": _state_count(state) for state in ("listening", "thinking", "speaking")},
    "final_state": lambda seen: seen.states()[-1][0],
    "never_speaking": lambda seen: all(name != "speaking" for name, _ in seen.states()),
    "never_away": lambda seen: all(name != "away" for name, _ in seen.user_states()),
    "speaking_ends": _speaking_ends,
    "playbacks": lambda seen: [playback.position_s for playback in seen.playbacks],
    "playback_position": _position,
    "playback_positions": lambda seen: [playback.position_s for playback in seen.playbacks],
    "playbacks_interrupted": lambda seen: [playback.interrupted for playback in seen.playbacks],
    "first_playback_interrupted": lambda seen: bool(seen.playbacks) and seen.playbacks[0].interrupted,
    "last_playback_interrupted": lambda seen: bool(seen.playbacks) and seen.playbacks[-1].interrupted,
    "interrupted": lambda seen: any(playback.interrupted for playback in seen.playbacks),
    "assistant_messages": lambda seen: [message.text for message in seen.said_by_agent()],
    "assistant_interrupted": lambda seen: any(message.interrupted for message in seen.said_by_agent()),
    "user_messages": lambda seen: [text for text, _ in seen.user_turns()],
    "messages": lambda seen: [message.role for message in seen.history if message.text],
    "final_transcripts": lambda seen: [text for text, _ in seen.user_turns()],
    "turns": lambda seen: [turn.turn for turn in seen.turns()],
    "eou_delay": lambda seen: [turn.decided_s - turn.ended_s for turn in seen.turns()],
    "transcription_delay": lambda seen: _since_end(seen, seen.words_known()),
    "latency": _latency,
    "e2e_latency": _latency,
    "llm_ttft": lambda seen: _between(seen, "stt_final_s", "first_token_s"),
    "tts_ttfb": lambda seen: _between(seen, "first_clause_s", "first_audio_s"),
    "tts_audio_duration": lambda seen: [playback.position_s for playback in seen.playbacks],
    "tool_calls": lambda seen: [event.tool for event in seen.told(ev.ToolStarted)],
    "tools_executed": lambda seen: [event.tool for event in seen.told(ev.ToolFinished)],
    "false_interruptions": lambda seen: _false_interruptions(seen),
    "resumed": lambda seen: bool(_false_interruptions(seen)) and not any(p.interrupted for p in seen.playbacks),
    "backchannels": lambda seen: [event.text for event in seen.told(ev.Backchannel)],
    "away_count": lambda seen: sum(name == "away" for name, _ in seen.user_states()),
}


def _between(seen: Seen, first: str, second: str) -> list[float]:
    found = [(getattr(event, first), getattr(event, second)) for event in seen.replied()]
    return [b - a for a, b in found if a is not None and b is not None]
