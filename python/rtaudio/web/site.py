"""The HTTP side of `rtaudio serve`: the page, the client, `/ws`, and two addresses for whoever operates it.

    GET /                the page            GET /static/…   its parts, client.js among them
    GET /ws              the WebSocket       GET /readyz     200 while calls are taken, and how many there are

A browser tells which page a WebSocket was opened by: only this server's own page may, and those of `origins`, which
may import the parts of the client from here, too. On a loopback address only loopback names are answered to, so that no
name of another site leads here.
"""

from __future__ import annotations

import errno
import ipaddress
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from rtaudio.server.calls import Calls
from rtaudio.transports.websocket.connection import HEARTBEAT_S, MOST_BYTES, WRITER_BYTES, AiohttpConnection

STATIC: Final = Path(__file__).parent / "static"
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def site(calls: Calls, *, host: str = "127.0.0.1", origins: Collection[str] = ()) -> web.Application:
    """The application. `host`: the address it will listen at; `origins`: other pages that may open the WebSocket, as
    "https://example.org"; "*": any."""
    local = is_loopback(host)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if local and not is_loopback(_hostname(request.host)):
            raise web.HTTPMisdirectedRequest(text=f"{request.host!r} is no name of this machine's loopback address")
        try:
            return await handler(request)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:  # of a part of the page
                raise
            raise web.HTTPNotFound from None

    async def harden(request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(HEADERS)
        origin = request.headers.get("Origin", "")
        if request.path.startswith("/static/") and ("*" in origins or origin in origins):
            response.headers["Access-Control-Allow-Origin"] = "*" if "*" in origins else origin
            response.headers["Vary"] = "Origin"

    async def page(request: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "index.html")

    async def ready(request: web.Request) -> web.StreamResponse:
        return web.json_response(calls.figures())

    async def socket(request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is not None and not _same(origin, request.host) and origin not in origins and "*" not in origins:
            raise web.HTTPForbidden(text=f"a page of {origin} may not open this WebSocket (--origin allows it)")
        answer = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, max_msg_size=MOST_BYTES, writer_limit=WRITER_BYTES, compress=False
        )
        if not answer.can_prepare(request).ok:
            raise web.HTTPUpgradeRequired(text="/ws is a WebSocket (docs/websocket.md)")
        try:
            await answer.prepare(request)
        except ConnectionError:
            return web.Response(status=400)  # nobody's: it went away meanwhile
        query = {name: request.query[name] for name in request.query}
        await calls.serve(AiohttpConnection(answer), peer=request.remote or "", query=query)
        return answer

    app = web.Application(middlewares=[guard])
    app.on_response_prepare.append(harden)
    app.router.add_get("/", page)
    app.router.add_get("/ws", socket)
    app.router.add_get("/readyz", ready)
    app.router.add_static("/static", STATIC)
    return app


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens at `host`."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _hostname(host: str) -> str:
    """Of a Host header; "": it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _same(origin: str, host: str) -> bool:
    return origin in (f"http://{host}", f"https://{host}")
