"""What the user said to a speech-to-speech model, when its words come: mostly after the answer has begun. A part of the
session's machine, whose rules are in the head of machine_realtime.py.

A turn is a message of the model's conversation when it is over; its words come into the history where they were said,
by the media clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import realtime_effects as rdo
from rtaudio.voice import realtime_items as rit
from rtaudio.voice.agent import Agent, AgentSettings
from rtaudio.voice.backchannels import interrupts
from rtaudio.voice.chat import ChatContext, ChatMessage
from rtaudio.voice.machine import Machine
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.reply import Phase
from rtaudio.voice.replying import MIC_RATE
from rtaudio.voice.turns import Turn

AWAITED_WORDS: Final = 64
"""Turns whose words may be awaited; of older ones they do not come into the history any more."""


@dataclass(slots=True)
class Spoken:
    """A turn that is a message of the model's conversation, and whose words have not come."""

    turn: Turn
    backchannel: bool
    name: str | None = None  # the server's
    given: bool = False  # its audio is the user's message on the connection there is


class LateWords(Machine):
    """See the module."""

    def __init__(
        self,
        agent: Agent | AgentSettings,
        options: SessionOptions,
        port_rate: int,
        history: ChatContext | None = None,
    ) -> None:
        super().__init__(agent, options, port_rate, history)
        self._spoken: list[Spoken] = []
        self._early: dict[str, rit.UserWordsCame | rit.UserWordsFailed] = {}  # before TurnTaken
        self._floor = len(self.history)  # messages of before this session are in another time
        self._step_from: dict[int, int] = {}  # reply of a step -> mic position at which it began

    def _words(self, item: rit.UserWordsCame | rit.UserWordsFailed) -> Iterator[do.Effect]:
        spoken = next((one for one in self._spoken if one.name == item.name), None)
        if spoken is None:
            if len(self._early) < AWAITED_WORDS:
                self._early[item.name] = item
            return
        turn = spoken.turn
        if isinstance(item, rit.UserWordsFailed):
            self._spoken.remove(spoken)
            yield do.Emit(ev.ProviderFailed(at_s=self._now_s, kind="stt", provider=item.provider, what=item.what))
            return
        turn.text = item.text.strip()
        yield do.Emit(ev.TranscriptUpdated(at_s=self._now_s, turn=turn.turn, text=turn.words, final=item.final))
        if not item.final:
            return
        self._spoken.remove(spoken)
        if not turn.text:
            return
        said = ChatMessage(
            *("user", turn.text),
            began_s=turn.begin / MIC_RATE,
            ended_s=turn.end / MIC_RATE,
            backchannel=spoken.backchannel and not interrupts(turn.text, self.options.interrupting_words),
        )
        if said.backchannel:
            yield do.Emit(ev.Backchannel(at_s=self._now_s, turn=turn.turn, text=turn.text))
        if self._comes_after_agent(turn):
            self._after.append(said)
        else:
            yield self._remember_user(said)
        yield from self._late_stop(turn)

    def _comes_after_agent(self, turn: Turn) -> bool:
        """The agent's message that it was said into, or after, is not in the history yet."""
        reply, step = self.reply, self.step
        if reply is not None and reply.phase is not Phase.THINKING and turn.begin >= reply.began_mic:
            return True
        return step is not None and turn.begin >= self._step_from.get(step.reply, 0)

    def _late_stop(self, turn: Turn) -> Iterator[do.Effect]:
        """Words that say "stop", of speech that let the agent go on."""
        reply = self.reply
        if reply is None or reply.phase is not Phase.SPEAKING or turn.begin < reply.began_mic:
            return
        if interrupts(turn.text, self.options.interrupting_words) and reply.interruption == "immediate":
            self._unanswered = turn
            yield from self._stop(reply)

    def _remember_user(self, message: ChatMessage) -> do.Effect:
        """By the media clock; joined to what the user said next to it, where the agent said nothing in between."""
        _place(self.top.chat, message, len(self.history) - self._floor)
        return _place(self.history, message, len(self.history) - self._floor)


def _place(chat: ChatContext, message: ChatMessage, most: int) -> rdo.RememberAt:
    """Among the last `most` messages, which are of this session."""
    index, floor = len(chat), max(0, len(chat) - most)
    while index > floor and chat[index - 1].began_s > message.began_s:
        index -= 1
    before = chat[index - 1] if index > floor else None
    after = chat[index] if index < len(chat) else None
    if before is not None and _joins(before, message):
        index -= 1
        message = replace(message, text=f"{before.text} {message.text}", began_s=before.began_s)
    elif after is not None and _joins(after, message):
        message = replace(message, text=f"{message.text} {after.text}", ended_s=after.ended_s)
    else:
        chat.insert(index, message)
        return rdo.RememberAt(index, message)
    chat.replace(index, message)
    return rdo.RememberAt(index, message, instead=True)


def _joins(other: ChatMessage, message: ChatMessage) -> bool:
    return other.role == "user" and not (other.backchannel or message.backchannel)
