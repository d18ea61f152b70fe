"""A conversation and its tools, as an OpenAI-compatible chat endpoint wants them.

An agent's message with tools becomes an assistant message with all its calls and, right behind it, one message of role
"tool" for each of them, in order: the rule of the endpoint. As `ToolUse` holds call and result together, it cannot be
broken from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtaudio.voice.chat import ChatContext, ChatMessage
    from rtaudio.voice.protocols import ToolSpec


def messages_of(chat: ChatContext) -> list[dict[str, Any]]:
    """The field "messages" of a request."""
    messages: list[dict[str, Any]] = []
    if chat.instructions:
        messages.append({"role": "system", "content": chat.instructions})
    for message in chat.spoken():
        messages += _message(message)
    return messages


def tools_of(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """The field "tools" of a request."""
    found = []
    for tool in tools:
        function: dict[str, Any] = {
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        }
        if tool.strict:
            function["strict"] = True
        found.append({"type": "function", "function": function})
    return found


def _message(message: ChatMessage) -> list[dict[str, Any]]:
    if not message.tools:
        return [{"role": message.role, "content": message.text}]
    calls = [
        {"id": use.id, "type": "function", "function": {"name": use.name, "arguments": use.arguments}}
        for use in message.tools
    ]
    return [
        {"role": message.role, "content": message.text or None, "tool_calls": calls},
        *({"role": "tool", "tool_call_id": use.id, "content": use.output} for use in message.tools),
    ]
