"""The entry point, `streamlit run app.py`: start-up, shut-down, middleware, /health and /assets."""

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

from ftcore import __version__, access
from ftcore.errors import UnfreezeError
from pages.components.shell import (
    access_control,
    assets,
    log_limit,
    sign_in,
    turns,
    uvicorn_server,
    warm_imports,
)
from pages.components.shell.security_headers import HEADERS, SecurityHeaders
from pages.components.text.escaping import escape_markdown

log = logging.getLogger("unfreeze")
STARTED_AT = time.monotonic()
PAGES = Path(__file__).resolve().parent / "pages"
# Streamlit inserts this folder into sys.path for each rerun and removes it afterwards, unless it is there
# already. Imports that run in another thread meanwhile can skip an entry of the list: MLflow was not found
# once, and stayed half imported until the next start.
sys.path.append(str(PAGES))
HEALTH_TIMEOUT = 5.0  # seconds that /health waits for the record of runs
health_executor = ThreadPoolExecutor(1, "health")


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Start the queue behind the first page, and shut it down with the server."""
    starting = asyncio.create_task(asyncio.to_thread(start_queue))
    yield
    await starting
    await asyncio.to_thread(stop_queue)


def start_queue() -> None:
    """Close the runs and remove the imports that a crash interrupted, then start the queue."""
    warm_imports.preload().result()
    log_limit.install()
    from ftcore import tracking
    from ftcore.models import hub_offer
    from ftcore.models.checkpoints import list_checkpoints
    from ftcore.runs.scheduler import scheduler

    hub_offer.first_suggestion(list_checkpoints())  # asked before a page needs the answer
    for step in (tracking.close_interrupted, tracking.remove_unfinished_imports, scheduler.start):
        try:
            step()
        except UnfreezeError as error:  # every page shows it too
            log.warning("%s", error)


def stop_queue() -> None:
    """Interrupt the current run, so that it can be resumed; runs of Ray workers go on."""
    from ftcore.runs import workers
    from ftcore.runs.scheduler import scheduler

    if scheduler.queue.order() and workers.kind() == "local":
        print(
            "The current run can be resumed after a restart; the queue continues then.", flush=True
        )
    scheduler.shutdown()


def show_error(error: Exception) -> bool:
    """Draw an error that a page did not catch, without a traceback."""
    message = "Something unexpected went wrong. Reload the page; the server's log has the details."
    if isinstance(error, UnfreezeError):
        message = escape_markdown(str(error))
    else:
        log.exception("a page failed", exc_info=error)
    st.error(message)
    return True


async def serve_asset(request: Request) -> Response:
    """Serve a static file. Its name changes with its content, so browsers may cache it for good."""
    path = assets.FILES.get(request.path_params["name"])
    if path is None:
        return Response("Not found", status_code=404)
    return FileResponse(path, headers={"Cache-Control": "public, max-age=31536000, immutable"})


async def health(request: Request) -> Response:
    """Report the state as JSON, for monitoring; 503 if the record of runs cannot be read."""
    server = {"version": __version__, "uptime": round(time.monotonic() - STARTED_AT)}
    loading = warm_imports.preload()
    if not loading.done():  # torch and MLflow are being imported, which takes seconds
        return JSONResponse({"status": "starting"} | server)
    try:
        loading.result()
        from ftcore.runs.scheduler import scheduler

        # In a thread of its own, so that a record that hangs blocks nothing else.
        reading = asyncio.get_running_loop().run_in_executor(health_executor, scheduler.health)
        state = await asyncio.wait_for(reading, HEALTH_TIMEOUT)
    except Exception as error:
        problem = str(error) if isinstance(error, UnfreezeError) else type(error).__name__
        return JSONResponse({"status": "failing", "problem": problem} | server, 503)
    return JSONResponse({"status": "ok"} | server | state)


async def server_error(request: Request, error: Exception) -> Response:
    """Answer where the server itself fails; that response bypasses the middleware."""
    return PlainTextResponse("Something unexpected went wrong; see the log.", 500, HEADERS)


def middleware() -> list[Middleware]:
    """Return the middleware; exit if the server would be open to a network without a sign-in.

    Also limits the connections, which come before any middleware, and the log, and lets pages take turns.
    """
    log_limit.install()
    by_streamlit = sign_in.by_streamlit()
    try:
        password = sign_in.password()
        has_sign_in = by_streamlit or password is not None
        proxies = access.trusted_proxies()
        access.check_server_address(st.get_option("server.address") or "", has_sign_in)
    except UnfreezeError as error:
        raise SystemExit(str(error)) from None
    uvicorn_server.install(proxies)
    turns.install()
    if by_streamlit and not find_spec("authlib"):
        log.warning("Streamlit's sign-in needs the package Authlib: install it to let visitors in.")
    if by_streamlit:
        control = Middleware(access_control.StreamlitSignIn)
    elif password is not None:
        control = Middleware(access_control.PasswordSignIn, password=password, proxies=proxies)
    else:
        control = Middleware(access_control.LocalOnly)
    return [Middleware(SecurityHeaders), control]


app = st.App(
    PAGES / "_main.py",
    lifespan=lifespan,
    on_script_error=show_error,
    middleware=middleware(),
    exception_handlers={Exception: server_error},
    # Streamlit prefixes its own routes with server.baseUrlPath; of ours, the first takes any prefix.
    routes=[
        Route("/{base:path}" + assets.FOLDER + "/{name}", serve_asset),
        Route(sign_in.url_path(sign_in.HEALTH), health),
    ],
)
