"""What was heard in a call, and when: made from the samples of both sides, not from what the session told of them.

    heard = call.heard
    heard.says("on Saturday", between=(2.0, 5.0))
    heard.answers_within_s(1.2)
    heard.stops_within_s(0.5, after=barge_in)
    heard.never_overlaps(longer_than_s=0.6)

Seconds count from the begin of the call. The agent's words were heard as far as their audio is in what left the
loudspeaker (rtaudio.testing.sought); which sample of that audio a word begins at, its voice says, or the session has
found by its sound (law 9). An expectation that is not met raises AssertionError, whose text shows the call.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, Literal, NoReturn

import numpy as np

from rtaudio.testing.agent_log import ReplyLog
from rtaudio.testing.caller import Remark, SimulatedCaller
from rtaudio.testing.cues import place_in, words_of
from rtaudio.testing.heard_text import shown
from rtaudio.testing.sought import Seeker, Source, Stretch
from rtaudio.voice.heard import WordAt, heard_until, place_words
from rtaudio.voice.protocols import Audio

Who = Literal["agent", "caller"]
Span = tuple[float, float]
AUDIBLE: Final = 1e-4
"""What is below (-80 dBFS) is silence."""
PAUSE_S: Final = 0.25
"""Silences that are shorter are within what is said."""


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word, from when to when."""

    text: str
    begin_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one side said in one go: `text` as far as it was heard, `unheard` the rest of it. `spans`: when it sounded,
    without pauses."""

    who: Who
    text: str
    unheard: str
    words: tuple[HeardWord, ...]
    spans: tuple[Span, ...]

    @property
    def begin_s(self) -> float:
        return self.spans[0][0]

    @property
    def end_s(self) -> float:
        return self.spans[-1][1]


class HeardCall:
    """All that was heard, in order: `agent` and `caller`, each for itself, and `everything`. `str` shows it."""

    def __init__(
        self, agent: Iterable[Utterance], caller: Iterable[tuple[Remark, Utterance]], duration_s: float
    ) -> None:
        said = list(caller)
        self.agent = tuple(agent)
        self.caller = tuple(heard for _, heard in said)
        self.duration_s = duration_s
        self._of = {id(remark): heard for remark, heard in said}

    @property
    def everything(self) -> tuple[Utterance, ...]:
        return tuple(sorted((*self.agent, *self.caller), key=lambda each: each.begin_s))

    @property
    def overlaps(self) -> tuple[Span, ...]:
        """When both sounded."""
        both = [
            (max(a[0], b[0]), min(a[1], b[1]))
            for mine in self.agent
            for yours in self.caller
            for a in mine.spans
            for b in yours.spans
        ]
        return tuple(sorted(span for span in both if span[0] < span[1]))

    @property
    def gaps(self) -> tuple[Span, ...]:
        """When neither did, between the first sound and the last."""
        gaps, until = list[Span](), None
        for begin, end in sorted(span for each in self.everything for span in each.spans):
            if until is not None and begin > until:
                gaps.append((until, begin))
            until = end if until is None else max(until, end)
        return tuple(gaps)

    @property
    def answers(self) -> tuple[tuple[Utterance, Utterance, float], ...]:
        """(of the caller, what the agent began next, how long after its end), for all that the caller did not go on
        after before the agent began."""
        found = []
        for mine, following in zip_longest(self.caller, self.caller[1:]):
            answer = self._answer(mine)
            if answer is not None and (following is None or answer.begin_s < following.begin_s):
                found.append((mine, answer, answer.begin_s - mine.end_s))
        return tuple(found)

    def says(self, text: str, *, between: Span | None = None, who: Who = "agent") -> Span:
        """These words were heard, one after the other, capitals and marks aside, all of them between those seconds.
        Gives when."""
        when = "" if between is None else f" between {between[0]:g} and {between[1]:g} s"
        places = self._places(text, who)
        for begin, end in places:
            if between is None or (between[0] <= begin and end <= between[1]):
                return begin, end
        elsewhere = "".join(f"; it was from {begin:.2f} to {end:.2f} s" for begin, end in places)
        self._fail(f"{who} says {text!r}{when}{elsewhere}")

    def never_says(self, text: str, *, who: Who = "agent") -> None:
        """These words were not heard one after the other."""
        if places := self._places(text, who):
            self._fail(f"{who} never says {text!r}; it was from {places[0][0]:.2f} to {places[0][1]:.2f} s")

    def silent(self, between: Span, *, who: Who = "agent") -> None:
        """Nothing of that side sounded between those seconds."""
        for each in self.agent if who == "agent" else self.caller:
            for begin, end in each.spans:
                if begin < between[1] and end > between[0]:
                    self._fail(
                        f"{who} is silent between {between[0]:g} and {between[1]:g} s; "
                        f"there was sound from {begin:.2f} to {end:.2f} s"
                    )

    def stops_within_s(self, limit_s: float, *, after: Remark | float) -> float:
        """The agent was speaking when the caller began that (at that second), and what it was saying was over so soon
        after; where it went on after a pause, it was not. Gives how soon."""
        at = after if isinstance(after, float | int) else self._said(after).begin_s
        expected = f"the agent stops within {limit_s:g} s of {at:.2f} s"
        speaking = next((each for each in self.agent if each.begin_s <= at < each.end_s), None)
        if speaking is None:
            self._fail(f"{expected}; it was not speaking then")
        if (took_s := speaking.end_s - at) > limit_s:
            self._fail(f"{expected}; it took {took_s:.2f} s")
        return took_s

    def answers_within_s(self, limit_s: float, *, after: Remark | None = None) -> float:
        """The agent began to speak so soon after the caller had said that; by default, after everything that the caller
        said and did not go on with. Gives the longest time that it took."""
        if after is not None:
            mine = self._said(after)
            answer = self._answer(mine)
            if answer is None:
                self._fail(f"an answer within {limit_s:g} s of {mine.end_s:.2f} s; there was none")
            took_s, asked = answer.begin_s - mine.end_s, mine
        else:
            if not self.caller:
                self._fail(f"answers within {limit_s:g} s; the caller said nothing")
            last = self.caller[-1]
            if self._answer(last) is None:
                self._fail(f"an answer within {limit_s:g} s of {last.end_s:.2f} s; there was none")
            asked, _, took_s = max(self.answers, key=lambda each: each[2])
        if took_s > limit_s:
            self._fail(f"an answer within {limit_s:g} s of {asked.end_s:.2f} s; it took {took_s:.2f} s")
        return took_s

    def never_overlaps(self, longer_than_s: float = 0.0) -> None:
        """The two never sounded at once for longer than that."""
        for begin, end in self.overlaps:
            if end - begin > longer_than_s:
                self._fail(
                    f"no overlap of more than {longer_than_s:g} s; there was one from {begin:.2f} to {end:.2f} s"
                )

    def __str__(self) -> str:
        rows = [(e.who, e.text, e.unheard, e.spans) for e in self.everything]
        return shown(rows, self.overlaps, self.duration_s)

    def _places(self, text: str, who: Who) -> list[Span]:
        wanted = words_of(text)
        if not wanted:
            raise ValueError(f"{text!r}: there is no word in it")
        places = []
        for each in self.agent if who == "agent" else self.caller:
            words = [(part, word) for word in each.words for part in words_of(word.text)]
            if (at := place_in([part for part, _ in words], wanted)) is not None:
                places.append((words[at][1].begin_s, words[at + len(wanted) - 1][1].end_s))
        return places

    def _said(self, remark: Remark) -> Utterance:
        if (heard := self._of.get(id(remark))) is None:
            self._fail(f"the caller says {remark}; that has not happened")
        return heard

    def _answer(self, mine: Utterance) -> Utterance | None:
        return next((each for each in self.agent if each.begin_s >= mine.end_s), None)

    def _fail(self, expected: str) -> NoReturn:
        raise AssertionError(f"expected {expected}; the call was\n{self}")


def heard_call(agent: Audio, rate: int, replies: Sequence[ReplyLog], caller: SimulatedCaller) -> HeardCall:
    """Of what a sink kept of the agent at the port's `rate`, what it was to say, and the caller."""
    spoken = [reply for reply in replies if reply.pieces]
    audio = {reply.number: reply.audio(rate) for reply in spoken}
    sources = [Source(reply.number, audio[reply.number], reply.from_at, reply.until_at) for reply in spoken]
    stretches = Seeker(agent, rate, sources).stretches()
    found = []
    for reply in spoken:
        mine = [stretch for stretch in stretches if stretch.source == reply.number]
        if (heard := _of_agent(reply, mine, agent, len(audio[reply.number]), rate)) is not None:
            found.append(heard)
    said = [(remark, heard) for remark in caller.remarks if (heard := _of_caller(remark, caller.rate)) is not None]
    return HeardCall(found, said, len(agent) / rate)


