"""What a session's machine knows, as plain data: the part of a checkpoint that is its own. Pure.

`state_of(machine)` reads it; machine_resume.py takes it up again, in another machine. What is left out on purpose is in
that module's head. Agents are numbered anew: 1 is the agent of the talk, the others are those that are still to be put
in charge, in the order of `agents_in`. Turns refer to one another by their place in `MachineState.turns`; -1: none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rtaudio.voice.chat import ChatMessage, ToolUse
from rtaudio.voice.events import BargeState
from rtaudio.voice.items import SayAsked
from rtaudio.voice.keys import MIC_RATE
from rtaudio.voice.machine_keys import as_pressed
from rtaudio.voice.policies import Interruption, Priority
from rtaudio.voice.protocols import Word
from rtaudio.voice.reply import ClauseAudio, Phase, Reply, ReplyKind
from rtaudio.voice.speech_queue import Wish
from rtaudio.voice.turns import Hearing, Turn

if TYPE_CHECKING:
    from rtaudio.voice.machine import Machine
    from rtaudio.voice.machine_tools import ToolStep


@dataclass(frozen=True, slots=True)
class TurnState:
    """Of turns.Turn: places in samples of the mic ring."""

    number: int
    turn: int
    begin: int
    start: int
    state: Hearing
    end: int
    until: int
    text: str
    barge: BargeState
    claims: bool
    failed: bool
    waived: bool
    core: int
    before: int
    heard: bool
    cold: bool
    by_words: bool
    words_at: int
    typed: bool


@dataclass(frozen=True, slots=True)
class WishState:
    """Of what the program wanted said or answered. Whoever held its handle is gone, and so is its audio."""

    kind: Literal["say", "reply"]
    text: str = ""
    instructions: str = ""
    user_input: str | None = None
    tools: tuple[str, ...] | None = None
    interruption: Interruption | None = None
    priority: Priority = "normal"


@dataclass(frozen=True, slots=True)
class StepState:
    """Of machine_tools.ToolStep."""

    reply: int
    kind: ReplyKind
    answers: int
    steps: int
    tools_ns: int
    heard: bool
    text: str
    message: ChatMessage | None
    uses: tuple[ToolUse, ...] | None
    handoffs: tuple[tuple[str, int], ...]
    goes_on: bool
    wishes: tuple[WishState, ...]


@dataclass(frozen=True, slots=True)
class ClauseState:
    """Of reply.ClauseAudio: enough to say which of its words were heard."""

    text: str
    offset: int
    begin: int
    samples: int
    pieces: int
    played: int
    done: bool
    words: tuple[Word, ...]
    found: tuple[Word, ...]
    found_until_s: float


@dataclass(frozen=True, slots=True)
class ReplyState:
    """Of reply.Reply. `opened`: some of its audio went to the playout."""

    number: int
    kind: ReplyKind
    phase: Phase
    interruption: Interruption
    opened: bool
    recorded: bool
    began_mic: int
    text: str
    rate: int
    answers: int
    steps: int
    heard_before: bool
    abandoned: bool
    answered_to: int
    wishes: tuple[WishState, ...]
    clauses: tuple[ClauseState, ...]
    current: int
    written: int
    segment_ended: bool


@dataclass(frozen=True, slots=True)
class LateState:
    """Of a result that came late and is not in the history yet."""

    use: ToolUse
    handoff: int


@dataclass(frozen=True, slots=True)
class SwitchState:
    """Another agent of the talk is on its way."""

    kind: Literal["handoff", "program"]
    number: int
    step: ChatMessage | None
    speaks: bool
    quiet: bool
    hurries: bool


@dataclass(frozen=True, slots=True)
class PresenceState:
    """Of presence.Presence."""

    times: int
    told_at: int
    last_heard: int | None


@dataclass(frozen=True, slots=True)
class MachineState:
    """All of it. `mic`: position of the last item. `chat`: what the agent's model is shown; None: the history."""

    mic: int
    history: tuple[ChatMessage, ...]
    chat: tuple[ChatMessage, ...] | None
    turns: tuple[TurnState, ...]
    open_turns: tuple[int, ...]
    over: int
    turns_counted: int
    turns_seen: int
    last_until: int
    core_turn: int | None
    spoke_at: int | None
    unanswered: int
    after: tuple[ChatMessage, ...]
    answered_to: int
    replies: int
    hook_runs: int
    reply: ReplyState | None
    continued: StepState | None
    step: StepState | None
    go_on: StepState | None
    left: tuple[StepState, ...]
    steps: int
    speaks: bool
    late: tuple[LateState, ...]
    late_untold: bool
    switches: tuple[SwitchState, ...]
    queue: tuple[WishState, ...]
    presence: PresenceState


