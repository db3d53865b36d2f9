"""Sign out voids copied cookies and ends open connections, also across servers and restarts."""

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from ftcore import paths
from pages.components.shell import access_control as access
from pages.components.shell.access_control import COOKIE
from tests.helpers.access_requests import cookie, location, password_sign_in, request


def test_a_copied_cookie_is_void_after_sign_out_and_others_are_not():
    control, other_server = password_sign_in(), password_sign_in()
    mine, other = cookie(), cookie()
    for server_ in (control, other_server):
        assert request(server_, cookie=mine).status_code == 204
    request(control, "/sign-out", cookie=f"{COOKIE}=9999999999.{'0' * 32}.{'0' * 64}")
    assert not paths.sign_outs_file().exists(), "a stranger ends no sign-in"
    assert location(request(control, "/sign-out", cookie=mine)) == "/sign-in"
    for server_ in (control, other_server, password_sign_in()):  # the last: after a restart
        assert request(server_, cookie=mine).status_code == 401
        assert request(server_, cookie=mine, kind="websocket").status_code == 403
        assert request(server_, cookie=other).status_code == 204


def test_sign_out_ends_an_open_web_socket(monkeypatch):
    monkeypatch.setattr(access, "RECHECK_SECONDS", 0.01)
    control, headers = password_sign_in(), {"host": "127.0.0.1:8501"}
    mine, other = cookie(), cookie()
    app = TestClient(control)
    with (
        app.websocket_connect("/", headers=headers | {"cookie": mine}) as ended,
        app.websocket_connect("/", headers=headers | {"cookie": other}) as open_,
    ):
        request(control, "/sign-out", cookie=mine)
        with pytest.raises(WebSocketDisconnect) as closed:
            ended.receive_text()
        assert closed.value.code == 1008
        open_.send_text("a message")
        assert open_.receive_text() == "a message"


def test_damaged_list_of_sign_outs_ends_all_sign_ins_until_then():
    control, before = password_sign_in(), cookie(age=5)
    assert request(control, cookie=before).status_code == 204
    paths.sign_outs_file().parent.mkdir(parents=True, exist_ok=True)
    for damaged in (b"{", b"\xff", b"[]", b'{"ended": {"a": "b"}, "all_before": 0}', b"{}"):
        paths.sign_outs_file().write_bytes(damaged)
        control = password_sign_in()
        assert request(control, cookie=before).status_code == 401
        assert request(control, cookie=cookie()).status_code == 204
        assert request(password_sign_in(), cookie=before).status_code == 401, "after a restart"


def test_sign_out_that_cannot_be_stored_holds_until_the_server_ends(caplog):
    paths.sign_outs_file().mkdir(parents=True)
    control, mine = password_sign_in(), cookie()
    assert location(request(control, "/sign-out", cookie=mine)) == "/sign-in"
    assert request(control, cookie=mine).status_code == 401
    assert "a restart undoes it" in caplog.text
