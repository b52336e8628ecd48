"""The dashboard as an ASGI application: Streamlit's pages behind our headers and error page."""

import asyncio
import importlib
import logging
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from partywall_dashboard.security import SecurityHeaders

SCRIPT = Path(__file__).parent / "navigation.py"

log = logging.getLogger("partywall.dashboard")


def on_script_error(error: Exception) -> bool:
    """The visitor gets a reference, the log gets the traceback under the same reference."""
    reference = secrets.token_hex(4)
    log.error("page failed, reference %s", reference, exc_info=error)
    st.error(
        f"This page could not be shown. The server's log has the reason under {reference}.",
        icon=":material/error:",
    )
    return True


@asynccontextmanager
async def warm(app: st.App) -> AsyncGenerator[None]:
    """Load what the first visitor would otherwise wait for."""
    for module in ("pandas", "altair", "partywall_dashboard.reads"):
        await asyncio.to_thread(importlib.import_module, module)
    yield


def build() -> st.App:
    """The application; one a process, as Streamlit wants it."""
    return st.App(
        SCRIPT,
        lifespan=warm,
        middleware=[Middleware(SecurityHeaders)],
        on_script_error=on_script_error,
    )
