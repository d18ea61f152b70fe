"""What serves many calls: the user's app, and the calls of one process on one engine.

`rtaudio.server.app`: what an app is, and how it is loaded. `rtaudio.server.calls`: runs calls. Both are used by
`rtaudio serve`.
"""

from __future__ import annotations

from rtaudio.server.app import App, AppError, CallInfo, CallSetup, load_app

__all__ = ["App", "AppError", "CallInfo", "CallSetup", "load_app"]
