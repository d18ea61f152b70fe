"""When a reply may be begun before its turn is over: pure, a part of the session's machine (machine_eager.py).

    the user    leaves to
    SPEAKING    SILENT when the core heard the speech end; nothing is begun while somebody speaks
    SILENT      SPEAKING when speech begins again: what was known about the end of the turn is forgotten

In a silence a reply may be begun as soon as the words so far have stood long enough, by the best that is known:

    complete    the STT takes them for all of the turn                                     at once
    probable    the core has weighed the silence: complete with `eager_probability`        the STT has caught up
    stable      nobody says how probable it is (no model), and `eager_stable_s` is set     silence and words, so long

The STT has caught up SETTLED_S after words that came in this silence, or LAG_S into it if none have come.

Each of them counts for this silence alone. Where the core says "not probable", silence does not overrule it. The same
words are tried once in a silence.

The final words are those that were answered ahead if `same_words` says so: letters and digits, and signs that may mean
something, in order. Case, white space, and punctuation that only marks pauses and sentences do not count; "3.50" and
"350" differ.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.effects import Effect
from rtaudio.voice.events import EagerReason
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.reply import Reply
from rtaudio.voice.turns import Turn

MIC_RATE: Final = 16000
SETTLED_S: Final = 0.05
"""What came in the silence is the end of what was said, unless more comes upon it."""
LAG_S: Final = 0.25
"""How far partial transcripts lag behind, as a rule. Where they lag 0.2 s and this is 0.1, a third of all replies is
begun on words that lack the last one (`rtaudio-bench eager`)."""
CLAUSES: Final = 1
"""Clauses that are synthesised ahead: what is heard while the next one is made."""
_QUIET: Final = re.compile(r"[.,;:!?…¿¡\"“”„«»()。、，？！](?!\d)")  # marks a pause or a sentence

Why = Literal["complete", "probable", "stable"]


def same_words(one: str, other: str) -> bool:
    """Whether an answer to the one is an answer to the other; see the module."""
    return _normal(one) == _normal(other)


def _normal(text: str) -> list[str]:
    return _QUIET.sub(" ", text.casefold().replace("\u2019", "'")).split()


@dataclass(slots=True)
class EndWatch:
    """What is known about the end of the turn that is being spoken. Positions count samples of the mic ring."""

    options: SessionOptions
    turn: int = 0  # number of its recognition; 0: none
    silent_since: int | None = None  # None: somebody speaks
    probability: float | None = None  # that it is complete, in the silence since `weighed`
    weighed: int = -1
    text: str = ""
    text_since: int = 0
    complete: bool = False
    tried: list[str] = field(default_factory=list)  # in this silence

    def spoke(self, turn: int) -> None:
        """Speech began: of another turn, or of the same again."""
        if turn != self.turn:
            self.turn, self.text = turn, ""
        self.silent_since, self.complete = None, False
        self.tried.clear()

    def fell_silent(self, end: int) -> None:
        self.silent_since = end

    def weigh(self, end: int, probability: float) -> None:
        """The core's word on the silence that began at `end`; it may come before it is sure of that silence."""
        self.weighed, self.probability = end, probability

    def understood(self, text: str, complete: bool, mic: int) -> None:
        if not same_words(text, self.text):
            self.text_since = mic
        self.text, self.complete = text, complete

    @property
    def estimate(self) -> float | None:
        """The probability, if it is about this silence."""
        return self.probability if self.silent_since is not None and self.weighed == self.silent_since else None

    @property
    def _caught_up(self) -> int:
        silent_since = self.silent_since or 0
        since = silent_since + _samples(LAG_S)
        return min(self.text_since + _samples(SETTLED_S), since) if self.text_since > silent_since else since

    def ripe(self) -> tuple[int, Why] | None:
        """(mic position from which on a reply may be begun, why); None: not as things are."""
        if self.silent_since is None or not any(map(str.isalnum, self.text)):
            return None
        if any(same_words(self.text, tried) for tried in self.tried):
            return None
        if self.complete:
            return self.silent_since, "complete"
        if (probability := self.estimate) is not None:
            return (self._caught_up, "probable") if probability >= self.options.eager_probability else None
        if (stable_s := self.options.eager_stable_s) is not None:
            return max(self.text_since, self.silent_since) + _samples(stable_s), "stable"
        return None


def _samples(seconds: float) -> int:
    return round(seconds * MIC_RATE)


@dataclass(slots=True)
class Held:
    """Beside a reply that is kept unheard (Phase.HELD): what it was asked, what it cost, what it wants done."""

    reply: Reply
    turn: Turn
    text: str  # of the turn, as it was then
    said: ChatMessage  # the user's message, as the model was shown it: the last of the chat
    before: tuple[ChatMessage, ...]  # what the chat had before that
    instructions: str
    agent: int  # in charge then
    since: int  # mic position
    tokens: int = 0
    audio_s: float = 0.0
    withheld: list[Effect] = field(default_factory=list)  # what is done only once it is kept, in order
    ended: EagerReason | None = None  # it is of no use any more
    waits: bool = False  # its turn is over; somebody was heard since, and it is not known yet whether there are words

    def compare(self, chat: ChatContext) -> EagerReason | None:
        """None: it answers that chat, which is the one it was asked with but for how the last message is written."""
        messages = chat.messages
        if not messages or messages[:-1] != self.before or chat.instructions != self.instructions:
            return "chat"
        last = messages[-1]
        same = last.role == "user" and not last.backchannel and same_words(last.text, self.said.text)
        return None if same else "words"
