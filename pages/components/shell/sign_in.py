"""The sign-in: how it is configured, and the pages that ask for it and end it."""

import os
from collections.abc import Mapping
from pathlib import Path
from string import Template

import streamlit as st

from ftcore.access import Password
from pages.components.text.escaping import escape_html, escape_markdown

SIGN_IN, SIGN_OUT, HEALTH = "sign-in", "sign-out", "health"  # paths below server.baseUrlPath
_LOGO = Path(__file__).parents[2] / "images" / "logo.svg"
_FORM = Path(__file__).with_name("sign_in.html")
# The cookie is SameSite=strict, so the browser does not send it along with a link on another site.
# It does with a request from this page: a visitor who has signed in goes on without the form.
_RETRY = """<script>
fetch(location.href, {redirect: "manual"}).then((response) => {
  if (response.type === "opaqueredirect") location.replace(location.href);
});
</script>"""


def password() -> Password | None:
    """Return the shared password, if one is set. Raises UnfreezeError if it is too short."""
    secret = _secret()
    return Password(secret) if secret else None


def by_streamlit() -> bool:
    """Whether Streamlit's own sign-in is configured; it takes precedence over the password."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets


def is_required() -> bool:
    """Whether visitors must sign in."""
    return by_streamlit() or bool(_secret())


def url_path(path: str) -> str:
    """Return the path of one of our routes, below server.baseUrlPath."""
    base = st.get_option("server.baseUrlPath").strip("/")
    return f"/{base}/{path}" if base else f"/{path}"


def draw_streamlit_sign_in() -> None:
    """Draw a sign-in button for each provider of Streamlit's own sign-in."""
    auth = st.secrets["auth"]
    providers = [name for name in auth if isinstance(auth[name], Mapping)]
    st.markdown("Sign in to continue.")
    for provider in providers or [""]:
        label = f"Sign in with {escape_markdown(provider)}" if provider else "Sign in"
        if st.button(label, key=f"sign-in-{provider}", type="primary"):
            st.login(provider or None)


def sign_out() -> None:
    """Draw the sign-out page: a reload of SIGN_OUT reaches the middleware, which clears the cookie."""
    if by_streamlit():
        st.logout()
    else:
        st.html("<script>location.reload()</script>", unsafe_allow_javascript=True)


def form_html(target: str, error: str) -> str:
    """Return the page that asks for the password and leads to `target`."""
    return Template(_FORM.read_text("utf-8")).substitute(
        light=_theme("light"),
        dark=_theme("dark"),
        action=escape_html(url_path(SIGN_IN)),
        logo=_LOGO.read_text("utf-8"),
        error=escape_html(error),
        target=escape_html(target),
        invalid='aria-invalid="true" aria-describedby="error"' if error else "",
        retry="" if error else _RETRY,
    )


def _secret() -> str:
    secret = os.environ.get("UNFREEZE_PASSWORD", "")
    if not secret and st.secrets.load_if_toml_exists():
        secret = str(st.secrets.get("password", ""))
    return secret


def _theme(name: str) -> str:
    """Return the colours of .streamlit/config.toml as CSS variables."""
    parts = ("primary", "background", "secondaryBackground", "text", "border")
    return " ".join(f"--{part}: {st.get_option(f'theme.{name}.{part}Color')};" for part in parts)
