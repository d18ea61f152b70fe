"""What the program holds of something that it wants said or answered: `Session.say` and `generate_reply` give it.

state        leaves to
waiting      thinking when its turn comes; cancelled when it is taken out before that
thinking     speaking when its first sample is put out, again after tools have run; waiting when the user spoke, and
             it is to be begun again; failed when a provider failed and nothing was heard
speaking     thinking while tools run; done; interrupted
done         it came to its end
interrupted  cut, or given up after it had begun
failed       nothing of it was heard: the model or the voice failed, which ProviderFailed told
cancelled    it never began: taken out, or the session was closed
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Final

from rtaudio.voice.calling import waits_for_itself
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.events import SpeechState

OVER: Final[tuple[SpeechState, ...]] = ("done", "interrupted", "failed", "cancelled")
"""States that are the last."""


class SpeechHandle:
    """One text or reply on its way. Event loop's thread only.

        handle = session.say("Good morning.")
        message = await handle                # once it is over: what came into the history, with what was heard

    Awaiting it gives its last message, of a reply with tools that of the last step that said anything. Empty text where
    nothing was heard (`state` says why). Where the session closes before it is over: asyncio.CancelledError. A task
    that awaits it may be cancelled; that changes nothing of the speech. RuntimeError in a tool for which that very
    speech waits.
    """

    def __init__(self, ticket: int, interrupt: Callable[[int], None], behind: object = None) -> None:
        """`behind`: the session, where it does not begin before the answer under way is over, with its tools."""
        self._ticket, self._interrupt, self._behind = ticket, interrupt, behind
        self._state: SpeechState = "waiting"
        self._message: ChatMessage | None = None
        self._over: asyncio.Future[ChatMessage] = asyncio.get_running_loop().create_future()

    @property
    def state(self) -> SpeechState:
        return self._state

    @property
    def message(self) -> ChatMessage | None:
        """What awaiting it gives; None: it is not over, or the session closed first."""
        return self._message

    def done(self) -> bool:
        """It is over, in whatever way."""
        return self._state in OVER

    def interrupt(self) -> None:
        """Ends this one alone: what is spoken is cut, what waits is taken out. The rest of the queue stays. A turn of
        the user that it answers as well is answered anew, if nothing was heard yet. Nothing once it is over."""
        if not self.done():
            self._interrupt(self._ticket)

    async def wait_for_playout(self) -> None:
        """Until it is over: heard to its end, cut, failed, taken out, or the session closed. Raises for none of these;
        RuntimeError as awaiting does."""
        self._check_wait()
        await asyncio.wait([self._over])

    def add_done_callback(self, callback: Callable[[SpeechHandle], object]) -> None:
        """Called with it once it is over, soon if it is already."""
        self._over.add_done_callback(lambda _: callback(self))

    def __await__(self) -> Generator[object, None, ChatMessage]:
        self._check_wait()
        return asyncio.shield(self._over).__await__()

    def __repr__(self) -> str:
        return f"<SpeechHandle {self._ticket}: {self._state}>"

    def _check_wait(self) -> None:
        if self._behind is None or self._state != "waiting" or (tool := waits_for_itself(self._behind)) is None:
            return
        raise RuntimeError(
            f"tool {tool} awaits speech that waits for the tool itself to end: it begins after the answer under way, "
            'with its tools. Give priority="high", do not await it, or return what is to be said'
        )

    # ---- For the session.

    def move(self, state: SpeechState, message: ChatMessage | None = None) -> None:
        """The last state comes with a message, unless the session closed."""
        if self.done():
            return
        self._state, self._message = state, message
        if self.done() and message is not None:
            self._over.set_result(message)
        elif self.done():
            self._over.cancel()
