"""Who comes in: a layer around the whole server, HTTP and WebSocket, and the page that asks."""

import json
import math
import os
import time
from collections.abc import Mapping
from html import escape
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import streamlit as st
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket
from streamlit.web.server.starlette import starlette_websocket

from ftcore.access import Password, Tries, is_loopback
from pages.components.text.escaping import plain

COOKIE = "unfreeze_sign_in"
SIGN_IN, SIGN_OUT, HEALTH = "sign-in", "sign-out", "health"  # paths, below server.baseUrlPath
LARGEST_FORM = 4_096  # bytes
STREAMLITS_COOKIE = "_streamlit_user"
# What Streamlit's own sign-in leaves open to those who have not signed in: all but what it shows there.
KEPT_FROM_STRANGERS = ("_stcore/upload_file", "_stcore/script-health-check", "media", HEALTH)
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")

ALONE = (
    "This dashboard answers only the machine it runs on; whoever runs it opens it by setting "
    "UNFREEZE_PASSWORD, as docs/settings.md says."
)
UNKNOWN_NAME = (
    "This dashboard does not answer to the name in its address; whoever runs it adds the name to "
    "server.allowedHosts, as docs/settings.md says."
)
UNSIGNED = "Sign in first."
ELSEWHERE = "Sign in on this dashboard's own page."
WRONG = "That is not the password."
TOO_LONG = "That is too long for a password."

LOGO = Path(__file__).parents[2] / "images" / "logo.svg"
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in · Unfreeze</title>
<style>
:root {{ color-scheme: light dark; {light} }}
@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem;
  background: var(--background); color: var(--text); font: 1rem/1.5 "Source Sans", system-ui, sans-serif; }}
