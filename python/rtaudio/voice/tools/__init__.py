"""Functions that a model may call. Needs the extra `tools` (pydantic for types, docstring-parser, jsonschema).

`Agent(tools=[...])` gives them to a session; `ToolRunner` runs calls without one.
"""

try:
    import docstring_parser as _docstring_parser  # noqa: F401
    import pydantic as _pydantic  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"rtaudio.voice.tools needs {error.name}: pip install 'rtaudio[tools]'", name=error.name
    ) from error

from rtaudio.voice.tools.client_methods import ClientMethod, client_method
from rtaudio.voice.tools.client_tool import ClientTool, client_tool
from rtaudio.voice.tools.context import SessionHandle, ToolContext
from rtaudio.voice.tools.definition import Tool, tool
from rtaudio.voice.tools.errors import ClientError, ToolDefinitionError, ToolError
from rtaudio.voice.tools.runner import Batch, Filler, LateResult, Progress, ToolRunner
from rtaudio.voice.tools.session_methods import session_methods
from rtaudio.voice.tools.toolset import Toolset

__all__ = [
    "Batch",
    "ClientError",
    "ClientMethod",
    "ClientTool",
    "Filler",
    "LateResult",
    "Progress",
    "SessionHandle",
    "Tool",
    "ToolContext",
    "ToolDefinitionError",
    "ToolError",
    "ToolRunner",
    "Toolset",
    "client_method",
    "client_tool",
    "session_methods",
    "tool",
]
