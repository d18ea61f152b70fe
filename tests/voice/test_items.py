"""Law 5: every item is plain data, so that a journal gives it back as it was; whatever kinds there are."""

from __future__ import annotations

import json
import types
from dataclasses import fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

pytest.importorskip("pydantic", reason="pydantic is not installed: pip install 'rtaudio[tools]'")

from rtaudio.voice import items, realtime_items  # noqa: F401 - both hold kinds of items
from rtaudio.voice.chat import ChatMessage, ToolUse
from rtaudio.voice.keys import Keypad
from rtaudio.voice.machine_state import MachineState
from rtaudio.voice.reply import Phase
from rtaudio.voice.tools import call_items
from rtaudio.voice.turns import Hearing


def kinds_of(base: type[Any]) -> list[type[Any]]:
    """One of each name: what `slots=True` has made a second time is another class, until it is collected."""
    return sorted({kind.__name__: kind for kind in base.__subclasses__()}.values(), key=lambda kind: kind.__name__)


OF_SESSION, OF_TOOLS = kinds_of(items.Item), kinds_of(call_items.CallItem)
USED = ToolUse("call_1", "look", '{"at": "字"}', "Found.", failed=True)
PLAIN = {
    int: 3,
    float: 2.5,
    str: "é 字",
    bool: True,
    Any: {"a": [1, None]},
    ToolUse: USED,  # these check what they hold
    ChatMessage: ChatMessage("assistant", "é 字", True, "字", 0.1, 1.0, 2.5, tools=(USED, USED)),
    Keypad: Keypad(ends="#"),
    Hearing: Hearing.AWAITED,
    Phase: Phase.SPEAKING,
}


def sample(hint: Any, full: bool) -> Any:
    """A value of that type; `full`: with something wherever there may be something, else with as little as may be."""
    if hint in PLAIN:
        return PLAIN[hint]
    origin, args = get_origin(hint), get_args(hint)
    if origin is Literal:
        return args[0]
    if origin in (Union, types.UnionType):
        return None if not full and type(None) in args else sample(next(a for a in args if a is not type(None)), full)
    if origin is tuple and args[-1] is ...:
        return (sample(args[0], full),) * (2 * full)
    if origin is tuple:
        return tuple(sample(each, full) for each in args)
    if is_dataclass(hint):
        hints = get_type_hints(hint, localns={"MachineState": MachineState})  # which knows of items itself
        given = [field for field in fields(hint) if field.init]
        return hint(**{field.name: sample(hints[field.name], full) for field in given})  # type: ignore[operator]
    raise TypeError(f"{hint} is no plain data: an item holds none of it")


@pytest.mark.parametrize("full", [True, False], ids=["full", "bare"])
@pytest.mark.parametrize("kind", OF_SESSION, ids=lambda kind: kind.__name__)
def test_an_item_of_a_session_comes_back_from_the_journal(kind: type[items.Item], full: bool) -> None:
    item = sample(kind, full)
    assert items.decode(json.loads(json.dumps(items.encode(item)))) == item


@pytest.mark.parametrize("full", [True, False], ids=["full", "bare"])
@pytest.mark.parametrize("kind", OF_TOOLS, ids=lambda kind: kind.__name__)
def test_an_item_of_tool_calls_comes_back_from_the_journal(kind: type[call_items.CallItem], full: bool) -> None:
    item = sample(kind, full)
    assert call_items.decode(json.loads(json.dumps(call_items.encode(item)))) == item
