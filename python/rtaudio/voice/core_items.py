"""What the core reports, as items for the machine: names instead of numbers, replies instead of segments."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, Literal

from rtaudio.core import Heard
from rtaudio.core.turns import TurnReasons
from rtaudio.voice import items as it
from rtaudio.voice.events import BargeState, MicState

if TYPE_CHECKING:
    from rtaudio.core._port import Event, Segment

BARGE_STATES: Final[tuple[BargeState, ...]] = (
    *("quiet", "suspected", "likely", "confirmed", "false", "backchannel", "stopping", "kept"),
)
MIC_STATES: Final[tuple[MicState, ...]] = ("good", "silent", "quiet", "loud")
CONFIRMED: Final = BARGE_STATES.index("confirmed")
REMEMBERED: Final = 64  # segments; as many as a playout holds


def in_order(events: list[Event]) -> list[Event]:
    """Events in the order in which things happened, as far as it matters.

    The core gives playout's before hearing's. After a stall of the event loop a cut would so come before the speech
    that caused it: it is put behind the barge-in that confirmed it.
    """
    confirmed = next((event for event in events if event.kind == "barge_in" and event.a == CONFIRMED), None)
    cuts = [event for event in events if event.kind == "cut"]
    if confirmed is None or not cuts:
        return events
    rest = [event for event in events if event.kind != "cut"]
    at = rest.index(confirmed) + 1
    return [*rest[:at], *cuts, *rest[at:]]


class LostSegment:
    """A segment that a session wrote which is no more: what is known of it is what the core tells."""

    def __init__(self, id: int) -> None:
        self.id = id
        self._high = 0
        self._state: Literal["unknown", "playing", "done", "cut"] = "unknown"

    def saw(self, event: Event) -> None:
        match event.kind:
            case "segment_started":
                self._state, self._high = "playing", 1
            case "segment_done":
                self._state = "done"
            case "cut":
                self._state, self._high = "cut", event.decided

    def heard(self, now_ns: int | None = None) -> Heard:
        return Heard(self._high, self._high, 0)

    @property
    def state(self) -> str:
        return self._state


class Segments:
    """Which reply a segment of the playout is. Remembers the last ones: their events may come late."""

    def __init__(self) -> None:
        self._replies: OrderedDict[int, tuple[int, Segment | LostSegment]] = OrderedDict()
        self._catching_up, self._reply_before = False, 0

    def take_up(self, segment: int, reply: int) -> None:
        """A session before this one wrote that segment (0: none yet) for `reply` (0: there was none)."""
        if segment:
            self._replies[segment] = (reply, LostSegment(segment))
        self._catching_up, self._reply_before = True, reply

    def taken_up(self) -> None:
        """What that session did has been told: segments that are opened from now on are this one's, and may have the
        same numbers."""
        self._catching_up = False

    def add(self, reply: int, segment: Segment) -> None:
        if segment.id not in self._replies or isinstance(self._replies[segment.id][1], LostSegment):
            self._replies[segment.id] = (reply, segment)
            if len(self._replies) > REMEMBERED:
                self._replies.popitem(last=False)

    def segment_of(self, reply: int) -> int:
        """The last segment of that reply, also where another session wrote it; 0: there is none."""
        return next((id for id, (known, _) in reversed(self._replies.items()) if known == reply), 0)

    def clear(self) -> None:
        self._replies.clear()

    def item_of(self, event: Event, at: it.Stamp) -> it.Item | None:
        """None: of no interest here, or of a segment that no reply of this session wrote."""
        match event.kind:
            case "speech_started":
                return it.SpeechBegan(at, event.mic, event.decided)
            case "speech_ended":
                return it.SpeechPaused(at, event.mic, event.decided)
            case "turn_ended":
                return it.TurnOver(at, event.mic, event.decided, BARGE_STATES[event.b], TurnReasons.of(event))
            case "turn_resumed":
                return it.TurnWentOn(at, event.a, *self._heard(at))
            case "turn_answered" if event.value >= 0:
                return it.TurnWeighed(at, event.mic, event.value)
            case "turn_unanswered":
                return it.TurnUnanswered(at, bool(event.c))
            case "barge_in":
                return it.BargeChanged(at, BARGE_STATES[event.a], BARGE_STATES[event.b])
            case "input_starved":
                return it.LineStarved(at, event.a)
            case "link_lost" | "link_back":
                return it.LinkChanged(at, event.kind == "link_lost", event.a)
            case "mic_level":
                return it.MicLevelChanged(at, MIC_STATES[event.a], MIC_STATES[event.b], event.value)
            case "mic_clipping":
                return it.MicClippingChanged(at, bool(event.a), event.b, event.c)
            case "segment_started" if event.segment not in self._replies and self._catching_up:
                self._replies[event.segment] = (self._reply_before, LostSegment(event.segment))
                return it.UnknownSounded(at, event.mic, self._reply_before)
            case "segment_started" | "segment_done" | "cut" if event.segment in self._replies:
                reply, segment = self._replies[event.segment]
                if isinstance(segment, LostSegment):
                    segment.saw(event)
                if event.kind == "segment_started":
                    return it.ReplySounded(at, reply)
                return it.ReplyDone(at, reply) if event.kind == "segment_done" else cut_of(reply, segment, at)
            case _:
                return None

    def _heard(self, at: it.Stamp) -> tuple[int, int]:
        """The latest reply that has a segment, and how much of it has left the loudspeaker."""
        if not self._replies:
            return 0, 0
        reply, segment = next(reversed(self._replies.values()))
        return reply, segment.heard(at.time_ns).now

    def lookup(self, at: it.Stamp) -> it.Item | None:
        """What the events of the latest segment would have said, by the ledger: for when events were lost."""
        if not self._replies:
            return None
        reply, segment = next(reversed(self._replies.values()))
        match segment.state if isinstance(segment, LostSegment) else segment.ledger().state:
            case "playing":
                return it.ReplySounded(at, reply)
            case "done":
                return it.ReplyDone(at, reply)
            case "cut":
                return cut_of(reply, segment, at)
            case _:
                return None


def cut_of(reply: int, segment: Segment | LostSegment, at: it.Stamp) -> it.ReplyCut:
    """The reply's segment was cut: how much of it was heard."""
    heard = segment.heard(at.time_ns)
    return it.ReplyCut(at, reply, heard.final, heard.bound)
