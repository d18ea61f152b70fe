"""Tasks that are ready to run: yes or no, digits by voice or keys, one of several. Needs the extra `tools`.

    sure = await session.run_task(Confirm("Shall I book it?"))
    number = await session.run_task(CollectDigits("What is your customer number?", length=4))
    pin = await session.run_task(CollectDigits("Please enter your PIN.", length=4, secret=True))
    size = await session.run_task(Choose("Small or large?", {"small": 30, "large": 40}))

What is plain (English) is taken without a model: "yes please", "oh double five", a key. All else goes to the model of
the session, which has a tool for the answer; and `give_up`, where the user refuses: TaskRefused.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Final, TypeVar

from rtaudio.voice.agent import StopReply
from rtaudio.voice.digit_collection import PRESSED, DigitCollection, DigitTexts, Do
from rtaudio.voice.keys import MOST_KEYS, Keypad
from rtaudio.voice.refusals import AttemptsSpent, TaskRefused
from rtaudio.voice.speech import SpeechHandle
from rtaudio.voice.spoken_digits import words_of, yes_or_no
from rtaudio.voice.task import Task
from rtaudio.voice.tools import ToolError, tool

if TYPE_CHECKING:
    from rtaudio.voice.chat import ChatMessage
    from rtaudio.voice.session import Session

__all__ = ["Choose", "CollectDigits", "Confirm", "DigitTexts"]

T = TypeVar("T")
SHORT: Final = "Speak in one short sentence."


class _Asking(Task[T]):
    """Says its question, and something instead of what it is saying."""

    def __init__(self, question: str, instructions: str, timeout_s: float | None) -> None:
        super().__init__(f"{instructions} {SHORT}")
        self.question = question
        self._speech: SpeechHandle | None = None
        if timeout_s is not None:
            self.timeout_s = timeout_s

    async def on_enter(self, session: Session) -> None:
        self._say(session, self.question)

    def _say(self, session: Session, text: str) -> None:
        self._stop()
        self._speech = session.say(text)

    def _stop(self) -> None:
        if self._speech is not None and not self._speech.done():
            self._speech.interrupt()
        self._speech = None

    def _finish(self, value: T) -> None:
        """The question need not be heard to its end."""
        if not self.over:
            self._stop()
            self.complete(value)

    @tool
    async def give_up(self, reason: str) -> str:
        """The user will not answer this, and says so for good.

        Args:
            reason: what the user said.
        """
        if not self.over:
            self.fail(TaskRefused(reason))
        return "Given up."


class Confirm(_Asking[bool]):
    """Yes or no. By voice, or by key: 1 is yes, 2 is no. `timeout_s`: of the whole, as for any task."""

    keypad = Keypad(most=1)

    def __init__(self, question: str, *, timeout_s: float | None = None) -> None:
        super().__init__(question, f"The user was asked: {question!r} Find out whether it is yes or no.", timeout_s)

    async def on_turn(self, session: Session, message: ChatMessage) -> str | None:
        if self.over or (answer := yes_or_no(PRESSED.sub(" ", message.text))) is None:
            return None
        self._finish(answer)
        raise StopReply

    async def on_digits(self, session: Session, digits: str) -> None:
        if digits[:1] in ("1", "2"):
            self._finish(digits[0] == "1")
        elif not self.over:
            self._say(session, self.question)

    @tool
    async def answer(self, yes: bool) -> str:
        """Notes what the user has decided.

        Args:
            yes: whether it is yes.
        """
        self._finish(yes)
        return "Noted."


class Choose(_Asking[T]):
    """One of `options`, whose names are what the user says; gives the value. By key: its number, from 1. `timeout_s`:
    of the whole. ValueError for fewer than two options."""

    def __init__(self, question: str, options: Mapping[str, T], *, timeout_s: float | None = None) -> None:
        if len(options) < 2:
            raise ValueError(f"Choose: {len(options)} options; there is a choice between two or more")
        self.options = dict(options)
        names = "; ".join(self.options)
        super().__init__(question, f"The user was asked: {question!r} Find out which one: {names}.", timeout_s)
        self.keypad = Keypad(most=len(str(len(self.options))))

    async def on_turn(self, session: Session, message: ChatMessage) -> str | None:
        said = set(words_of(PRESSED.sub(" ", message.text)))
        named = [name for name in self.options if (words := set(words_of(name))) and words <= said]
        if self.over or len(named) != 1 or said & {"not", "no", "or", "except"}:
            return None
        self._finish(self.options[named[0]])
        raise StopReply

    async def on_digits(self, session: Session, digits: str) -> None:
        number = int(digits.rstrip("#")) if digits.rstrip("#").isdigit() else 0
        if 1 <= number <= len(self.options):
            self._finish(list(self.options.values())[number - 1])
        elif not self.over:
            self._say(session, self.question)

    @tool
    async def choose(self, name: str) -> str:
        """Notes what the user has chosen.

        Args:
            name: of the option, as it is written.
        """
        if name not in self.options:
            raise ToolError(f"There is no {name!r}; the options are: {'; '.join(self.options)}")
        self._finish(self.options[name])
        return "Noted."


class CollectDigits(_Asking[str]):
    """Digits, said or pressed, read back one by one and confirmed.

    `length`, or `least` and `most`: how many. `terminator`: a key that ends an entry; `*` begins it anew.
    `key_timeout_s`: so long after a key an entry is complete. `confirm`: whether they are read back; by default unless
    they are secret. `secret`: taken by keys alone, never said, and kept out of history, journal and models; what the
    user says all the same is in the history, as anything that is said. `attempts`: so often it may be wrong; then
    AttemptsSpent. `timeout_s`: of the whole. `texts`: what is said. ValueError for numbers that make no sense.
    """

    def __init__(
        self,
        prompt: str,
        *,
        length: int | None = None,
        least: int = 1,
        most: int = 32,
        terminator: str = "#",
        key_timeout_s: float = 3.0,
        timeout_s: float | None = None,
        confirm: bool | None = None,
        secret: bool = False,
        attempts: int = 3,
        texts: DigitTexts | None = None,
    ) -> None:
        if length is not None:
            least = most = length
        if not 1 <= least <= most < MOST_KEYS or attempts < 1:
            raise ValueError(
                f"CollectDigits: {least}..{most} digits, {attempts} attempts: must be 1..{MOST_KEYS - 1} and at least 1"
            )
        self.secret = secret
        self.keypad = Keypad(most, f"{terminator}*", key_timeout_s, secret=secret)
        asks = confirm if confirm is not None else not secret
        self._collection = DigitCollection(
            prompt, least, most, asks, secret, terminator, attempts, texts if texts is not None else DigitTexts()
        )
        self._before, self._turn_began_s = copy(self._collection), -1.0
        wanted = f"Collect {self._collection.wanted} digits. The user was asked: {prompt!r}"
        how = "They are pressed on a keypad alone, and you never hear them." if secret else "Note them once complete."
        super().__init__(prompt, f"{wanted} {how}", timeout_s)
        self.tools = () if secret else (_ByVoice(self),)

    async def on_turn(self, session: Session, message: ChatMessage) -> str | None:
        if self.over:
            return None
        if message.began_s == self._turn_began_s:  # the user went on with it, and this is all of it
            self._collection = copy(self._before)
        self._before, self._turn_began_s = copy(self._collection), message.began_s
        does = self._collection.heard(message.text)
        if does.what == "model":
            return f"Digits so far: {self._collection.digits or 'none'}."
        self._do(session, does)
        raise StopReply

    async def on_digits(self, session: Session, digits: str) -> None:
        if not self.over:
            self._turn_began_s = -1.0
            self._do(session, self._collection.keyed(digits))

    def _do(self, session: Session, does: Do) -> None:
        match does.what:
            case "say":
                self._say(session, does.text)
            case "done":
                self._finish(does.text)
            case "spent":
                self._stop()
                self.fail(AttemptsSpent(f"no digits after {self._collection.attempts} attempts"))
            case _:
                pass


class _ByVoice:
    """What the model has for digits that were not said plainly."""

    def __init__(self, task: CollectDigits) -> None:
        self._task = task

    @tool
    async def note_digits(self, digits: str) -> str:
        """Notes all digits, as the user has said or corrected them.

        Args:
            digits: all of them, in order, without anything between.
        """
        state = self._task._collection
        if wrong := state.noted(digits):
            raise ToolError(wrong)
        if not state.confirming:
            self._task._finish(digits)
            return "Noted."
        return f"Noted, not confirmed. Say exactly: {state.said(state.texts.read_back)}"

    @tool
    async def accept(self) -> str:
        """The user says that the digits which were read back are right."""
        state = self._task._collection
        if not state.confirming:
            raise ToolError("No digits were read back yet.")
        self._task._finish(state.digits)
        return "Confirmed."
