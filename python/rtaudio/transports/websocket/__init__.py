"""The WebSocket protocol of docs/websocket.md, and both of its sides.

    frames, messages   bytes and text to values and back; pure
    agreement          versions, rates and formats; pure
    incoming           what one side receives, in order and checked; pure
    outgoing           what was put out, as audio messages: no silence, starts and ends marked; pure
    transcript         what happens in a session, as messages; pure
    connection         what is needed of a WebSocket library, and aiohttp's
    call               the server's side of one call: between a connection and a line
    client             a client in Python

Needs extra `serve` (msgspec; aiohttp for `connection` and `client`). A WebSocket's input and output go through the
event loop: while it is blocked nothing is received or sent. What was sent ahead plays on, and what comes in is taken
up after it (law 4).
"""
