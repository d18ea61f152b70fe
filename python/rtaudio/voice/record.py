"""What each answer took and used: pure, beside the session's machine, from the items it takes and the effects it wants.

    reply      leaves to
    working    begun, perhaps ahead of its turn (BeginReply); its tokens, audio and usage are counted
    live       the machine's reply now; told when it is retired, unless
               - it called tools: the next step counts with it, and the record is told with the last
               - nothing of it was heard and it will be begun again: it was given up
    given up   what it used is in the next record, as is what was recognised since the last one

So every token, character and second is in one record, and in no two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Final

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.protocols import Usage
from rtaudio.voice.reply import MIC_RATE, Reply

WORKING: Final = 64
"""Replies counted at once (law 8): the one there is, and those begun ahead or just dropped."""


@dataclass(slots=True)
class Work:
    """One reply's."""

    number: int
    reply: Reply | None = None  # once it is live
    pieces: int = 0
    usage: Usage | None = None
    synthesised_s: float = 0.0
    characters: int = 0
    tools: int = 0
    failed: bool = False
    speaks: bool = False  # it has clauses
    ended: bool = False  # its text came to its end
    outcome: ev.RecordOutcome = "silent"
    moments: dict[str, float] = field(default_factory=dict)
    metrics: ev.TurnMetrics | None = None

    def reached(self, moment: str, at_s: float) -> None:
        self.moments.setdefault(moment, at_s)

    def ended_at(self, moment: str, at_s: float) -> None:
        self.moments[moment] = at_s


@dataclass(slots=True)
class Account:
    """An answer's, or what no answer has taken yet."""

    given_up: int = 0
    pieces: int = 0
    usage: Usage | None = None
    synthesised_s: float = 0.0
    heard_s: float = 0.0
    characters: int = 0
    user_s: float = 0.0
    tools: int = 0
    moments: dict[str, float] = field(default_factory=dict)
    metrics: list[ev.TurnMetrics] = field(default_factory=list)

    def add(self, work: Work, heard_s: float) -> None:
        self.pieces += work.pieces
        self.synthesised_s += work.synthesised_s
        self.heard_s += heard_s
        self.characters += work.characters
        self.tools += work.tools
        if work.usage is not None:
            before = self.usage or Usage()
            self.usage = Usage(*(getattr(before, f.name) + getattr(work.usage, f.name) for f in fields(Usage)))

    def answer(self, work: Work, heard_s: float) -> None:
        """It is of the answer itself."""
        self.add(work, heard_s)
        last: dict[str, float] = {name: work.moments[name] for name in OF_LAST if name in work.moments}
        self.moments = {**work.moments, **self.moments, **last}
        if work.metrics is not None:
            self.metrics.append(work.metrics)

    @property
    def empty(self) -> bool:
        return not (self.given_up or self.pieces or self.usage or self.synthesised_s or self.characters or self.user_s)


