"""A world around the machine of tool calls: it answers effects with items, in any order that a test draws.

What it owes is in `debts`; `pay` answers one of them. It checks on the way what no schedule may break.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from rtaudio.voice.chat import ToolUse
from rtaudio.voice.protocols import ToolCall
from rtaudio.voice.tools import call_effects as do
from rtaudio.voice.tools import call_items as it
from rtaudio.voice.tools.calls import Calls
from rtaudio.voice.tools.policy import ToolPolicy

Debt = Callable[[], it.CallItem]


@dataclass
class Kind:
    """A tool: how it is run, what it is keyed by, and how its attempts end, by turns."""

    policy: ToolPolicy
    keyed: bool = False
    ends: tuple[str, ...] = ("returned",)  # returned, raised, transient, stopped, hung
    retry_timeouts: bool = False
    refused: bool = False
    may_cancel: bool = True


@dataclass
class World:
    kinds: dict[str, Kind]
    at_once: int = 16
    machine: Calls = field(init=False)
    items: list[it.CallItem] = field(default_factory=list)
    effects: list[do.CallEffect] = field(default_factory=list)
    debts: dict[object, Debt] = field(default_factory=dict)
    clocks: set[int] = field(default_factory=set)
    running: dict[int, tuple[str, int]] = field(default_factory=dict)  # work -> tool, call
    asked: dict[int, tuple[ToolCall, ...]] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)  # call -> its id
    wanted: dict[int, ToolCall] = field(default_factory=dict)  # call -> as the model wrote it
    delivered: dict[int, tuple[ToolUse, ...]] = field(default_factory=dict)
    outcomes: dict[str, str | None] = field(default_factory=dict)
    late: dict[str, ToolUse] = field(default_factory=dict)
    runs: Counter[int] = field(default_factory=Counter)
    keys_done: set[tuple[str, str]] = field(default_factory=set)
    unforgotten: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.machine = Calls(self.at_once)

    def give(self, item: it.CallItem) -> None:
        self.items.append(item)
        effects = self.machine.handle(item)
        self.effects += effects
        for effect in effects:
            self._owe(effect)
        busy = Counter(tool for tool, _ in self.running.values())
        assert busy.total() <= self.at_once, "law 8"
        assert all(count <= self.kinds[tool].policy.at_once for tool, count in busy.items()), "law 8"

    def call(self, *calls: ToolCall) -> int:
        batch = len(self.asked) + 1
        self.asked[batch] = calls
        self.give(it.Called(batch, calls))
        return batch

    def prepare(self) -> None:
        """Every call that waits for it."""
        for debt in [debt for debt in self.debts if isinstance(debt, tuple) and debt[0] == "prepare"]:
            self.pay(debt)

    def pay(self, debt: object) -> None:
        self.give(self.debts.pop(debt)())

    def settle(self) -> None:
        """Everything that is owed is answered; what hangs is left to the clocks, and stops at last."""
        for _ in range(10_000):
            ready = [debt for debt in self.debts if not self._hangs(debt)]
            if ready:
                self.pay(ready[0])
            elif self.clocks:
                self.ring(min(self.clocks))
            elif self.debts:
                self.pay(next(iter(self.debts)))
            else:
                return
        raise AssertionError("the machine never comes to rest")

    def ring(self, timer: int) -> None:
        self.clocks.remove(timer)
        self.give(it.Woke(timer))

    def _hangs(self, debt: object) -> bool:
        return isinstance(debt, tuple) and debt[0] == "run" and self._end_of(debt[1]) == "hung"

    def _end_of(self, work: int) -> str:
        ends = self.kinds[self.running[work][0]].ends
        return ends[(self.runs[work] - 1) % len(ends)]

    def _owe(self, effect: do.CallEffect) -> None:
        match effect:
            case do.Prepare():
                self.ids[effect.call], self.wanted[effect.call] = effect.call_id, effect.tool_call
                self.unforgotten.add(effect.call)
                self.debts["prepare", effect.call] = lambda: self._prepared(effect)
            case do.Run():
                assert effect.work not in self.running, "one attempt after the other"
                call = self.wanted[effect.call]
                assert effect.call in self.unforgotten
                if self.kinds[call.name].keyed:
                    assert (call.name, call.arguments) not in self.keys_done, "a key that succeeded is not run again"
                    same = [w for w, (tool, c) in self.running.items() if (tool, self.wanted[c].arguments) == (
                        call.name, call.arguments)]  # fmt: skip
                    assert not same, "nor twice at once"
                self.running[effect.work] = (call.name, effect.call)
                self.runs[effect.work] += 1
                assert self.runs[effect.work] <= self.kinds[call.name].policy.retries + 1
                assert effect.attempt == self.runs[effect.work]
                self.debts["run", effect.work] = lambda: self._ended(effect)
            case do.Cancel():
                assert effect.work in self.running
            case do.Ask():
                assert effect.work in self.running or effect.work in self.runs
                may = self.kinds[self._tool_of(effect.work)].may_cancel
                self.debts["ask", effect.work] = lambda: it.Answered(effect.work, may)
            case do.Forget():
                assert effect.call in self.unforgotten, "once"
                self.unforgotten.remove(effect.call)
            case do.Wake():
                assert effect.after_s > 0
                self.clocks.add(effect.timer)
            case do.StopClock():
                self.clocks.remove(effect.timer)
            case do.Began():
                assert effect.call_id not in self.outcomes, "once"
                self.outcomes[effect.call_id] = None
            case do.Ended():
                assert self.outcomes[effect.call_id] is None, "once, after it began"
                self.outcomes[effect.call_id] = effect.outcome
            case do.Deliver():
                assert effect.batch not in self.delivered, "once for each reply"
                self.delivered[effect.batch] = effect.uses
            case do.DeliverLate():
                assert effect.of not in self.late, "once for each call"
                assert any(use.id == effect.of for uses in self.delivered.values() for use in uses), "after the first"
                self.late[effect.of] = effect.use
            case _:
                pass

    def _tool_of(self, work: int) -> str:
        first = next(e for e in self.effects if isinstance(e, do.Run) and e.work == work)
        return self.wanted[first.call].name

    def _prepared(self, effect: do.Prepare) -> it.CallItem:
        call = effect.tool_call
        kind = self.kinds.get(call.name)
        if kind is None or kind.refused:
            return it.Refused(effect.call, "refused")
        key = f"{call.name}:{call.arguments}" if kind.keyed else None
        same = f"{call.name}:{call.arguments}"
        return it.Prepared(effect.call, kind.policy, key, same, kind.retry_timeouts)

    def _ended(self, effect: do.Run) -> it.CallItem:
        end = self._end_of(effect.work)
        tool, call = self.running.pop(effect.work)
        match end:
            case "returned":
                if self.kinds[tool].keyed:
                    self.keys_done.add((tool, self.wanted[call].arguments))
                return it.Returned(effect.work, effect.attempt, "result")
            case "raised" | "transient":
                return it.Raised(effect.work, effect.attempt, "broken", end == "transient")
            case _:
                return it.Stopped(effect.work, effect.attempt)
