"""Streamlit components whose script is a static file, which the browser keeps."""

import json
from typing import Any

import streamlit as st

from pages.components.shell import assets


def script_component(name: str, script: str, *modules: str) -> Any:
    """Register a component that a script of `assets` draws, given the address of plotly.js and modules.

    Streamlit sends this source again with every update, so it only imports the real scripts. It runs from a
    blob: address, where a path needs an origin. plotly.js puts its style sheet into the page's head, which an
    isolated component would not see.
    """
    paths = json.dumps([assets.asset_url(file) for file in (script, *modules)])
    source = f"""
const modules = Promise.all({paths}.map((path) => import(location.origin + path)));
const plotly = location.origin + {assets.asset_url(assets.PLOTLY)!r};
export default async (component) => {{
  const [script, ...others] = await modules;
  return script.draw(component, plotly, ...others);
}};"""
    return st.components.v2.component(f"unfreeze_{name}", js=source, isolate_styles=False)