def agents_in(machine: Machine) -> list[int]:
    """Numbers of the agents that a successor has to know: the one of the talk first."""
    steps = [machine.step, machine._go_on, machine._continued, *machine._left]
    for stay in machine.stack:
        if stay.aside is not None:
            steps += [stay.aside.step, stay.aside.go_on]
    late = [*machine._late, *(one for stay in machine.stack if stay.aside is not None for one in stay.aside.late)]
    wanted = [machine.stack[0].number]
    wanted += [switch.number for switch in machine._switches if switch.kind in ("handoff", "program")]
    wanted += [number for step in steps if step is not None for _, number in step.handoffs]
    wanted += [one.handoff for one in late if one.handoff]
    return list(dict.fromkeys(number for number in wanted if number in machine._came))


def state_of(machine: Machine, numbers: Mapping[int, int]) -> MachineState:
    """`numbers`: the new number of each agent of `agents_in`."""
    bottom, tasks = machine.stack[0], machine.stack[1:]
    turns = _Turns()
    step, go_on, speaks, steps = machine.step, machine._go_on, machine._speaks, machine._steps
    left, late, unanswered = list(machine._left), list(machine._late), machine._unanswered
    if (doing := bottom.aside) is not None:
        # Whoever waits for the tasks above dies with the process: they are over, and what they were about is left.
        asides = [stay.aside for stay in tasks if stay.aside is not None]
        left += [one for one in (step, *(aside.step for aside in asides)) if one is not None]
        late += [*doing.late, *(one for aside in asides for one in aside.late)]
        unanswered = unanswered or doing.unanswered
        step, go_on, speaks, steps = doing.step, doing.go_on, doing.speaks, doing.steps

    def step_state(step: ToolStep | None, *, goes_on: bool = True) -> StepState | None:
        if step is None:
            return None
        handoffs = tuple((call, numbers[number]) for call, number in step.handoffs if number in numbers)
        return StepState(
            reply=step.reply,
            kind=step.kind,
            answers=turns.place(step.answers),
            steps=step.steps,
            tools_ns=step.tools_ns,
            heard=step.heard,
            text=step.text,
            message=step.message,
            uses=step.uses,
            handoffs=handoffs,
            goes_on=step.goes_on and goes_on,
            wishes=_wishes(step.wishes),
        )

    history = machine.history.messages
    chat = bottom.chat.messages
    reply = machine.reply
    known = machine.turns
    return MachineState(
        mic=machine.now_mic,
        history=history,
        chat=None if chat == history else chat,
        open_turns=tuple(turns.place(turn) for turn in known.waiting),
        over=turns.place(known.over),
        turns_counted=known.counted[0],
        turns_seen=known.counted[1],
        last_until=known.last_until or (known.standing.start if known.standing is not None else 0),
        core_turn=machine._core_turn,
        spoke_at=machine._spoke_at,
        unanswered=turns.place(unanswered),
        after=(*machine._after, *_keys(machine)),
        answered_to=machine._answered_to,
        replies=machine._replies,
        hook_runs=machine._runs,
        reply=_reply(reply, turns) if reply is not None else None,
        continued=step_state(machine._continued) if reply is not None else None,
        step=step_state(step),
        go_on=step_state(go_on),
        left=tuple(one for one in (step_state(each, goes_on=False) for each in left) if one is not None),
        steps=steps,
        speaks=speaks,
        late=tuple(LateState(one.use, numbers.get(one.handoff, 0)) for one in late),
        late_untold=machine._late_untold,
        switches=tuple(
            SwitchState(one.kind, numbers[one.number], one.step, one.speaks, one.quiet, one.hurries)
            for one in machine._switches
            if (one.kind == "handoff" or one.kind == "program") and one.number in numbers
        ),
        queue=_wishes(machine.queue),
        presence=PresenceState(machine.presence.times, machine.presence.told_at, machine.presence.last_heard),
        turns=turns.states(),
    )


