"""Keys that the user presses. A part of the session's machine; keys.py says when an entry of them is complete.

pressed      the user does something (who was away is back). Where the agent in charge says so (Keypad.interrupts),
             what it thinks or says is stopped, unless the user's speech could not stop it either. Nothing else
             begins while an entry is open.
complete     it comes into the history as the user's, "[pressed 1234#]". An agent with on_digits gets it, and
             nobody answers; else it is a turn like words that were typed, and the model answers.
in between   a group of tasks between two of them, or a task that is over and has not left yet, takes none: the
             entry waits for who comes next, whose rules hold for it.
secret       here each key is a mask. Who comes into charge and does not ask for secret keys gets none of them: they
             are forgotten.
close        what was pressed comes into the history.
"""

from __future__ import annotations

from collections.abc import Iterator

from rtaudio.voice import effects as do
from rtaudio.voice import events as ev
from rtaudio.voice import items as it
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.machine_listening import Listening
from rtaudio.voice.reply import Phase
from rtaudio.voice.replying import MIC_RATE


def as_pressed(keys: str) -> str:
    """How the history has them."""
    return f"[pressed {keys}]"


class KeyPresses(Listening):
    """See the module."""

    def _pressed(self, item: it.KeyPressed) -> Iterator[do.Effect]:
        yield do.Emit(ev.DigitPressed(at_s=self._now_s, digit=item.key))
        yield from self._user_is_back(self._at.mic)
        self.presence.fell_silent(self._at.mic)
        self.keys.press(item.key, self._at.mic)
        if self.held is not None:
            self.held.ended = "chat"
        if self.top.settings.keypad.interrupts and self.reply is not None and self.reply.interruption != "off":
            yield from self._stop(self.reply)

    @property
    def _keys_due(self) -> int | None:
        if not self.keys.open or self._keys_wait():
            return None
        return self.keys.due(self.top.settings.keypad)

    def _take_keys(self) -> Iterator[do.Effect]:
        """After each item."""
        rules = self.top.settings.keypad
        if self.keys.secret and not rules.secret and not self._keys_wait():
            self.keys.keys = ""
            yield do.ForgetKeys()
        while (due := self._keys_due) is not None and due <= self._at.mic and not self.closed:
            began = self.keys.began
            keys = self.keys.take(rules)
            if "on_digits" not in self.top.settings.hooks:
                yield from self._typed(as_pressed(keys))
                continue
            yield from self._noted(keys, began)
            self._digits_run, effect = self._run_hook(self.top.number, "on_digits", self._digits_run, digits=keys)
            yield effect

    def _noted(self, keys: str, began: int) -> Iterator[do.Effect]:
        """In the history, and nobody is to answer it."""
        message = ChatMessage("user", as_pressed(keys), began_s=began / MIC_RATE, ended_s=self._now_s)
        speaking = self.reply is not None and self.reply.phase is not Phase.THINKING
        if speaking or self.step is not None:
            self._after.append(message)
        else:
            yield self._remember_user(message)

    def _close_keys(self) -> Iterator[do.Effect]:
        if self.keys.open:
            keys, self.keys.keys = self.keys.keys, ""
            yield from self._noted(keys, self.keys.began)
            yield do.ForgetKeys()
