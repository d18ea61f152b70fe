"""The page, the client in JavaScript, and the HTTP server that hands them out beside the WebSocket.

`rtaudio.web.site`: the aiohttp application. `rtaudio.web.demo`: the app that `rtaudio serve` runs if none is named.
`static/`: page and client, without a build step; `client.js` may be used from any page.
"""
