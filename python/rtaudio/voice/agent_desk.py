"""What a session does for its agents: makes them known, calls their hooks, chooses what they are shown, tells those who
wait for a task. Decides nothing; owns its tasks through the `Tasks` that it is given.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from rtaudio.voice import effects as do
from rtaudio.voice import items as it
from rtaudio.voice.agent import Agent, StopReply, settings_of
from rtaudio.voice.agents import Agents, KnownAgent
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.checks import checked_agent
from rtaudio.voice.handoff import Handoff
from rtaudio.voice.history_policy import Filtered, HistoryPolicy, Kept, Summarised
from rtaudio.voice.keys import SecretKeys
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.protocols import LLM, ProviderKind, Token
from rtaudio.voice.streams import attempt, close_stream, describe
from rtaudio.voice.suspending import suspended, suspending
from rtaudio.voice.task import Task, TaskCancelled
from rtaudio.voice.tasks import Tasks
from rtaudio.voice.troubles import listening

if TYPE_CHECKING:
    from rtaudio.voice.session import Session

T = TypeVar("T")
log = logging.getLogger("rtaudio.hooks")
SUMMARISE: Final = (
    "Sum up the conversation so far in a few sentences, for a colleague who takes over: what the user wants, what is "
    "settled, what is open. Names, numbers and dates exactly."
)
"""What a model is told that makes a summary."""
SUMMARY: Final = "What was said before, in short: "
"""Before a summary."""


class AgentDesk:
    """One session's; see the module."""

    def __init__(
        self,
        session: Session,
        agents: Agents,
        tasks: Tasks,
        post: Callable[[it.Item], None],
        stamp: Callable[[], it.Stamp],
        options: SessionOptions,
        replaced: Callable[[ProviderKind, str, str], None],
    ) -> None:
        self._replaced = replaced
        self._session, self._agents, self._tasks, self._options = session, agents, tasks, options
        self._post, self._stamp = post, stamp
        self._policies: dict[int, HistoryPolicy] = {}
        self._hooks: dict[int, asyncio.Task[None]] = {}
        self._waiting: dict[int, asyncio.Future[None]] = {}  # for tasks
        self._warmed: list[object] = []
        self.secret_keys = SecretKeys()

    # ---- Agents that come.

    def come(self, agent: Agent, history: HistoryPolicy | None = None, by: int = 0) -> int:
        """Makes it known and warms its providers up; its number. Raises ToolDefinitionError, and TypeError for what is
        no agent or no policy."""
        policy = history if history is not None else checked_agent(agent).history
        if not isinstance(policy, Kept | Filtered | Summarised):
            raise TypeError(f"{agent.name}: {policy!r} is no history policy; see rtaudio.voice.history_policy")
        known = self._agents.add(agent)
        self._policies[known.number] = policy
        kept = policy if isinstance(policy, Kept) else None
        self._post(it.AgentCame(self._stamp(), known.number, settings_of(agent), kept, by))
        with listening(self._replaced):
            for kind, provider in self.cold(known):
                work = attempt(provider.warm_up, self.troubled(kind, provider.name))
                self._tasks.start(work, f"warm up {provider.name}")
        return known.number

    def hand_over(self, handoff: Handoff, by: int) -> int:
        """For the tools: `come`, of an agent that a tool of the agent `by` returned."""
        if isinstance(handoff.agent, Task):
            raise TypeError(
                f"{handoff.agent.name} is a task, and comes back with a result: run it, `await context.run_task(...)` "
                "in a tool, `await session.run_task(...)` anywhere else"
            )
        return self.come(handoff.agent, handoff.history, by)

    def cold(self, known: KnownAgent) -> list[tuple[ProviderKind, LLM]]:
        """Its providers that have not been warmed up, and now are to be."""
        cold = [(kind, one) for kind, one in known.providers().items() if all(one is not old for old in self._warmed)]
        self._warmed += [provider for _, provider in cold]
        return cold  # type: ignore[return-value]  # of any kind: all have a name and a warm_up

    def troubled(self, kind: ProviderKind, name: str) -> Callable[[str], None]:
        return lambda what: self._post(it.ProviderTroubled(self._stamp(), kind, name, f"warm-up: {what}"))

    # ---- Effects.

    def carry_out(
        self,
        effect: do.ForgetAgent | do.ChooseHistory | do.RunHook | do.StopHook | do.TaskOver | do.ForgetKeys,
    ) -> None:
        match effect:
            case do.ForgetAgent():
                self._agents.forget(effect.agent)
                self._policies.pop(effect.agent, None)
                self._warmed = [provider for provider in self._warmed if self._agents.use(provider)]
            case do.ChooseHistory():
                self._choose(effect)
            case do.RunHook():
                name, digits = f"{effect.hook} of agent {effect.agent}", self.secret_keys.reveal(effect.digits)
                task = self._tasks.start(self._hook(effect, digits, self._agents[effect.agent].agent), name)
                if not task.done():  # a loop with eager tasks runs short ones at once
                    self._hooks[effect.run] = task
            case do.ForgetKeys():
                self.secret_keys.forget()
            case do.StopHook():
                if effect.run in self._hooks:
                    self._tasks.cancel(self._hooks[effect.run])
            case do.TaskOver():
                future = self._waiting.pop(effect.agent, None)
                if future is None or future.done():
                    return
                if effect.broken_off:
                    future.set_exception(TaskCancelled(effect.broken_off))
                else:
                    future.set_result(None)

    async def _hook(self, effect: do.RunHook, digits: str, agent: Agent) -> None:
        """Posts one item, whatever happens."""
        ended = it.HookEnded(self._stamp(), effect.run)
        call: asyncio.Task[None] | None = None
        limit_s = self._options.turn_hook_timeout_s if effect.hook == "on_turn" else self._options.hook_timeout_s
        try:
            if (before := self._hooks.get(effect.after)) is not None:
                await asyncio.wait({before})
            added, what, stops = "", "", False
            error: Exception | None = None
            outcome: asyncio.Future[str] = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(limit_s) as limit:
                    suspending.set(_suspender(limit, limit_s))
                    name = f"{effect.hook} of {agent.name}"
                    call = self._tasks.start(self._ask(agent, effect, digits, outcome), name)
                    added = await outcome
            except StopReply:
                stops = True
            except TimeoutError as raised:
                error, what = raised, describe(raised)
                if limit.expired():
                    what = f"took longer than {limit_s} s{await self._break_off(call)}"
            except Exception as raised:
                error, what = raised, describe(raised)
            if error is not None and effect.hook == "on_enter" and isinstance(agent, Task) and not agent.over:
                agent.fail(error)
            elif error is not None:
                log.error("%s of agent %s: %s", effect.hook, agent.name, what, exc_info=error)
            ended = it.HookEnded(self._stamp(), effect.run, what, added, stops)
        finally:
            if call is not None and not call.done():
                self._tasks.cancel(call)
            self._hooks.pop(effect.run, None)
            self._post(ended)

    async def _ask(self, agent: Agent, effect: do.RunHook, digits: str, outcome: asyncio.Future[str]) -> None:
        """In a task of its own, so that nobody waits for one that does not heed its cancellation."""
        try:
            added = await self._call(agent, effect, digits)
        except asyncio.CancelledError:
            outcome.cancel()
            raise
        except Exception as error:
            if not outcome.done():
                outcome.set_exception(error)
        else:
            if not outcome.done():
                outcome.set_result(added)

    async def _break_off(self, call: asyncio.Task[None] | None) -> str:
        """Gives it a moment to end; what is to be said of it beyond that."""
        if call is None:
            return ""
        self._tasks.cancel(call)
        _, left = await asyncio.wait({call}, timeout=self._options.close_timeout_s)
        return ", and does not heed its cancellation" if left else ""

    async def _call(self, agent: Agent, effect: do.RunHook, digits: str) -> str:
        match effect.hook:
            case "on_enter":
                await agent.on_enter(self._session)
            case "on_exit":
                await agent.on_exit(self._session)
            case "on_digits":
                await agent.on_digits(self._session, digits)
            case "on_turn" if effect.message is not None:
                added = await agent.on_turn(self._session, effect.message)
                if not isinstance(added, str | None):
                    raise TypeError(f"gave {type(added).__name__}, and not text or None")
                return added or ""
        return ""

    # ---- History.

    def _choose(self, effect: do.ChooseHistory) -> None:
        match self._policies.get(effect.agent):
            case Filtered() as policy:
                try:
                    self._chosen(effect, [message for message in effect.messages if policy.keep(message)])
                except Exception as error:
                    self._chosen(effect, policy.otherwise.of(effect.messages), describe(error))
            case Summarised() as policy if effect.messages:
                with listening(self._replaced):
                    self._tasks.start(self._summarise(effect, policy), f"history for agent {effect.agent}")
            case _:
                self._chosen(effect, effect.messages)

    def _chosen(self, effect: do.ChooseHistory, messages: Sequence[ChatMessage], what: str = "") -> None:
        self._post(it.HistoryChosen(self._stamp(), effect.agent, tuple(messages), what))

    async def _summarise(self, effect: do.ChooseHistory, policy: Summarised) -> None:
        shown = [message for message in effect.messages if message.text or message.tools]
        recent = shown[len(shown) - min(policy.recent, len(shown)) :]
        try:
            async with asyncio.timeout(policy.timeout_s) as limit:
                if policy.by is not None:
                    text = await policy.by(tuple(effect.messages))
                else:
                    text = await self._by_model(self._agents[effect.agent].llm, effect.messages)
            if not isinstance(text, str) or not text.strip():
                raise ValueError("the summary is empty")
            self._chosen(effect, [ChatMessage("system", f"{SUMMARY}{text.strip()}"), *recent])
        except TimeoutError as error:
            what = f"no summary within {policy.timeout_s} s" if limit.expired() else describe(error)
            self._chosen(effect, policy.otherwise.of(effect.messages), what)
        except Exception as error:
            self._chosen(effect, policy.otherwise.of(effect.messages), describe(error))

    async def _by_model(self, llm: LLM, messages: Sequence[ChatMessage]) -> str:
        chat = ChatContext(SUMMARISE, [*messages, ChatMessage("user", SUMMARISE)])
        stream, text = llm.stream(chat), ""
        try:
            async for token in stream:
                text += token.text if isinstance(token, Token) else ""
        finally:
            await close_stream(stream, self._options.close_timeout_s, self.troubled("llm", llm.name))
        return text

    # ---- Tasks.

    async def run_task(self, task: Task[T], timeout_s: float | None, history: HistoryPolicy | None) -> T:
        """See Session.run_task."""
        if not isinstance(checked_agent(task), Task):
            raise TypeError(f"run_task takes a Task, and {type(task).__name__} is none; `hand_over` takes any agent")
        task._need_new()
        number = self.come(task, history)
        task._begin(lambda: self._post(it.TaskEnded(self._stamp(), number)))
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._post(it.TaskAsked(self._stamp(), number))
        limit_s = timeout_s if timeout_s is not None else task.timeout_s
        try:
            with suspended():
                async with asyncio.timeout(limit_s) as limit:
                    await future
        except TimeoutError:
            if limit.expired():
                raise TimeoutError(f"task {task.name}: no result within {limit_s} s") from None
            raise
        finally:
            if self._waiting.pop(number, None) is not None:
                self._post(it.TaskEnded(self._stamp(), number, given_up=True))
        return task._result()

    def close(self) -> None:
        """Nobody waits for a task any more. The machine has told those who do, unless it could not."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(TaskCancelled("the session closed"))
        self._waiting.clear()


def _suspender(limit: asyncio.Timeout, limit_s: float | None) -> Callable[[bool], None]:
    waits = 0

    def suspend(begins: bool) -> None:
        nonlocal waits
        waits += 1 if begins else -1
        if limit_s is not None:
            with contextlib.suppress(RuntimeError):  # it is over; what it began goes on
                limit.reschedule(None if waits else asyncio.get_running_loop().time() + limit_s)

    return suspend