class Records:
    """See the module. `after` once for each item that the machine took."""

    def __init__(self, port_rate: int) -> None:
        self._port_rate = port_rate
        self._works: dict[int, Work] = {}
        self._live: Work | None = None
        self._answer = Account()  # of the live reply, or of the steps before the next one
        self._steps: Work | None = None  # the last step, while the next is awaited
        self._spent = Account()  # not in any answer yet
        self._recognised: dict[int, int] = {}  # recognition -> where its audio begins
        self._turns: dict[int, dict[str, float]] = {}  # turn -> its moments, while it is not answered

    def after(
        self,
        item: it.Item,
        effects: Sequence[do.Effect],
        reply: Reply | None,
        *,
        continues: bool,
        steps: bool,
        wanted: bool,
    ) -> Iterator[ev.TurnRecord]:
        """`reply`: the machine's, now; it `continues` an answer after tools. `steps`: such a one is to come, `wanted`:
        another answer is."""
        at_s = item.at.mic / MIC_RATE
        self._take(item, at_s)
        for effect in effects:
            self._see(effect, item, at_s)
        live = self._live
        if live is not None and (reply is None or reply.number != live.number):
            self._live = None
            anew = wanted or steps or (reply is not None and reply.kind != "say")
            yield from self._retired(live, item, effects, anew, at_s)
        if self._steps is not None and not steps and not (reply is not None and continues):
            yield self._told(self._steps, at_s)
        if reply is not None and self._live is None:
            self._begin(reply, continues)
        if isinstance(item, it.CloseAsked) and not self._spent.empty:
            spent, self._spent = self._spent, Account()
            yield self._told_apart(Work(0, outcome="given_up"), spent, at_s)

    # ---- What comes, and what is wanted.

    def _take(self, item: it.Item, at_s: float) -> None:
        match item:
            case (
                it.TokenCame() | it.CallCame() | it.TokensFailed() | it.UsageCame()
                | it.VoiceAsked() | it.AudioCame() | it.AudioFailed()
            ):  # fmt: skip
                work = self._works.get(item.reply)
                if work is not None:
                    _count(work, item, at_s)
                else:  # of one that is over: for nothing
                    _count(late := Work(item.reply), item, at_s)
                    self._spent.add(late, 0.0)
            case it.TokensEnded():
                if (work := self._works.get(item.reply)) is not None:
                    work.ended = True
                    work.ended_at("text_ended_s", at_s)
            case it.AudioEnded():
                if (work := self._works.get(item.reply)) is not None:
                    work.ended_at("audio_ended_s", at_s)
            case it.ReplySounded():
                if (work := self._works.get(item.reply)) is not None:
                    work.reached("first_sample_s", at_s)
            case it.ReplyAudible():
                if (work := self._works.get(item.reply)) is not None:
                    left_s = at_s - item.samples / self._port_rate
                    work.reached("heard_s", max(left_s, work.moments.get("first_sample_s", left_s)))

    def _see(self, effect: do.Effect, item: it.Item, at_s: float) -> None:
        match effect:
            case do.BeginReply():
                while len(self._works) >= WORKING:
                    del self._works[next(iter(self._works))]
                self._works[effect.reply] = Work(effect.reply)
            case do.StartModel():
                if (work := self._works.get(effect.reply)) is not None:
                    work.reached("asked_s", at_s)
            case do.StartSpeech():
                if (work := self._works.get(effect.reply)) is not None:
                    work.speaks = True
            case do.RunTools():
                if (work := self._works.get(effect.reply)) is not None:
                    work.tools = len(effect.calls)
            case do.OpenRecognition():
                self._recognised[effect.turn] = effect.start
            case do.EndRecognition():
                self._recognised_to(effect.turn, effect.until)
            case do.CloseRecognition():
                self._recognised_to(effect.turn, item.at.mic)
            case do.DropReply():
                held = self._works.get(effect.reply)
                if held is not None and held is not self._live and held.reply is None:  # begun ahead and dropped
                    self._give_up(held)
            case do.Emit():
                self._hear(effect.event)

    def _recognised_to(self, turn: int, until: int) -> None:
        if (start := self._recognised.pop(turn, None)) is not None:
            self._spent.user_s += max(0, until - start) / MIC_RATE

    def _hear(self, event: ev.SessionEvent) -> None:
        match event:
            case ev.TurnEnded():
                self._turns[event.turn] = {"speech_ended_s": event.ended_s, "turn_decided_s": event.decided_s}
                while len(self._turns) > WORKING:
                    del self._turns[next(iter(self._turns))]
            case ev.TranscriptUpdated(final=True):
                if (turn := self._turns.get(event.turn)) is not None:
                    turn["stt_final_s"] = event.at_s
            case ev.ReplyText():
                if (work := self._works.get(event.reply)) is not None:
                    work.reached("first_clause_s", event.at_s)
            case ev.TurnMetrics():
                if (work := self._works.get(event.reply)) is not None:
                    work.metrics = event

    # ---- Replies.

    def _begin(self, reply: Reply, continues: bool) -> None:
        work = self._works.setdefault(reply.number, Work(reply.number))
        work.reply, self._live = reply, work
        if reply.kind == "say":
            return
        self._steps = None
        if not continues:
            self._answer = Account(moments=self._turns.pop(reply.answers.turn, {}) if reply.answers is not None else {})
        spent, self._spent = self._spent, Account()
        for name in ("given_up", "pieces", "synthesised_s", "heard_s", "characters", "user_s"):
            setattr(self._answer, name, getattr(self._answer, name) + getattr(spent, name))
        if spent.usage is not None:
            self._answer.add(Work(0, usage=spent.usage), 0.0)

    def _retired(
        self, work: Work, item: it.Item, effects: Sequence[do.Effect], anew: bool, at_s: float
    ) -> Iterator[ev.TurnRecord]:
        self._works.pop(work.number, None)
        reply = work.reply
        assert reply is not None
        heard_s = _heard(reply, item) / self._port_rate
        work.outcome = _outcome(work, effects)
        if reply.kind == "say":
            account = Account()
            account.answer(work, heard_s)
            yield self._told_apart(work, account, at_s)
        elif work.outcome == "given_up" and anew and not work.tools:
            if reply.answers is not None:
                turn = {name: moment for name, moment in self._answer.moments.items() if name in OF_TURN}
                self._turns.setdefault(reply.answers.turn, turn)
            given_up, self._answer = self._answer, Account()
            if reply.steps and given_up.metrics:  # earlier steps stay what they are
                self._answer, self._steps = given_up, work
            else:
                self._spent = _sum(self._spent, given_up)
            self._spent.add(work, heard_s)
            self._spent.given_up += 1
        else:
            self._answer.answer(work, heard_s)
            if work.tools:
                self._steps = work
            else:
                yield self._told(work, at_s)

    def _give_up(self, work: Work) -> None:
        self._works.pop(work.number, None)
        self._spent.add(work, 0.0)
        self._spent.given_up += 1

    def _told(self, work: Work, at_s: float) -> ev.TurnRecord:
        account, self._answer, self._steps = self._answer, Account(), None
        return self._told_apart(work, account, at_s)

    @staticmethod
    def _told_apart(work: Work, account: Account, at_s: float) -> ev.TurnRecord:
        """Not of the answer under way, which may go on."""
        reply, usage = work.reply, account.usage
        return ev.TurnRecord(
            at_s=at_s,
            turn=reply.answers.turn if reply is not None and reply.answers is not None else 0,
            reply=work.number,
            outcome=work.outcome,
            moments=replace(ev.Moments(ended_s=at_s), **account.moments),
            steps=tuple(account.metrics),
            tools=account.tools,
            given_up=account.given_up,
            user_for_s=account.user_s,
            synthesised_for_s=account.synthesised_s,
            heard_for_s=account.heard_s,
            characters=account.characters,
            pieces=account.pieces,
            prompt_tokens=usage.prompt if usage is not None else None,
            completion_tokens=usage.completion if usage is not None else None,
            cached_tokens=usage.cached if usage is not None else None,
        )


