"""A world around the machine: it answers effects with items, in any order and at any pace that a test draws.

Everything it owes is in `debts`, grouped by queue (a queue is answered in order); `pay` answers the head of one. It
checks on the way what no schedule may break, and keeps what was said and heard.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from rtaudio.voice import effects as do
from rtaudio.voice import items as it
from rtaudio.voice.agent import Agent, AgentSettings
from rtaudio.voice.events import Backchannel, BargeState
from rtaudio.voice.machine import Machine
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.reply import Phase

RATE = 24000
REPLY = "First a clause, and then another one. And a last one."
OPTIONS = SessionOptions(first_clause_chars=5)
Debt = Callable[[], it.Item]


class World:
    def __init__(self, options: SessionOptions | None = None, agent: Agent | AgentSettings | None = None) -> None:
        agent = agent if agent is not None else Agent()
        self.machine = Machine(agent, options if options is not None else OPTIONS, RATE)
        self.judged: set[int] = set()  # turns of which the core said that they ask for nothing
        self.words: dict[int, str] = {}  # of turns that are to say something of their own
        self.items: list[it.Item] = []
        self.effects: list[do.Effect] = []
        self.debts: dict[object, deque[Debt]] = defaultdict(deque)
        self.mic = 0
        self.talking = False
        self.turns: dict[int, str] = {}  # words of each turn that has been understood
        self.numbers: dict[int, int] = {}  # of those turns, as users see them
        self.recognitions: set[int] = set()
        self.dropped: set[int] = set()
        self.played: dict[int, int] = {}  # samples written, per reply
        self.pieces: dict[tuple[int, int], list[int]] = defaultdict(list)
        self.opened_turns = 0
        self.answered: dict[int, int] = {}  # reply -> turn it was begun for
        self.heard: list[int] = []  # replies of which something was heard
        self.core = 0  # where the turn began, as the core has it
        self.resumed: list[tuple[int, int]] = []  # (part that was over, part that goes on with it)
        self.unheard: set[int] = set()  # replies of which nothing had left the loudspeaker when their turn was resumed
        self.fails = False  # the next debt of a provider is answered with a failure

    # ---- Items.

    def at(self) -> it.Stamp:
        self.mic += 160
        return it.Stamp(self.mic, self.mic * 62_500)

    def give(self, item: it.Item) -> None:
        self.items.append(item)
        effects = self.machine.handle(item)
        self.effects += effects
        for effect in effects:
            self._owe(effect)

    def begin_speech(self) -> None:
        self.talking = True
        at = self.at()
        self.core = at.mic - 1000
        self.give(it.SpeechBegan(at, at.mic - 1000, at.mic))

    @property
    def next_turn(self) -> int:
        """The number that the next turn will have."""
        return self.opened_turns + 1

    def resume_turn(self, heard: bool) -> None:
        """The user goes on with the turn that was over last; `heard`: some of an answer had left the loudspeaker."""
        core, reply, over = self.core, self.machine.reply, self.machine.turns.over
        written = reply is not None and reply.number in self.played
        answers_it = reply is not None and reply.answers is not None and over is not None
        answers_it = answers_it and reply.answers.turn == over.turn
        self.begin_speech()
        self.core = core
        if not (answers_it and heard and written):  # else it is an interruption, and a turn of its own
            self.resumed.append((self.opened_turns - 1, self.opened_turns))
            if reply is not None and answers_it:
                self.unheard.add(reply.number)
        samples = 480 if heard and written else 0
        self.give(it.TurnWentOn(self.at(), core, reply.number if reply is not None and written else 0, samples))

    def end_turn(self) -> None:
        self.talking = False
        at = self.at()
        self.give(it.TurnOver(at, at.mic - 9600, at.mic))

    def judge(self, state: BargeState) -> None:
        """The core's word on the turn under way."""
        self.judged.add(self.opened_turns)
        self.give(it.BargeChanged(self.at(), state, "suspected"))

    def blip(self) -> None:
        """Between windows it seemed as if somebody spoke. The core says so only while the agent speaks."""
        reply = self.machine.reply
        if reply is not None and reply.phase is Phase.SPEAKING:
            self.give(it.BargeChanged(self.at(), "suspected", "quiet"))
            self.give(it.BargeChanged(self.at(), "false", "suspected"))

    def pause_speech(self, blips: bool) -> None:
        """Within a turn."""
        at = self.at()
        self.give(it.SpeechPaused(at, at.mic - 3200, at.mic))
        if blips:
            self.blip()
        at = self.at()
        self.give(it.SpeechBegan(at, at.mic - 1000, at.mic))

    @property
    def listened(self) -> set[int]:
        """Recognitions of turns that were told as backchannels."""
        told = [effect.event for effect in self.effects if isinstance(effect, do.Emit)]
        numbers = {event.turn for event in told if isinstance(event, Backchannel)}
        return {recognition for recognition, number in self.numbers.items() if number in numbers}

    def tell_time(self, mic: int) -> None:
        """The media clock runs on to `mic`, and whoever waits for it is told, as a session does."""
        self.mic = max(self.mic, mic)
        if (due := self.machine.due) is not None and due <= self.mic:
            self.give(it.TimeCame(it.Stamp(self.mic, self.mic * 62_500)))

    def pay(self, queue: object) -> None:
        debt = self.debts[queue].popleft()
        if not self.debts[queue]:
            del self.debts[queue]
        self.give(debt())

    def settle(self) -> None:
        """Everything owed is answered and the user is silent."""
        if self.talking:
            self.end_turn()
        for _ in range(10_000):
            if not self.debts:
                return
            self.pay(next(iter(self.debts)))
        raise AssertionError("the machine never comes to rest")

    # ---- Effects.

    def _owe(self, effect: do.Effect) -> None:
        match effect:
            case do.OpenRecognition():
                assert effect.turn not in self.recognitions
                self.recognitions.add(effect.turn)
                self.opened_turns += 1
            case do.EndRecognition():
                self.debts["stt", effect.turn].append(lambda: self._transcript(effect.turn))
            case do.CloseRecognition():
                self.recognitions.discard(effect.turn)
                self.debts.pop(("stt", effect.turn), None)
            case do.StartModel():
                self._answer(effect)
            case do.StartSpeech():
                self._owe_speech(effect.reply, effect.clause)
            case do.PlayAudio():
                self._play(effect)
            case do.EndSegment():
                assert effect.reply not in self.dropped
                self.debts["out"].append(lambda: it.ReplyDone(self.at(), effect.reply))
            case do.Flush():
                self._cut(effect.reply)
            case do.DropReply() | do.StopProviders():
                for queue in [q for q in self.debts if isinstance(q, tuple) and q[:2] == ("reply", effect.reply)]:
                    del self.debts[queue]
                if isinstance(effect, do.DropReply):
                    self.dropped.add(effect.reply)
            case do.Remember() if effect.message.role == "assistant":
                reply = max(self.answered.keys() | self.played.keys())
                self.heard.append(reply)
            case _:
                pass

    def _transcript(self, turn: int) -> it.Item:
        if self.fails:
            return it.TranscriptFailed(self.at(), turn, "stt", "told to")
        text = self.words.get(turn, f"turn{turn}." if turn % 4 else "")
        self.turns[turn] = text
        if (known := self.machine.turns.find(turn)) is not None:
            self.numbers[turn] = known.turn
        return it.TranscriptCame(self.at(), turn, text, True)

    def _answer(self, effect: do.StartModel) -> None:
        assert self.machine.reply is not None
        assert self.machine.reply.answers is not None
        self.answered[effect.reply] = self.machine.reply.answers.number
        for word in REPLY.split(" "):
            self._owe_model(effect.reply, f" {word}")
        self._owe_model(effect.reply, None)

    def _owe_model(self, reply: int, text: str | None) -> None:
        def token() -> it.Item:
            if self.fails:
                return it.TokensFailed(self.at(), reply, "llm", "told to")
            return it.TokensEnded(self.at(), reply, "llm") if text is None else it.TokenCame(self.at(), reply, text)

        self.debts["reply", reply, "llm"].append(token)

    def _owe_speech(self, reply: int, clause: int) -> None:
        def piece() -> it.Item:
            if self.fails:
                return it.AudioFailed(self.at(), reply, clause, "tts", "told to")
            self.pieces[reply, clause].append(4800)
            return it.AudioCame(self.at(), reply, clause, "tts", 4800, RATE)

        queue = self.debts["reply", reply, "tts", clause]
        queue += [piece, piece, lambda: it.AudioEnded(self.at(), reply, clause, "tts")]

    def _play(self, effect: do.PlayAudio) -> None:
        assert effect.reply not in self.dropped, "nothing is played of a reply that was dropped (law 2)"
        if effect.reply not in self.played:
            self.debts["out"].append(lambda: it.ReplySounded(self.at(), effect.reply))
        self.played[effect.reply] = (
            self.played.get(effect.reply, 0) + self.pieces[effect.reply, effect.clause][effect.number]
        )

    def _cut(self, reply: int) -> None:
        """What the playout still owed of the reply will not come: its cut does, with half of it heard if it sounded."""
        self.debts.pop("out", None)
        sounded = any(isinstance(item, it.ReplySounded) and item.reply == reply for item in self.items)
        heard = self.played[reply] // 2 if sounded else 0
        self.debts["out"].append(lambda: it.ReplyCut(self.at(), reply, 0 if reply in self.unheard else heard, 10))

    def core_cuts(self) -> None:
        """A confirmed barge-in: the core has flushed what sounds."""
        reply = self.machine.reply
        assert reply is not None
        self.give(it.BargeChanged(self.at(), "confirmed", "likely"))
        self._cut(reply.number)
