"""Body limit: a request that is larger than its path allows is cut off before anything has kept it."""

from collections.abc import Awaitable, Callable, Mapping

from fastapi import HTTPException, Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEBI = 1 << 20
Answer = Callable[[Request, Exception], Response]


class BodyLimit:
    """Middleware; a path that ends with a key of `larger` may send so many bytes, all others `limit`."""

    def __init__(
        self, app: ASGIApp, *, answer: Answer, limit: int = MEBI, larger: Mapping[str, int] | None = None
    ) -> None:
        self._app = app
        self._answer = answer
        self._limit = limit
        self._larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body counted; what is too large is answered here, whatever reads it says."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        ends = (size for end, size in self._larger.items() if scope["path"].endswith(end))
        limit = next(ends, self._limit)
        declared = dict(scope["headers"]).get(b"content-length", b"")
        exceeded = declared.isdigit() and int(declared) > limit
        if not exceeded:
            exceeded = await _count(self._app, scope, receive, send, limit)
        if exceeded:
            detail = f"The request is larger than the {limit // MEBI} MB that are taken here."
            error = HTTPException(413, detail, {"Connection": "close"})
            await self._answer(Request(scope), error)(scope, receive, send)


async def _count(app: ASGIApp, scope: Scope, receive: Receive, send: Send, limit: int) -> bool:
    """Run the application; True if the body was too large, and then nothing was sent."""
    seen = 0
    started = False

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return message if seen <= limit else {"type": "http.disconnect"}

    async def watched(message: Message) -> None:
        nonlocal started
        if seen <= limit or started:
            started = True
            await send(message)

    run: Awaitable[None] = app(scope, counted, watched)
    try:
        await run
    except Exception:
        if seen <= limit or started:
            raise
    return seen > limit and not started