def _of_agent(reply: ReplyLog, mine: Sequence[Stretch], agent: Audio, length: int, rate: int) -> Utterance | None:
    spans = _spans([(each.begin, agent[each.begin : each.end]) for each in mine], rate)
    if not spans:
        return None
    text, words = reply.text, reply.words(rate)
    high = max(each.position + each.end - each.begin for each in mine)
    end = heard_until(words, len(text), length, high)
    heard = []
    for number, word in enumerate(words):
        if word.offset >= end:
            break
        until = words[number + 1].sample if number + 1 < len(words) else length
        written = text[word.offset : words[number + 1].offset if number + 1 < len(words) else len(text)].strip()
        heard.append(HeardWord(written, *_when(mine, word.sample, until, rate)))
    return Utterance("agent", text[:end].strip(), text[end:].strip(), tuple(heard), spans)


def _when(mine: Sequence[Stretch], begin: int, until: int, rate: int) -> Span:
    """When samples from `begin` to `until` were first put out, as far as they were."""
    for each in mine:
        last = each.position + each.end - each.begin
        if each.position < until and last > begin:
            first = each.begin + max(begin, each.position) - each.position
            return first / rate, (each.begin + min(until, last) - each.position) / rate
    at = mine[-1].end / rate
    return at, at


def _of_caller(remark: Remark, rate: int) -> Utterance | None:
    if remark.begin is None or not (spans := _spans([(remark.begin, remark.clip)], rate)):
        return None
    words: list[WordAt] = place_words(remark.text, remark.words, len(remark.clip), rate)
    ends = [*(word.sample for word in words[1:]), len(remark.clip)]
    heard = [
        HeardWord(
            remark.text[word.offset :].split()[0], (remark.begin + word.sample) / rate, (remark.begin + end) / rate
        )
        for word, end in zip(words, ends, strict=False)  # of a clip without text: no word
    ]
    return Utterance("caller", remark.text, "", tuple(heard), spans)


def _spans(parts: Sequence[tuple[int, Audio]], rate: int) -> tuple[Span, ...]:
    """When there was sound in them, each from its place on; not parted by short silences."""
    audible = [np.flatnonzero(np.abs(samples) > AUDIBLE) + begin for begin, samples in parts]
    places = np.concatenate(audible) if audible else np.zeros(0, np.int64)
    if not len(places):
        return ()
    breaks = np.flatnonzero(np.diff(places) > PAUSE_S * rate)
    begins, ends = places[np.concatenate([[0], breaks + 1])], places[np.concatenate([breaks, [len(places) - 1]])] + 1
    return tuple((float(begin / rate), float(end / rate)) for begin, end in zip(begins, ends, strict=True))