OF_LAST: Final = ("text_ended_s", "audio_ended_s")
OF_TURN: Final = ("speech_ended_s", "turn_decided_s", "stt_final_s")


def _count(
    work: Work,
    item: it.TokenCame | it.CallCame | it.TokensFailed | it.UsageCame | it.VoiceAsked | it.AudioCame | it.AudioFailed,
    at_s: float,
) -> None:
    match item:
        case it.TokenCame():
            work.pieces += 1
            work.reached("first_token_s", at_s)
        case it.CallCame():
            work.reached("first_token_s", at_s)
        case it.UsageCame():
            work.usage = item.usage
        case it.VoiceAsked():
            work.characters += item.characters
        case it.AudioCame():
            work.synthesised_s += item.samples / item.rate
            if item.samples:
                work.reached("first_audio_s", at_s)
        case it.TokensFailed() | it.AudioFailed():
            work.failed = True


def _heard(reply: Reply, item: it.Item) -> int:
    """Samples of it that were, at the port's rate."""
    match item:
        case it.ReplyDone() if item.reply == reply.number:
            return reply.audio_end
        case it.ReplyCut() if item.reply == reply.number:
            return min(item.heard, reply.audio_end)
        case it.CloseAsked():
            return min(item.heard, reply.audio_end)
    return 0


def _outcome(work: Work, effects: Sequence[do.Effect]) -> ev.RecordOutcome:
    told = [effect.event for effect in effects if isinstance(effect, do.Emit)]
    if work.failed:
        return "failed"
    for event in told:
        if isinstance(event, ev.AgentSpeechHeard) and event.reply == work.number:
            return "heard"
        if isinstance(event, ev.AgentSpeechInterrupted) and event.reply == work.number and event.heard:
            return "interrupted"
    return "silent" if work.ended and not work.speaks else "given_up"


def _sum(first: Account, second: Account) -> Account:
    """Amounts alone: what was given up has no moments."""
    total = replace(first, moments={}, metrics=[])
    for name in ("given_up", "pieces", "synthesised_s", "heard_s", "characters", "user_s", "tools"):
        setattr(total, name, getattr(first, name) + getattr(second, name))
    if second.usage is not None:
        total.add(Work(0, usage=second.usage), 0.0)
    return total
