"""What the browser may do with our pages, and what the server does not answer."""

import base64
import hashlib
import re
from pathlib import Path

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
# Session counts, and a way to drive the app: nobody asks for them here.
CLOSED = ("/_stcore/metrics", "/_stcore/agent")


def inline_scripts() -> list[str]:
    """The hashes of the scripts inside Streamlit's own index page, as a policy names them."""
    index = Path(streamlit.__file__).parent / "static" / "index.html"
    return [
        f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"
        for script in INLINE_SCRIPT.findall(index.read_bytes())
    ]


def content_policy() -> str:
    """Everything from this server alone; no frame around it, no evaluated strings."""
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(("script-src 'self' 'wasm-unsafe-eval' blob:", *inline_scripts())),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'self'",
            "form-action 'self'",
        )
    )


def same_origin(headers: Headers) -> bool:
    """Whether a page of this server asks, and not one of another port or host, or none at all."""
    host = headers.get("host", "")
    return bool(host) and headers.get("origin") in (f"http://{host}", f"https://{host}")


class SecurityHeaders:
    """Adds the headers to every answer and closes what is not for visitors."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.headers = {
            "Content-Security-Policy": content_policy(),
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not same_origin(Headers(scope=scope)):
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        if scope["path"].startswith(CLOSED):
            await PlainTextResponse("Not found", 404)(scope, receive, send_with_headers)
            return
        await self.app(scope, receive, send_with_headers)
