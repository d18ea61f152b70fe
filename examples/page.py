"""An agent that asks on the page: tools whose body is in the browser (docs/client-tools.md), and text that is typed.

    rtaudio serve examples/page.py

Say that you look for a branch of the library, and press a button; or name a colour. What you write in the text box is
as good as said: the page has the box because the app offers `user_text`. Offline: `librarian` stands for the language
model; with a real one the rest stays as it is.
"""

from __future__ import annotations

import json
from typing import Final

from rtaudio.providers import HibariTTS, PocketsphinxSTT
from rtaudio.server import CallInfo, CallSetup
from rtaudio.testing import FakeLLM
from rtaudio.voice import Agent, ChatContext, ToolCall
from rtaudio.voice.tools import client_tool, session_methods

BRANCHES: Final = ["Main street", "Harbour", "Station"]
COLOURS: Final = ("red", "green", "blue", "orange", "purple")


@client_tool(timeout_s=60, on_interruption="cancel")
async def choose(question: str, choices: list[str]) -> str:
    """Shows a question with buttons, and gives what the user presses.

    Args:
        question: As it is to be read.
        choices: What stands on the buttons.
    """
    raise NotImplementedError  # the page does it: static/page-methods.js


@client_tool(timeout_s=5)
async def set_colour(colour: str) -> None:
    """Gives the page another colour.

    Args:
        colour: As CSS knows it.
    """
    raise NotImplementedError


def librarian(chat: ChatContext) -> str | list[str | ToolCall]:
    """What a language model would make of the talk so far."""
    last, asked, number = chat[-1], chat.last_user_text().lower(), len(chat)
    if last.tools and last.tools[-1].name == "choose":
        answer = last.tools[-1].output
        return f"{answer} is open until seven." if answer in BRANCHES else "Then ask me another time."
    if last.tools:
        return "How do you like it?"
    if (colour := next((word for word in COLOURS if word in asked), None)) is not None:
        return [ToolCall(f"call_{number}", "set_colour", json.dumps({"colour": colour}))]
    question = {"question": "Which branch do you mean?", "choices": BRANCHES}
    return ["Please choose one on the page. ", ToolCall(f"call_{number}", "choose", json.dumps(question))]


stt, tts = PocketsphinxSTT(), HibariTTS()


def app(call: CallInfo) -> CallSetup:
    """Who answers a call."""
    agent = Agent("You help readers of a library.", tools=[choose, set_colour])
    methods = session_methods("user_text", "interrupt")
    return CallSetup(agent=agent, stt=stt, llm=FakeLLM(librarian), tts=tts, methods=methods)
