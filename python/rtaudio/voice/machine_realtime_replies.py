"""Replies of a speech-to-speech model: asked for, taken as they come, and what the model is told of what was heard. A
part of the session's machine, whose rules are in the head of machine_realtime.py.

What a reply came of is known by the number of the connection: what a later one has to know of it, it is told (`Share`)
or gets with the history.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice import realtime_effects as rdo
from rtaudio.voice import realtime_items as rit
from rtaudio.voice.agent import Agent, AgentSettings
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.machine_realtime_server import ServerTurns
from rtaudio.voice.machine_tools import ToolStep
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.realtime import TurnsBy
from rtaudio.voice.realtime_link import Link
from rtaudio.voice.realtime_reply import add_text, grow_to, name_wordless, played
from rtaudio.voice.reply import Reply, ReplyKind
from rtaudio.voice.speech_queue import Wish
from rtaudio.voice.turns import Turn


class ModelReplies(ServerTurns):
    """See the module. `truncates`: the model can be told what was heard."""

    def __init__(
        self,
        agent: Agent | AgentSettings,
        options: SessionOptions,
        port_rate: int,
        history: ChatContext | None = None,
        *,
        turns_by: TurnsBy,
        truncates: bool,
    ) -> None:
        super().__init__(agent, options, port_rate, history, server_turns=turns_by == "server")
        self.link = Link()
        self._truncates = truncates
        self._connections: dict[int, int] = {}  # reply -> connection that it came of
        self._opened_for = 0  # the agent

    @property
    def _model_ready(self) -> bool:
        return self.link.ready and self._opened_for == self.top.number

    def _begin(self) -> Iterator[do.Effect]:
        yield from super()._begin()
        free = self.reply is None and self.step is None and not self.turns.open
        if free and self._offered and self._model_ready:
            yield from self._ask_model("late", None, None)

    def _ask_model(
        self, kind: ReplyKind, turn: Turn | None, step: ToolStep | None, wishes: tuple[Wish, ...] = ()
    ) -> Iterator[do.Effect]:
        if (hook := self._turn_hook) is not None and hook.added:
            yield from self._share(ChatMessage("system", hook.added, began_s=self._now_s, ended_s=self._now_s))
        awaits = self._offered or (self._expected and step is None)
        self._offered = self._expected = False
        for effect in super()._ask_model(kind, turn, step, wishes):
            if isinstance(effect, do.StartModel):
                assert self.reply is not None
                self.reply.times.stt_final = None  # it waits for no words
                self._connections[effect.reply] = self.link.number
                yield rdo.AwaitResponse(effect.reply) if awaits else effect
            else:
                yield effect

    def _spoken_text(self, reply: Reply, item: rit.SpokenTextCame) -> Iterator[do.Effect]:
        reply.times.first_token = reply.times.first_token or item.at.time_ns
        yield from grow_to(reply, item.clause)
        try:
            begin = add_text(reply, item.clause, item.text)
        except ValueError:
            return  # a server that goes back to an earlier message: what it says of it is not placed any more
        if text := item.text.strip():
            offset = begin + len(item.text) - len(item.text.lstrip())
            yield do.Emit(ev.ReplyText(at_s=self._now_s, reply=reply.number, text=text, text_offset=offset))

    def _response_over(self, reply: Reply, item: it.TokensEnded | it.TokensFailed) -> Iterator[do.Effect]:
        """Its text and audio are complete, or there is no more of them."""
        name_wordless(reply)
        reply.text_ended = True
        what = item.what if isinstance(item, it.TokensFailed) else ""
        silent = not any(clause.samples for clause in reply.clauses)
        if silent and not (what or reply.calls or reply.may_be_silent):
            what = "sent nothing that can be heard"
        if what:
            reply.model_failed = True
            if self.link.there:
                yield do.Emit(ev.ProviderFailed(at_s=self._now_s, kind="llm", provider=item.provider, what=what))
        if isinstance(item, it.TokensFailed):
            reply.broken = True  # the last message is not complete: its text may be ahead of its audio
            yield from reply.play()
        elif reply.clauses and not reply.clauses[-1].done:
            yield from reply.end_clause(len(reply.clauses) - 1)
        if reply.finish_writing() and reply.opened:
            yield do.EndSegment(reply.number)
        if isinstance(item, it.TokensEnded) and reply.calls:
            self._step_from[reply.number] = reply.began_mic
            yield from self._run_tools(reply)
        yield from self._retire_silent(reply)

    def _reply_over(self, reply: Reply, message: ChatMessage, heard: int) -> Iterator[do.Effect]:
        """What the model has to know of it."""
        connection = self._connections.get(reply.number)
        stepped = self.step is not None and self.step.reply == reply.number
        if stepped:
            self._step_from[reply.number] = reply.began_mic
        else:
            self._connections.pop(reply.number, None)
        if connection is None or connection != self.link.number:
            if message.text and not stepped:
                yield from self._share(message)
            return
        if not self.link.there:
            return
        if not self._truncates or (heard >= reply.audio_end and reply.text_ended):
            return
        for one in played(reply, heard):
            if one.audio_end_ms is None or not message.text:
                yield rdo.Unsay(reply.number, one.clause)
            else:
                yield rdo.Truncate(reply.number, one.clause, one.audio_end_ms)

    def _share(self, message: ChatMessage) -> Iterator[do.Effect]:
        """One that does not get it now gets it with the history."""
        if self.link.there:
            yield rdo.Share(message)

    # ---- Tools.

    def _commit(self) -> Iterator[do.Effect]:
        step = self.step
        yield from super()._commit()
        if step is None or self.step is not None:
            return
        self._step_from.pop(step.reply, None)
        connection = self._connections.pop(step.reply, None)
        if connection == self.link.number and self.link.there:
            yield rdo.GiveResults(step.reply, tuple((use.output, use.failed) for use in step.uses or ()))
        elif step.message is not None:
            yield from self._share(replace(step.message, tools=step.uses or ()))

    def _commit_left(self) -> Iterator[do.Effect]:
        left = tuple(self._left)
        for effect in super()._commit_left():
            yield effect
            if isinstance(effect, do.Remember) and self._opened_for == self.top.number:
                yield from self._share(effect.message)
        for step in left:
            if all(step is not waits for waits in self._left):
                self._step_from.pop(step.reply, None)
                self._connections.pop(step.reply, None)

    def _said_meanwhile(self, step: ToolStep) -> Iterator[do.Effect]:
        message = step.message
        yield from super()._said_meanwhile(step)
        if message is not None and message.text and self._connections.get(step.reply) != self.link.number:
            yield from self._share(message)

    def _remember_late(self) -> Iterator[do.Effect]:
        for effect in super()._remember_late():
            yield effect
            if isinstance(effect, do.Remember):
                yield from self._share(effect.message)
