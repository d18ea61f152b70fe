"""The rules that model servers have for messages with tools, written down: what would be refused, and why.

OpenAI, chat completions ("tool_calls" must be followed by tool messages responding to each "tool_call_id"; messages
with role "tool" must be a response to a preceding message with "tool_calls"). Anthropic, messages ("tool_use" ids were
found without "tool_result" blocks immediately after; results come first in the user's message; ids are unique; text
blocks must not be empty; messages of one role in a row are taken as one).
"""

from __future__ import annotations

import json
import re
from typing import Any

from rtaudio.voice.chat import ChatContext

NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
Messages = list[dict[str, Any]]


def openai_problems(messages: Messages) -> list[str]:
    """Empty: the server would take them."""
    wrong, waiting = [], list[str]()
    for at, message in enumerate(messages):
        role, calls = message["role"], message.get("tool_calls")
        if role == "tool":
            if message["tool_call_id"] not in waiting:
                wrong.append(f"{at}: a result of {message['tool_call_id']}, which waits for none")
            else:
                waiting.remove(message["tool_call_id"])
            if not isinstance(message["content"], str):
                wrong.append(f"{at}: a result without text")
            continue
        if waiting:
            wrong.append(f"{at}: no result of {waiting} before the next message")
        waiting = []
        if role not in ("system", "user", "assistant"):
            wrong.append(f"{at}: role {role}")
        if calls is None and not message["content"]:
            wrong.append(f"{at}: no content")
        if calls is not None and (role != "assistant" or not calls):
            wrong.append(f"{at}: calls of {role}, or none")
        for call in calls or []:
            waiting.append(call["id"])
            if call["type"] != "function" or not NAME.match(call["function"]["name"]):
                wrong.append(f"{at}: call of {call['function']['name']!r}")
            if not isinstance(json.loads(call["function"]["arguments"]), dict):
                wrong.append(f"{at}: arguments that are no object")
        if len(set(waiting)) != len(waiting):
            wrong.append(f"{at}: two calls with one id")
    return wrong + ([f"end: no result of {waiting}"] if waiting else [])


def anthropic_problems(messages: Messages) -> list[str]:
    """Empty: the server would take them."""
    wrong, seen, waiting = [], set[str](), list[str]()
    for at, message in enumerate(_joined(messages)):
        results, other = list[str](), False
        for block in message["content"]:
            match block["type"]:
                case "text":
                    other = True
                    if not block["text"].strip():
                        wrong.append(f"{at}: an empty text")
                case "tool_result":
                    results.append(block["tool_use_id"])
                    if other or message["role"] != "user":
                        wrong.append(f"{at}: results come first, and from the user")
                case "tool_use":
                    if message["role"] != "assistant":
                        wrong.append(f"{at}: the user calls a tool")
                    if block["id"] in seen:
                        wrong.append(f"{at}: two calls with id {block['id']}")
                    seen.add(block["id"])
                    if not NAME.match(block["id"]) or not NAME.match(block["name"]):
                        wrong.append(f"{at}: a name or id that is none")
                    if not isinstance(block["input"], dict):
                        wrong.append(f"{at}: input that is no object")
        if sorted(results) != sorted(waiting):
            wrong.append(f"{at}: waits for results of {waiting}, got {results}")
        waiting = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
    return wrong + ([f"end: no result of {waiting}"] if waiting else [])


def _joined(messages: Messages) -> Messages:
    """As the server sees them: one message where one role has several in a row."""
    joined: Messages = []
    for message in messages:
        if joined and joined[-1]["role"] == message["role"]:
            joined[-1] = {**message, "content": joined[-1]["content"] + message["content"]}
        else:
            joined.append(message)
    return joined


def anthropic_messages(chat: ChatContext) -> Messages:
    """A history as that server takes it (instructions go beside the messages)."""
    messages: Messages = []
    for message in chat.spoken():
        said = [{"type": "text", "text": message.text}] if message.text else []
        uses = [
            {"type": "tool_use", "id": use.id, "name": use.name, "input": json.loads(use.arguments)}
            for use in message.tools
        ]
        role = "assistant" if message.role == "assistant" else "user"
        messages.append({"role": role, "content": said + uses})
        if message.tools:
            results = [
                {"type": "tool_result", "tool_use_id": use.id, "content": use.output, "is_error": use.failed}
                for use in message.tools
            ]
            messages.append({"role": "user", "content": results})
    return messages
