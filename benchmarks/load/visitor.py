"""A visitor of the dashboard, over the WebSocket that a browser uses: opens pages, types, presses buttons."""

import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Delta_pb2 import Delta
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import ClientConnection, connect

PATIENCE = 60  # seconds for an answer; whatever takes longer hangs
XSRF = "_streamlit_xsrf"
_DONE = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
_FIELDS = {
    "number_input": "double_value",
    "text_input": "string_value",
    "text_area": "string_value",
}


class NotThere(LookupError):
    """What a visitor looked for is not on the page, or cannot be pressed now."""


class PageFailed(Exception):
    """A page ended with an error of its own."""


@dataclass(frozen=True)
class Widget:
    """What can be pressed or filled; one without a key is called by its label."""

    id: str
    kind: str
    name: str
    fragment: str
    disabled: bool


class Visitor:
    """One browser tab. `timed` is told of each answer: the page, and the seconds that it took."""

    def __init__(
        self, address: str, timed: Callable[[str, float], None] = lambda page, seconds: None
    ) -> None:
        self._address, self._timed = address, timed
        self._socket: ClientConnection | None = None
        self._session = self._hash = self.page = self.query = ""
        self._widgets: dict[str, Widget] = {}
        self._values: dict[str, WidgetState] = {}
        self.ticks: dict[str, float] = {}  # fragment that draws itself again → seconds between
        self.errors: list[tuple[str, str]] = []  # of the page: fragment, what it says

    def open(self, page: str, query: str = "") -> None:
        """Open a page in a new tab, or the same one anew."""
        self.close()
        self._session = self._hash = ""
        self._values.clear()
        self.page, self.query = page, query
        self._connect()
        self._ask()

    def reconnect(self) -> None:
        """Come back with the session that one had, as a browser does whose network was gone."""
        self.close()
        self._connect()
        self._ask()

    def close(self) -> None:
        """Be gone."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def rerun(self) -> float:
        """Have the page run again; seconds from the question to the end of its script."""
        return self._ask()

    def tick(self) -> float:
        """Ask for what draws itself again, as the page's timer does; seconds."""
        return sum(
            self._ask(fragment, auto=True)
            for fragment in list(self.ticks)
            if fragment in self.ticks  # else the one before has drawn the whole page anew
        )

    def watch(self, over: threading.Event) -> None:
        """Tick whenever it is time, until it is over, or nothing on the page goes on."""
        while self.ticks and not over.wait(min(self.ticks.values())):
            self.tick()

    def fill(self, **values: Any) -> None:
        """Type into inputs, by their keys, and let the page answer."""
        widgets = [self.find(name) for name in values]
        for widget, value in zip(widgets, values.values(), strict=True):
            state = self._values[widget.id] = WidgetState(id=widget.id)
            if widget.kind == "button_group":
                state.string_array_value.data[:] = [value]
            else:
                setattr(state, _FIELDS[widget.kind], value)
        self._ask(widgets[-1].fragment)

    def press(self, name: str) -> None:
        """Press a button."""
        widget = self.find(name)
        if widget.disabled:
            raise NotThere(name)
        self._ask(widget.fragment, pressed=widget.id)

    def find(self, name: str) -> Widget:
        """The widget of that key, or label. Raises NotThere."""
        for widget in self._widgets.values():
            if widget.name == name:
                return widget
        raise NotThere(name)

    def names(self, start: str) -> list[str]:
        """The widgets whose names begin so, of those that can be pressed."""
        found = self._widgets.values()
        return [one.name for one in found if one.name.startswith(start) and not one.disabled]

    def parameter(self, name: str) -> str:
        """What stands in the address."""
        return parse_qs(self.query).get(name, [""])[0]

    def _connect(self) -> None:
        with urllib.request.urlopen(f"{self._address}/_stcore/health", timeout=PATIENCE) as answer:
            cookies = answer.headers.get_all("Set-Cookie") or []
        pairs = (cookie.partition(";")[0].partition("=") for cookie in cookies)
        token = next((value for name, _, value in pairs if name == XSRF), "")
        spoken = ["streamlit", token or "none", *filter(None, [self._session])]
        self._socket = connect(
            f"{self._address.replace('http', 'ws', 1)}/_stcore/stream",
            subprotocols=spoken,
            origin=self._address,
            additional_headers={"Cookie": f"{XSRF}={token}"},
            max_size=None,
            open_timeout=PATIENCE,
            close_timeout=1,
            ping_interval=None,
        )  # type: ignore[arg-type]

    def _ask(self, fragment: str = "", pressed: str = "", auto: bool = False) -> float:
        """Have the page, or a fragment of it, run again, and take in what it draws; seconds."""
        if self._socket is None:
            raise NotThere("no page is open")
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
            left = max(0.0, clock + PATIENCE - time.monotonic())
            answer = ForwardMsg.FromString(self._socket.recv(timeout=left))  # type: ignore[arg-type]
            self._take(answer)
            if answer.WhichOneof("type") == "script_finished":
                if answer.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                    raise PageFailed(f"/{self.page}?{self.query} does not compile")
                if answer.script_finished in _DONE:
                    break
        seconds = time.monotonic() - clock
        for gone in self._values.keys() - self._widgets.keys():
            del self._values[gone]
        self._timed(self.page, seconds)
        return seconds

    def _take(self, answer: ForwardMsg) -> None:
        kind = answer.WhichOneof("type")
        if kind == "new_session":
            self._session = answer.new_session.initialize.session_id
            self._forget(set(answer.metadata.run.fragment_ids))
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

    def _forget(self, fragments: set[str]) -> None:
        """What is drawn anew is not there before it is drawn."""
        if not fragments:
            self.ticks.clear()
        self._widgets = {
            key: one
            for key, one in self._widgets.items()
            if fragments and one.fragment not in fragments
        }
        self.errors = [one for one in self.errors if fragments and one[0] not in fragments]

    def _draw(self, delta: Delta) -> None:
        kind = delta.new_element.WhichOneof("type")
        if kind is None:
            return
        element = getattr(delta.new_element, kind)
        if kind == "exception":
            raise PageFailed(f"/{self.page}?{self.query}: {element.message}")
        if kind == "alert" and element.format == Alert.ERROR:
            if "Reload the page" in element.body:  # what app.py says of an error that none caught
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