form {{ width: min(100%, 20rem); display: grid; gap: .75rem; }}
svg {{ height: 2.4rem; width: auto; justify-self: start; margin-bottom: 1rem; }}
input, button {{ font: inherit; padding: .5rem .75rem; border-radius: .5rem; width: 100%; }}
input {{ color: inherit; background: var(--secondaryBackground); border: 1px solid var(--border); }}
button {{ color: #fff; background: var(--primary); border: 0; font-weight: 600; cursor: pointer; }}
input:focus-visible, button:focus-visible {{ outline: 2px solid var(--primary); outline-offset: 2px; }}
p {{ margin: 0; }}
#said {{ color: light-dark(#b91c1c, #fca5a5); }}
</style></head><body>
<form method="post" action="{action}">
{logo}
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus
  {marked}>
<p id="said" role="alert">{said}</p>
<input type="hidden" name="next" value="{to}">
<button>Sign in</button>
</form>
{again}</body></html>
"""
# A link in a message of another site comes without the cookie, which is strict; asked from here it comes
# along, and whoever has signed in goes on without being asked.
AGAIN = """<script>
fetch(location.href, {redirect: "manual"}).then((answer) => {
  if (answer.type === "opaqueredirect") location.replace(location.href);
});
</script>"""


def configured() -> Password | None:
    """The shared password, of the environment or of the secrets. Raises UnfreezeError where too short."""
    given = _given()
    return Password(given) if given else None


def _given() -> str:
    given = os.environ.get("UNFREEZE_PASSWORD", "")
    if not given and st.secrets.load_if_toml_exists():
        given = str(st.secrets.get("password", ""))
    return given


def is_required() -> bool:
    """Whether whoever is here has signed in."""
    return by_streamlit() or bool(_given())


def sign_out() -> None:
    """The page that ends it, at SIGN_OUT; asked for anew, the server itself answers there."""
    if by_streamlit():
        st.logout()
    else:
        st.html("<script>location.reload()</script>", unsafe_allow_javascript=True)


def by_streamlit() -> bool:
    """Whether Streamlit's own sign-in is set up; it decides then, and no password is asked for."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets


def ask_streamlit() -> None:
    """Draw the way to Streamlit's own sign-in: a button, or one for each provider in the secrets."""
    auth = st.secrets["auth"]
    providers = [name for name in auth if isinstance(auth[name], Mapping)]
    st.markdown("Sign in to go on.")
    for provider in providers or [""]:
        words = f"Sign in with {plain(provider)}" if provider else "Sign in"
        if st.button(words, key=f"sign-in-{provider}", type="primary"):
            st.login(provider or None)


def address(path: str) -> str:
    """A path of ours on this server."""
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"/{base}/{path}" if base else f"/{path}"


class SignIn:
    """Lets in who is on this machine where nobody signs in, and else who has signed in."""

    def __init__(self, app: ASGIApp, password: Password | None, streamlits: bool) -> None:
        self.app = app
        self.password = None if streamlits else password
        self.streamlits = streamlits
        self.tries = Tries()
        self.base = address("")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        answer = await self.refusal(scope, receive)
        if answer is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            # Not with words: no browser shows them, and uvicorn 0.54 then logs an error of its own.
            await WebSocket(scope, receive, send).close(1008)
        else:
            await answer(scope, receive, send)

    async def refusal(self, scope: Scope, receive: Receive) -> Response | None:
        """What is answered in the app's place; nothing where it may answer itself."""
        asked = HTTPConnection(scope)
        path = scope["path"].removeprefix(self.base)
        here = _is_here(asked)
        if not starlette_websocket.is_host_allowed(asked.headers.get("host")):
            return _sentence(UNKNOWN_NAME, 403)
        if path == HEALTH and here:
            return None
        if self.streamlits:
            stranger = path.startswith(KEPT_FROM_STRANGERS) and not _known_to_streamlit(asked)
            return _sentence(UNSIGNED, 401) if stranger else None
        if self.password is None:
            return None if here else _sentence(ALONE, 403)
        if path == SIGN_OUT and scope["type"] == "http":
            answer = RedirectResponse(self.base + SIGN_IN, 303, _KEPT)
            answer.delete_cookie(COOKIE, self.base)
            return answer
        signed_in = self.password.honours(asked.cookies.get(COOKIE, ""), time.time())
        if path == SIGN_IN and scope["type"] == "http":
            request = Request(scope, receive)
            if request.method == "POST":
                return await self._sign_in(request, self.password)
            to = self._local(request.query_params.get("next", ""))
            return RedirectResponse(to, 303, _KEPT) if signed_in else self._page(to)
        if signed_in:
            return None
        if scope["type"] == "http" and "text/html" in asked.headers.get("accept", ""):
            to = asked.url.path + (f"?{asked.url.query}" if asked.url.query else "")
            return RedirectResponse(f"{self.base}{SIGN_IN}?next={quote(to, safe='')}", 303, _KEPT)
        return _sentence(UNSIGNED, 401)

    async def _sign_in(self, request: Request, password: Password) -> Response:
        """Answer the form: the cookie and the way on, or what was wrong."""
        if not _same_site(request.headers):
            return _sentence(ELSEWHERE, 403)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST_FORM:
                return _sentence(TOO_LONG, 413)
        form = parse_qs(body.decode("utf-8", "replace"))
        to = self._local(form.get("next", [""])[0])
        host = request.client.host if request.client else ""
        if wait := self.tries.wait(host):
            seconds = math.ceil(wait)
            said = f"Too many wrong passwords; try again in {seconds} s."
            return self._page(to, said, 429, {"Retry-After": str(seconds)})
        if not password.admits(form.get("password", [""])[0]):
            self.tries.failed(host)
            return self._page(to, WRONG, 403)
        answer = RedirectResponse(to, 303, _KEPT)
        answer.set_cookie(
            COOKIE,
            password.ticket(time.time()),
            path=self.base,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    def _local(self, to: str) -> str:
        """Where to go on, on this server and nowhere else."""
        ours = to.startswith("/") and not to.startswith("//") and "\\" not in to
        itself = to.startswith(self.base + SIGN_IN)
        return to if ours and to.isprintable() and not itself else self.base

    def _page(
        self, to: str, said: str = "", status: int = 200, more: dict[str, str] | None = None
    ) -> Response:
        page = PAGE.format(
            light=_theme("light"),
            dark=_theme("dark"),
            action=escape(self.base + SIGN_IN),
            logo=LOGO.read_text("utf-8"),
            said=escape(said),
            to=escape(to),
            marked='aria-invalid="true" aria-describedby="said"' if said else "",
            again="" if said else AGAIN,
        )
        return HTMLResponse(page, status, _KEPT | (more or {}))


_KEPT = {"Cache-Control": "no-store"}


def _sentence(said: str, status: int) -> Response:
    return PlainTextResponse(said, status, _KEPT)


def _is_here(asked: HTTPConnection) -> bool:
    """Whether it comes from this machine and through no proxy, behind which anybody may be."""
    forwarded = any(name in asked.headers for name in FORWARDED)
    return asked.client is not None and is_loopback(asked.client.host) and not forwarded


def _same_site(headers: Headers) -> bool:
    """Whether a form was sent from a page of ours: browsers say so, and no page can make them lie."""
    if site := headers.get("sec-fetch-site"):
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _known_to_streamlit(asked: HTTPConnection) -> bool:
    """Whether Streamlit's own sign-in has been passed, by its signed cookie, as its WebSocket reads it."""
    signed = starlette_websocket._get_signed_cookie_with_chunks(asked.cookies, STREAMLITS_COOKIE)
    return bool(signed) and bool(json.loads(signed).get("is_logged_in"))


def _theme(name: str) -> str:
    """The colours of .streamlit/config.toml as CSS."""
    parts = ("primary", "background", "secondaryBackground", "text", "border")
    return " ".join(f"--{part}: {st.get_option(f'theme.{name}.{part}Color')};" for part in parts)
