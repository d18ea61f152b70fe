"""When another agent takes over, and what that means for what is under way. A part of the session's machine, whose
rules are in the head of machine.py.

    handoff, program   the agent at the bottom of the stack is replaced; tasks above it are over, unfinished
    task               put on top: what the agent below was about is put aside with it
    task over          taken off, with those above it; the agent below goes on with what it was about
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.machine_tools import ToolSteps
from rtaudio.voice.speech_queue import Wish
from rtaudio.voice.stack import Doing, Stay, Switch, shown
from rtaudio.voice.start_buffer import StartBuffer


class Switching(ToolSteps):
    """See the module."""

    def _task_ended(self, item: it.TaskEnded) -> Iterator[do.Effect]:
        waits = next((one for one in self._switches if one.kind == "task" and one.number == item.number), None)
        if waits is not None:  # over before it was in charge
            self._switches.remove(waits)
            yield do.TaskOver(item.number)
        elif any(stay.task and stay.number == item.number for stay in self.stack):
            self._switches.append(Switch("task over", item.number, hurries=item.given_up))

    def _switch(self) -> Iterator[do.Effect]:
        """Whoever is to take over does, if it is time."""
        while self._switches and self.reply is None and not self.queue.texts and not self.closed:
            switch = self._switches[0]
            if switch.kind == "task over" and not switch.hurries and self._in_turn_hook(switch.number):
                return
            if self.step is not None and switch.kind != "task":
                if switch.hurries:
                    yield from self._move_on(self.step)
                return
            self._switches.popleft()
            before = self.top
            if self.held is not None:
                self.held.ended = "chat"
            if switch.kind == "task over":
                yield from self._give_back(switch)
            elif (came := self._came.get(switch.number)) is not None:
                after = yield from (self._put_aside(came) if switch.kind == "task" else self._replace(came, switch))
                yield from self._changed(before, switch)
                yield from self._enter(switch, after)

    def _in_turn_hook(self, number: int) -> bool:
        """It may be that hook which ended the task, and it has still to say whether the turn wants an answer."""
        return self.top.number == number and self._turn_hook is not None and not self._turn_hook.done

    def _keys_wait(self) -> bool:
        """Nobody in charge takes keys that are pressed."""
        leaves = (switch.number for switch in self._switches if switch.kind == "task over")
        return not self.top.settings.answers or self.top.number in leaves

    @property
    def _typing(self) -> bool:
        """The user is at an entry of keys."""
        return self.keys.open and not self._keys_wait()

    def _changed(self, before: Stay, switch: Switch) -> Iterator[do.Effect]:
        self.history.instructions = self.top.settings.instructions
        yield do.PutInCharge(self.top.number)
        yield do.Emit(
            ev.AgentChanged(
                at_s=self._now_s, before=before.settings.name, after=self.top.settings.name, why=switch.kind
            )
        )

    def _begin_with_first(self) -> Iterator[do.Effect]:
        yield from self._enter(None, 0)

    def _enter(self, switch: Switch | None, after: int) -> Iterator[do.Effect]:
        """The greeting is what an agent says by itself; where it has none, its model may go on. `after`: the on_exit
        that its own hook waits for."""
        settings = self.top.settings
        if switch is not None:
            self._speaks = (switch.kind == "task" or switch.speaks) and not switch.quiet and settings.answers
        if settings.greeting and not (switch is not None and switch.quiet):
            yield from self._leave_go_on()
            greeting = it.SayAsked(self._at, settings.greeting, 0, settings.greeting_interruption, priority="high")
            self.queue.put(greeting)
        if "on_enter" in settings.hooks:
            self._entering, effect = self._run_hook(self.top.number, "on_enter", after)
            yield effect

    def _said_on_entry(self, wish: Wish) -> Iterator[do.Effect]:
        """What on_enter has said takes the place of what the model would say by itself."""
        if self._entering and wish.ticket:
            yield from self._leave_go_on()

    def _leave_go_on(self) -> Iterator[do.Effect]:
        """Nothing is said by itself."""
        step, self._go_on, self._speaks = self._go_on, None, False
        if step is not None:
            yield from self._move(step.wishes, "interrupted", step.told)

    def _exit(self, stay: Stay, after: int = 0) -> tuple[int, list[do.Effect]]:
        """It will not be in charge again."""
        if "on_exit" not in stay.settings.hooks:
            return after, []
        run, effect = self._run_hook(stay.number, "on_exit", after)
        return run, [effect]

    def _stay(self, came: it.AgentCame, task: bool, always: list[ChatMessage]) -> Iterator[do.Effect]:
        """On top of the stack."""
        chat, choose_from = shown(came, self.top.chat, always)
        buffer = StartBuffer(self.options.start_buffer_s) if came.settings.own_voice else self._start_buffer
        waits = came.history is None
        self.stack.append(Stay(came.number, came.settings, chat, buffer, task, waits))
        if waits:
            yield do.ChooseHistory(came.number, choose_from)

    # ---- Handoffs.

    def _replace(self, came: it.AgentCame, switch: Switch) -> Generator[do.Effect, None, int]:
        """Gives the run of the last on_exit."""
        after = 0
        for stay in reversed(self.stack):
            after, effects = self._exit(stay, after)
            yield from effects
            if stay.task:
                yield do.TaskOver(stay.number, f"the conversation was handed over to {came.settings.name}")
            yield from self._abandon(stay)
        yield from self._stop_turn_hook()
        self._entering = 0
        always = self._unanswered_messages() + ([switch.step] if switch.step is not None else [])
        yield from self._stay(came, False, always)
        del self.stack[:-1]
        return after

    def _abandon(self, stay: Stay) -> Iterator[do.Effect]:
        """Of an agent that was put aside and will not go on with it: it comes into the history all the same."""
        doing, stay.aside = stay.aside, None
        if doing is None:
            return
        for late in doing.late:
            self._came_late(late)
        if doing.hook is not None and not doing.hook.done:
            yield do.StopHook(doing.hook.run)
        if self._unanswered is None and doing.unanswered is not None:
            self._unanswered = doing.unanswered
            self._answered_to = min(self._answered_to, doing.answered_to)
        if doing.go_on is not None:
            yield from self._move(doing.go_on.wishes, "interrupted", doing.go_on.told)
        if doing.step is not None:
            doing.step.goes_on = False
            self._left.append(doing.step)

    # ---- Tasks.

    def _put_aside(self, came: it.AgentCame) -> Generator[do.Effect, None, int]:
        if self.step is not None:
            yield from self._said_meanwhile(self.step)
            yield from self._remember_after()
        always = self._unanswered_messages()
        hook, waits = self._turn_hook, None
        if hook is not None and not hook.done and hook.turn is self._unanswered:
            waits, self._unanswered = self._unanswered, None  # perhaps it is that hook that runs the task
        late = [one for one in self._late if one.handoff]
        self._late = [one for one in self._late if not one.handoff]
        doing = Doing(self.step, self._go_on, self._speaks, self._steps, self._entering, hook, waits)
        doing.answered_to, doing.late, self.top.aside = self._answered_to, late, doing
        self.step = self._go_on = self._turn_hook = None
        self._speaks, self._steps, self._entering = False, 0, 0
        below = self.top
        yield from self._stay(came, True, always)
        if self.top.chat is not below.chat and self._unanswered is not None:
            below.leave_out(always)  # the task answers them, in a chat of its own; what is left is given back
        return 0

    def _give_back(self, switch: Switch) -> Iterator[do.Effect]:
        at = next((at for at, stay in enumerate(self.stack) if stay.task and stay.number == switch.number), None)
        if at is None:
            return
        before, after = self.top, 0
        for stay in reversed(self.stack[at:]):
            after, effects = self._exit(stay, after)
            yield from effects
            yield do.TaskOver(stay.number, "" if stay.number == switch.number else "the task that began it is over")
            yield from self._abandon(stay)
        unanswered = self._unanswered_messages()
        yield from self._stop_turn_hook()
        yield from self._leave_go_on()
        del self.stack[at:]
        doing, self.top.aside = self.top.aside or Doing(), None
        self.step, self._go_on, self._speaks, self._steps = doing.step, doing.go_on, doing.speaks, doing.steps
        self._entering, self._turn_hook = doing.entering, doing.hook
        if self._unanswered is None:
            self._unanswered = doing.unanswered
        for message in unanswered:  # said to the task, and answered by this one
            if not any(message is shown for shown in self.top.chat):
                self.top.remember(message)
        for late in doing.late:
            self._came_late(late)
        yield from self._changed(before, switch)

    # ---- What stops all of it.

    def _be_quiet(self) -> Iterator[do.Effect]:
        """`interrupt`: who takes over says nothing by itself."""
        self._speaks = False
        yield from self._stop_turn_hook()
        for _ in range(len(self._switches)):
            self._switches.append(replace(self._switches.popleft(), quiet=True))

    def _close_agents(self) -> Iterator[do.Effect]:
        for stay in reversed(self.stack):
            yield from self._abandon(stay)
            if stay.task:
                yield do.TaskOver(stay.number, "the session closed")
        for switch in self._switches:
            if switch.kind == "task":
                yield do.TaskOver(switch.number, "the session closed")
        self._switches.clear()
