"""What can be wrong with a tool, by whose mistake it is."""

from __future__ import annotations

from typing import Final

from rtaudio.voice.rpc import RpcCode


class ToolDefinitionError(TypeError):
    """The programmer's: a tool that cannot be described to a model, or not be run as asked. Raised when it is defined,
    or when tools are put together."""


class ArgumentError(ValueError):
    """The model's: arguments that do not fit. The text is for the model: what, where, what is expected."""


class ToolError(Exception):
    """For a tool to raise: it could not do what was asked, and the text tells the model why ("no table free on that
    day; the next is on the 4th"). Of any other exception the model only hears that the tool failed: its text may hold
    what is not for others."""


_WHY: Final = {
    RpcCode.UNSUPPORTED_METHOD: "The user's app cannot do this.",
    RpcCode.RECIPIENT_NOT_FOUND: "The user has no app connected that could do this.",
    RpcCode.REQUEST_PAYLOAD_TOO_LARGE: "This is more than can be sent to the user's app. Send less.",
    RpcCode.CONNECTION_TIMEOUT: "The user's app does not answer.",
    RpcCode.RESPONSE_TIMEOUT: "The user's app gave no answer in time.",
    RpcCode.RECIPIENT_DISCONNECTED: "The user's app is not connected any more.",
    RpcCode.RESPONSE_PAYLOAD_TOO_LARGE: "The user's app answered with more than can be taken.",
    RpcCode.SEND_FAILED: "The user's app could not be reached.",
    RpcCode.TOO_MANY_CALLS: "Too much is asked of the user's app at once. Try again a little later.",
}


class ClientError(ToolError):
    """What was asked of the client came to nothing. `code`: an RpcCode, or the client's own. Where nobody catches it,
    the model is told why."""

    def __init__(self, code: int, text: str) -> None:
        why = _WHY[RpcCode(code)] if code in _WHY else f"The user's app refused: {text}"
        super().__init__(why)
        self.code, self.text = code, text
