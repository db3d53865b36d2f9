"""A client of the dashboard that speaks Streamlit's WebSocket protocol, as one browser tab does."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qs

import requests
from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

TIMEOUT = 60  # seconds for an answer
XSRF = "_streamlit_xsrf"
_DONE = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
_FIELDS = {
    "expander": "bool_value",
    "number_input": "double_value",
    "text_input": "string_value",
    "text_area": "string_value",
}


class WidgetNotFound(LookupError):
    """The page has no such widget, or it is disabled."""


class PageFailed(Exception):
    """The page's script ended with an unexpected error."""


class Widget(NamedTuple):
    """A button or an input; `name` is its key, or its label if it has none."""

    id: str
    kind: str
    name: str
    fragment: str
    disabled: bool


class Visitor:
    """One tab. `on_answer` is called with the seconds that each answer took."""

    def __init__(
        self, address: str, on_answer: Callable[[float], None] = lambda seconds: None
    ) -> None:
        self._address, self._on_answer = address, on_answer
        self._socket: ClientConnection | None = None
        self._session = self._hash = self.page = self.query = ""
        self._widgets: dict[str, Widget] = {}
        self._values: dict[str, WidgetState] = {}
        self.ticks: dict[str, float] = {}  # seconds between reruns of a fragment by itself
        self.errors: list[tuple[str, str]] = []  # shown on the page: fragment, message

    def open(self, page: str, query: str = "") -> None:
        """Open a page in a new session."""
        self.close()
        self._session = self._hash = ""
        self._values.clear()
        self.page, self.query = page, query
        self.reconnect()

    def reconnect(self) -> None:
        """Reconnect to the same session, as a browser does after a network failure."""
        self.close()
        answer = requests.get(f"{self._address}/_stcore/health", timeout=TIMEOUT)
        token = answer.cookies.get(XSRF, "")
        protocols = ["streamlit", token or "none", *filter(None, [self._session])]
        self._socket = connect(
            f"{self._address.replace('http', 'ws', 1)}/_stcore/stream",
            subprotocols=[Subprotocol(protocol) for protocol in protocols],
            origin=Origin(self._address),
            additional_headers={"Cookie": f"{XSRF}={token}"},
            max_size=None,
            open_timeout=TIMEOUT,
            close_timeout=1,
            ping_interval=None,
        )
        self.rerun()

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def rerun(self, fragment: str = "", pressed: str = "", auto: bool = False) -> float:
        """Rerun the page, or a fragment, and read all that it draws.

        Returns the seconds from the request to the end of the script.
        """
        if self._socket is None:
            raise WidgetNotFound("no page is open")
        state = ClientState(
            query_string=self.query,
            page_script_hash=self._hash,
            page_name="" if self._hash else self.page,
            fragment_id=fragment,
            is_auto_rerun=auto,
        )
        state.widget_states.widgets.extend(self._values.values())
        if pressed:
            state.widget_states.widgets.append(WidgetState(id=pressed, trigger_value=True))
        clock = time.monotonic()
        self._socket.send(BackMsg(rerun_script=state).SerializeToString())
        while True:
            left = max(0.0, clock + TIMEOUT - time.monotonic())
            answer = ForwardMsg.FromString(self._socket.recv(timeout=left))
            self._handle(answer)
            if answer.WhichOneof("type") == "script_finished":
                if answer.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                    raise PageFailed(f"/{self.page}?{self.query} does not compile")
                if answer.script_finished in _DONE:
                    break
        seconds = time.monotonic() - clock
        self._values = {key: self._values[key] for key in self._values if key in self._widgets}
        self._on_answer(seconds)
        return seconds

    def tick(self) -> float:
        """Rerun the fragments that a browser reruns by a timer; seconds."""
        return sum(
            self.rerun(fragment, auto=True)
            for fragment in list(self.ticks)
            if fragment in self.ticks  # else the one before reran the whole page
        )

    def fill(self, **values: Any) -> None:
        """Fill inputs, by their names, and rerun."""
        widgets = [self.find(name) for name in values]
        for widget, value in zip(widgets, values.values(), strict=True):
            state = self._values[widget.id] = WidgetState(id=widget.id)
            if widget.kind == "button_group":
                state.string_array_value.data[:] = [value]
            else:
                setattr(state, _FIELDS[widget.kind], value)
        self.rerun(widgets[-1].fragment)

    def press(self, name: str) -> None:
        """Press a button. Raises WidgetNotFound if it is missing or disabled."""
        widget = self.find(name)
        if widget.disabled:
            raise WidgetNotFound(name)
        self.rerun(widget.fragment, pressed=widget.id)

    def find(self, name: str) -> Widget:
        """The widget of that name. Raises WidgetNotFound."""
        for widget in self._widgets.values():
            if widget.name == name:
                return widget
        raise WidgetNotFound(name)

    def names(self, prefix: str) -> list[str]:
        """Names of the enabled widgets that begin with `prefix`."""
        widgets = self._widgets.values()
        return [w.name for w in widgets if w.name.startswith(prefix) and not w.disabled]

    def parameter(self, name: str) -> str:
        """A query parameter of the page's address; empty if it has none."""
        return parse_qs(self.query).get(name, [""])[0]

    def _handle(self, answer: ForwardMsg) -> None:
        kind = answer.WhichOneof("type")
        if kind == "new_session":
            self._session = answer.new_session.initialize.session_id
            self._clear(set(answer.metadata.run.fragment_ids))
        elif kind == "navigation":
            self._hash = answer.navigation.page_script_hash
        elif kind == "page_info_changed":
            self.query = answer.page_info_changed.query_string
        elif kind == "auto_rerun":
            self.ticks[answer.auto_rerun.fragment_id] = answer.auto_rerun.interval
        elif kind == "stop_auto_rerun":
            for fragment in answer.stop_auto_rerun.fragment_ids:
                self.ticks.pop(fragment, None)
        elif kind == "delta":
            self._draw(answer.delta)

    def _clear(self, fragments: set[str]) -> None:
        """Forget what is about to be drawn anew: these fragments, or the whole page if there are none."""
        if not fragments:
            self.ticks.clear()
            self._widgets.clear()
            self.errors.clear()
        self._widgets = {
            key: widget for key, widget in self._widgets.items() if widget.fragment not in fragments
        }
        self.errors = [error for error in self.errors if error[0] not in fragments]

    def _draw(self, delta: Delta) -> None:
        if key := delta.add_block.expandable.id:  # it draws what is in it once it is open
            name = key.split("-", 2)[-1]
            self._widgets[key] = Widget(key, "expander", name, delta.fragment_id, False)
        kind = delta.new_element.WhichOneof("type")
        if kind is None:
            return
        element = getattr(delta.new_element, kind)
        if kind == "exception":
            raise PageFailed(f"/{self.page}?{self.query}: {element.message}")
        if kind == "alert" and element.format == Alert.ERROR:
            if "Reload the page" in element.body:  # app.py's message for an unexpected error
                raise PageFailed(f"/{self.page}?{self.query}: {element.body}")
            self.errors.append((delta.fragment_id, element.body))
        elif kind == "button" or kind == "button_group" or kind in _FIELDS:
            key = element.id.split("-", 2)[-1]
            name = element.label if key == "None" else key
            self._widgets[element.id] = Widget(
                element.id, kind, name, delta.fragment_id, element.disabled
            )
            if kind != "button" and element.set_value:
                self._values.pop(element.id, None)
