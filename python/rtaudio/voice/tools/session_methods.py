"""What a session itself can offer its client: only what the app names."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

from rtaudio.voice.tools.client_methods import ClientMethod, client_method
from rtaudio.voice.tools.context import ToolContext
from rtaudio.voice.tools.errors import ToolDefinitionError, ToolError

SessionMethod = Literal["say", "interrupt", "user_text", "generate_reply", "history", "press"]


@client_method
async def say(context: ToolContext[Any], text: str) -> None:
    """Has the agent say `text`; does not wait until it is heard."""
    try:
        context.session.say(text)
    except (ValueError, BufferError) as error:
        raise ToolError(str(error)) from error


@client_method
async def interrupt(context: ToolContext[Any]) -> None:
    """Stops what the agent is thinking or saying."""
    context.session.interrupt()


@client_method
async def user_text(context: ToolContext[Any], text: str) -> None:
    """What the user has typed: a turn as if it had been spoken. Does not wait for the answer."""
    _reply(context, text, None)


@client_method
async def generate_reply(context: ToolContext[Any], instructions: str = "") -> None:
    """Has the model speak; does not wait until it is heard. Whoever has the client tells the model what to do."""
    _reply(context, None, instructions or None)


def _reply(context: ToolContext[Any], user_input: str | None, instructions: str | None) -> None:
    try:
        context.session.generate_reply(user_input=user_input, instructions=instructions)
    except (ValueError, BufferError) as error:
        raise ToolError(str(error)) from error


@client_method
async def history(context: ToolContext[Any], last: int = 20) -> list[dict[str, str]]:
    """The last messages: who, and what was heard. What tools did is not among it."""
    messages = context.session.history.messages[-last:] if last > 0 else []
    return [{"role": message.role, "text": message.text} for message in messages]


@client_method
async def press(context: ToolContext[Any], keys: str) -> None:
    """The user has pressed keys of a keypad: of 0-9, *, #, A-D."""
    try:
        context.session.press(keys)
    except ValueError as error:
        raise ToolError(str(error)) from error


_ALL: Final = {method.name: method for method in (say, interrupt, user_text, generate_reply, history, press)}


def session_methods(*names: SessionMethod) -> tuple[ClientMethod, ...]:
    """`CallSetup(methods=session_methods("say", "interrupt"))`. Raises ToolDefinitionError for a name it has not."""
    if not names or not _ALL.keys() >= set(names):
        raise ToolDefinitionError(f"session_methods{names}: give some of {', '.join(get_args(SessionMethod))}")
    return tuple(_ALL[name] for name in names)