class _Turns:
    """Gives each turn a place, and those that it goes on with."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}
        self._turns: list[Turn] = []

    def place(self, turn: Turn | None) -> int:
        if turn is None:
            return -1
        if id(turn) not in self._places:
            self._places[id(turn)] = len(self._turns)
            self._turns.append(turn)
            self.place(turn.before)
        return self._places[id(turn)]

    def states(self) -> tuple[TurnState, ...]:
        return tuple(
            TurnState(
                number=turn.number,
                turn=turn.turn,
                begin=turn.begin,
                start=turn.start,
                state=turn.state,
                end=turn.end,
                until=turn.until,
                text=turn.text,
                barge=turn.barge,
                claims=turn.claims,
                failed=turn.failed,
                waived=turn.waived,
                core=turn.core,
                before=self.place(turn.before),
                heard=turn.heard,
                cold=turn.cold,
                by_words=turn.by_words,
                words_at=turn.words_at,
                typed=turn.typed,
            )
            for turn in self._turns
        )


def _keys(machine: Machine) -> list[ChatMessage]:
    """What was pressed of an entry that is not complete: nobody will complete it."""
    if not machine.keys.open:
        return []
    began_s, last_s = machine.keys.began / MIC_RATE, machine.keys.last / MIC_RATE
    return [ChatMessage("user", as_pressed(machine.keys.keys), began_s=began_s, ended_s=last_s)]


def _reply(reply: Reply, turns: _Turns) -> ReplyState:
    return ReplyState(
        number=reply.number,
        kind=reply.kind,
        phase=reply.phase,
        interruption=reply.interruption,
        opened=reply.opened,
        recorded=bool(reply.recording),
        began_mic=reply.began_mic,
        text=reply.text,
        rate=reply.rate,
        answers=turns.place(reply.answers),
        steps=reply.steps,
        heard_before=reply.heard_before,
        abandoned=reply.abandoned,
        answered_to=reply.answered_to,
        wishes=_wishes(wish for wish in reply.wishes if wish.ticket not in reply.dropped or not wish.ticket),
        clauses=tuple(_clause(clause) for clause in reply.clauses),
        current=reply.current,
        written=reply.written,
        segment_ended=reply.segment_ended,
    )


def _clause(clause: ClauseAudio) -> ClauseState:
    return ClauseState(
        text=clause.clause.text,
        offset=clause.clause.offset,
        begin=clause.begin,
        samples=clause.samples,
        pieces=clause.pieces,
        played=clause.played,
        done=clause.done,
        words=tuple(clause.words),
        found=clause.found,
        found_until_s=clause.found_until_s,
    )


def _wishes(wishes: Iterable[Wish]) -> tuple[WishState, ...]:
    """Fillers are of use only while their call is run: they are left out."""
    return tuple(
        WishState("say", wish.text, interruption=wish.interruption, priority=wish.priority)
        if isinstance(wish, SayAsked)
        else WishState("reply", "", wish.instructions, wish.user_input, wish.tools, wish.interruption, wish.priority)
        for wish in wishes
        if not (isinstance(wish, SayAsked) and wish.while_call)
    )
