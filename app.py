"""The entry point, `streamlit run app.py`: start-up, shut-down, the door and headers; pages/ draws."""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ftcore import __version__, access
from ftcore.errors import UnfreezeError
from pages.components.shell import assets, sign_in, warm_imports
from pages.components.text.escaping import plain

log = logging.getLogger("unfreeze")
BEGAN = time.monotonic()
PAGES = Path(__file__).resolve().parent / "pages"
# For each rerun Streamlit puts this folder before all others and takes it away behind it, unless it is
# there. Who imports in another thread meanwhile misses a folder: then MLflow was not to be found, and
# stayed half imported until the next start.
sys.path.append(str(PAGES))
asking = ThreadPoolExecutor(1, "health")
PATIENCE = 5.0  # seconds that /health waits for the record of runs

HEADERS = {
    # Nothing is loaded from elsewhere and no other site may frame the dashboard. Streamlit's
    # components run from blob: addresses, its own page has inline scripts and styles, and
    # WebAssembly and eval are needed by its table and by Vega.
    b"content-security-policy": (
        b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        b"style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
        b"worker-src 'self' blob:; connect-src 'self' blob: data:; object-src 'none'; "
        b"base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
    ),
    b"x-frame-options": b"SAMEORIGIN",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
}


class SecurityHeaders:
    """Adds HEADERS to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                extra = [item for item in HEADERS.items() if item[0] not in present]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self.app(scope, receive, send_with_headers)


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Takes care of runs that a crash cut short, and ends the running one when the server stops."""
    starting = asyncio.create_task(asyncio.to_thread(start_jobs))
    yield
    await starting
    await asyncio.to_thread(stop_jobs)


def start_jobs() -> None:
    warm_imports.preload().result()
    from ftcore import tracking
    from ftcore.runs import queue

    for begin in (tracking.close_interrupted, queue.start):
        try:
            begin()
        except UnfreezeError as error:  # every page will say so too
            log.warning("%s", error)


def stop_jobs() -> None:
    from ftcore.runs import queue

    if queue.busy():
        print("What trains can be resumed at the next start; what waits goes on then.", flush=True)
    queue.shutdown()


def show_error(error: Exception) -> bool:
    """What a page says of an error that it did not catch itself; never a traceback."""
    if isinstance(error, UnfreezeError):
        st.error(plain(str(error)))
    else:
        log.exception("a page failed", exc_info=error)
        st.error(
            "Something unexpected went wrong. Reload the page; the server's log has the details."
        )
    return True


async def asset(request: Request) -> Response:
    """A file that the browser keeps for good: its name changes whenever its content does."""
    path = assets.FILES.get(request.path_params["name"])
    if path is None:
        return Response("Not found", status_code=404)
    return FileResponse(path, headers={"Cache-Control": "public, max-age=31536000, immutable"})


async def health(request: Request) -> Response:
    """For those who run it for others: JSON, and 503 where the record of runs cannot be read."""
    about = {"version": __version__, "uptime": round(time.monotonic() - BEGAN)}
    loading = warm_imports.preload()
    if not loading.done():  # torch and MLflow are being imported, which takes seconds
        return JSONResponse({"status": "starting"} | about)
    try:
        loading.result()
        from ftcore.runs.health import report

        # In a thread of its own: where the record hangs, that must not hold up anything else.
        task = asyncio.get_running_loop().run_in_executor(asking, report)
        found = await asyncio.wait_for(task, PATIENCE)
    except Exception as error:
        said = str(error) if isinstance(error, UnfreezeError) else type(error).__name__
        return JSONResponse({"status": "failing", "problem": said} | about, 503)
    return JSONResponse({"status": "ok"} | about | found)


async def broken(request: Request, error: Exception) -> Response:
    """What is said where the server itself fails; no layer of ours sees that answer."""
    headers = {name.decode(): value.decode() for name, value in HEADERS.items()}
    return PlainTextResponse("Something unexpected went wrong; see the log.", 500, headers)


def door() -> list[Middleware]:
    """The layers around everything; ends the program where it would stand open to a network."""
    try:
        password, streamlits = sign_in.configured(), sign_in.by_streamlit()
        access.check(st.get_option("server.address") or "", streamlits or password is not None)
    except UnfreezeError as error:
        raise SystemExit(str(error)) from None
    if streamlits and not find_spec("authlib"):
        log.warning(
            "Nobody can sign in: Streamlit's sign-in needs the package Authlib; install it."
        )
    return [
        Middleware(SecurityHeaders),
        Middleware(sign_in.SignIn, password=password, streamlits=streamlits),
    ]


app = st.App(
    PAGES / "_main.py",
    lifespan=lifespan,
    on_script_error=show_error,
    middleware=door(),
    exception_handlers={Exception: broken},
    # Streamlit prefixes its own routes with server.baseUrlPath; of ours, the first takes any prefix.
    routes=[
        Route("/{base:path}" + assets.FOLDER + "/{name}", asset),
        Route(sign_in.address(sign_in.HEALTH), health),
    ],
)
