"""Tasks one after another, for one result; the user may go back to an earlier one.

    @dataclass
    class Order:
        dish: str
        address: Address
        note: str | None = None

    order = await session.run_task(TaskGroup(Order, [
        Step("dish", lambda known: AskDish()),
        Step("address", lambda known: AskAddress()),
        Step("note", lambda known: AskNote(known["dish"]), optional=True),
    ]))

In which order they are asked is decided by group_plan.py. A group is a task itself: it is run where tasks are run, is a
step of another group, and has no voice of its own. While none of its tasks is in charge it is, and what the user says
or presses then is of the next one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NotRequired, TypeVar, get_origin, get_type_hints, is_typeddict

from rtaudio.voice.group_moves import Move, Moved, known_text, tools_for
from rtaudio.voice.group_plan import GroupPlan, OnChange, StepRules
from rtaudio.voice.history_policy import HistoryPolicy
from rtaudio.voice.keys import Keypad
from rtaudio.voice.refusals import GroupFailed, TaskRefused
from rtaudio.voice.task import Task, TaskCancelled

if TYPE_CHECKING:
    from rtaudio.voice.session import Session

T = TypeVar("T")
Known = Mapping[str, Any]
"""Results so far, by name of the step."""
MOST_RETURNS: Final = 16


@dataclass(frozen=True, slots=True)
class Step:
    """One result of a group.

    `name`: of the result. `make`: gives a new task for it, from the results of the group so far. `about`: what it is,
    in words for the model ("the delivery address"); by default the name. `depends_on`: steps before it; when the user
    changes one of them, `on_change` says whether this is asked again or kept. `optional`: the user may leave it out,
    and if its task comes to nothing the group goes on. `when`: whether it is wanted, by the results of the steps before
    it. `attempts`: how often its task is tried that fails or takes too long. `timeout_s`: of each, as for `run_task`.
    `history`: what its task is shown of the talk; by default what that says itself (all, if nothing).
    """

    name: str
    make: Callable[[Known], Task[Any]]
    about: str = ""
    depends_on: tuple[str, ...] = ()
    on_change: OnChange = "ask"
    optional: bool = False
    when: Callable[[Known], bool] | None = None
    attempts: int = 1
    timeout_s: float | None = None
    history: HistoryPolicy | None = None


class TaskGroup(Task[T]):
    """See the module. `result`: makes the result of the results of its steps, each by its name: a dataclass, a
    TypedDict, any callable. Steps that were left out are not given, so what they are for needs a default.

    Its tasks are told what is known, and their models get tools: `go_back` (to a step that is done), `skip` (one that
    is optional) and `give_up` (the user refuses). Results of tasks whose `secret` is true are not shown.

    Whoever waits gets GroupFailed where a step that is not optional came to nothing, and all that `Session.run_task`
    raises. `history`: what all of it is shown of the talk before; with `fresh` or `copy` the agent below is not shown
    what was said in the group. `timeout_s`: of the whole. `most_returns`: how often the user may go back. `keypad`: for
    keys that are pressed between two tasks. Raises ValueError for steps that do not fit together, or the result.
    """

    _answers = False
    _outer: tuple[Move, ...] = ()
    _told: tuple[str, ...] = ()

    def __init__(
        self,
        result: Callable[..., T],
        steps: Iterable[Step],
        *,
        name: str | None = None,
        history: HistoryPolicy | None = None,
        timeout_s: float | None = None,
        most_returns: int = MOST_RETURNS,
        keypad: Keypad | None = None,
    ) -> None:
        super().__init__(name=name, history=history)
        ordered = tuple(steps)
        self._steps = {step.name: step for step in ordered}
        self._plan = GroupPlan([_rules(step) for step in ordered], most_returns)
        self._make = result
        self._secrets: set[str] = set()
        self._cause: BaseException | None = None
        if timeout_s is not None:
            self.timeout_s = timeout_s
        if keypad is not None:
            self.keypad = keypad
        _check_result(result, ordered)

    @property
    def results(self) -> dict[str, Any]:
        """Of the steps that are done, by name, in order."""
        return self._plan.results

    async def on_enter(self, session: Session) -> None:
        try:
            while (step := self._plan.begin()) is not None:
                await self._ask(session, self._steps[step.name])
        except (TaskCancelled, Moved) as error:  # it is broken off, or the user went back beyond it
            return self._fail(error)
        if self._plan.failed:
            failed = GroupFailed(self._plan.failed, str(self._cause) or repr(self._cause), self.results)
            failed.__cause__ = self._cause
            return self._fail(failed)
        self.complete(self._make(**self.results))

    async def _ask(self, session: Session, step: Step) -> None:
        task = step.make(self.results)
        if not isinstance(task, Task):
            raise TypeError(f"{self.name}: step {step.name}: `make` gave {type(task).__name__}, and no Task")
        self._prepare(task, step)
        try:
            value = await session.run_task(task, timeout_s=step.timeout_s, history=step.history)
        except TaskCancelled:
            raise
        except Moved as moved:
            if moved.group is not self:
                raise
            if moved.to is None:
                self._plan.skip()
            else:
                self._plan.go_back(moved.to)
        except TaskRefused as error:
            self._cause = error
            self._plan.refused()
        except Exception as error:
            if session.closed:
                raise TaskCancelled("the session closed") from error
            self._cause = error
            self._plan.came_to_nothing()
        else:
            if getattr(task, "secret", False):
                self._secrets.add(step.name)
            self._plan.done(value)

    def _prepare(self, task: Task[Any], step: Step) -> None:
        """Tells it what is known, and where its user can go."""
        told = (*self._told, *(f"{self._about(name)}: {self._shown(name)}" for name in self.results))
        moves: list[Move] = [(self, name, self._about(name)) for name in self._plan.earlier]
        moves += [(self, None, self._about(step.name))] if step.optional else []
        moves += [move for move in self._outer if move[1] is not None or not step.optional]
        if isinstance(task, TaskGroup):
            task._outer, task._told = tuple(moves), told
            return
        before = self._shown(step.name) if self._plan.before(step.name) else ""
        more = known_text(told, before, can_go_back=any(to is not None for _, to, _ in moves))
        task.instructions = "\n\n".join(filter(None, (task.instructions, more)))
        task.tools = (*task.tools, *tools_for(task, tuple(moves)))

    def _about(self, name: str) -> str:
        return self._steps[name].about or name.replace("_", " ")

    def _shown(self, name: str) -> str:
        if name in self._secrets:
            return "(secret)"
        return str(self._plan.before(name)[0])[:500]

    def _fail(self, error: BaseException) -> None:
        if not self.over:
            self.fail(error)


def _rules(step: Step) -> StepRules:
    return StepRules(step.name, tuple(step.depends_on), step.on_change, step.optional, step.attempts, step.when)


def _keys_of(result: Any) -> tuple[set[str], set[str]]:
    """(all, those that are required) of a TypedDict. Its own `__required_keys__` are wrong where annotations are
    strings."""
    try:
        hints = get_type_hints(result, include_extras=True)
    except NameError:  # of a function's own types
        return set(result.__annotations__), set(result.__required_keys__)
    may_be_missing = {name for name, hint in hints.items() if get_origin(hint) is NotRequired}
    return set(hints), set(result.__required_keys__ & hints.keys()) - may_be_missing


def _check_result(result: Callable[..., Any], steps: Sequence[Step]) -> None:
    """That it takes what the steps bring, as far as it says what it takes."""
    names = [step.name for step in steps]
    may_be_left_out = {step.name for step in steps if step.optional or step.when is not None}
    what = getattr(result, "__name__", repr(result))
    if is_typeddict(result):
        taken, required = _keys_of(result)
    else:
        try:
            parameters = inspect.signature(result).parameters.values()
        except (TypeError, ValueError):
            return
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return
        named = [parameter for parameter in parameters if parameter.kind is not parameter.VAR_POSITIONAL]
        taken = {parameter.name for parameter in named}
        required = {parameter.name for parameter in named if parameter.default is parameter.empty}
    if unknown := [name for name in names if name not in taken]:
        raise ValueError(f"group: {what} takes no {unknown}; it takes {sorted(taken)}")
    if missing := sorted(required - set(names)):
        raise ValueError(f"group: no step brings {missing}, which {what} needs")
    if bare := sorted(required & may_be_left_out):
        raise ValueError(f"group: {bare} may be left out, and {what} has no default for it")
