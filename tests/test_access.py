"""The shared password, its tokens, the throttle, and the private home folder."""

import hashlib
import os
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, strategies as st

from ftcore import access, paths, tracking
from ftcore.access import FREE_ATTEMPTS, SECONDS_PER_ATTEMPT, TOKEN_SECONDS, Password
from ftcore.errors import UnfreezeError

SECRET = "open sesame"
CLIENT = "192.0.2.7"


PASSWORD = Password(SECRET)


def test_password_matches_itself_only():
    assert PASSWORD.matches(SECRET)
    similar = ["", SECRET[:-1], f"{SECRET} ", SECRET.title(), "\0", "ö" * 9, "\ud800", SECRET * 500]
    assert not any(PASSWORD.matches(candidate) for candidate in similar)
    assert Password("schlüsselbund").matches("schlu\u0308sselbund"), "composed by another keyboard"
    with pytest.raises(UnfreezeError, match="fewer than 8 characters"):
        Password("1234567")


def test_token_expires_and_belongs_to_one_password():
    token = PASSWORD.issue_token(1000.0)
    assert PASSWORD.verify_token(token, 1000.0)
    assert PASSWORD.verify_token(token, 999.0 + TOKEN_SECONDS)
    assert not PASSWORD.verify_token(token, 1000.0 + TOKEN_SECONDS)
    assert not Password("another one").verify_token(token, 1000.0)
    assert Password(SECRET).verify_token(token, 1000.0), "valid after a restart of the server"


@given(position=st.integers(0, 74), text=st.text(st.characters(codec="latin-1")))
def test_altered_or_forged_token_is_invalid(position, text):
    token = PASSWORD.issue_token(1_700_000_000.0)
    altered = token[:position] + text + token[position + 1 :]
    assert PASSWORD.verify_token(altered, 1_700_000_001.0) == (altered == token)
    unsigned = hashlib.sha256(text.encode()).hexdigest()
    for forged in (text, f"{text}.{unsigned}", f"9999999999.{text}", "9" * 5000 + "."):
        assert not PASSWORD.verify_token(forged, 0.0)


def test_wrong_passwords_of_one_client_are_throttled():
    now = SimpleNamespace(seconds=0.0)
    throttle = access.SignInThrottle(lambda: now.seconds)
    attempts = 0
    for second in range(3600):
        now.seconds = float(second)
        while not throttle.seconds_to_wait(CLIENT):
            throttle.record_failure(CLIENT)
            attempts += 1
    assert attempts == FREE_ATTEMPTS + 3599 // SECONDS_PER_ATTEMPT
    assert 0 < throttle.seconds_to_wait(CLIENT) <= SECONDS_PER_ATTEMPT
    assert not throttle.seconds_to_wait("192.0.2.8"), "other clients are not affected"
    for _ in range(FREE_ATTEMPTS):
        throttle.record_failure("2001:db8::1")
    assert throttle.seconds_to_wait("2001:db8::ffff"), "one client has a whole /64"
    assert not throttle.seconds_to_wait("2001:db8:0:1::1")
    for number in range(20_000):
        throttle.record_failure(str(number))
    assert len(throttle) == 10_000, "bounded memory"


def test_only_a_server_on_a_network_needs_a_sign_in():
    for host in ("127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost", "::ffff:127.0.0.1"):
        access.check_server_address(host, has_sign_in=False)
    networks = ["", "0.0.0.0", "::", "192.168.1.5", "::ffff:10.0.0.1"]
    for host in (*networks, "localhost.evil.example", "127.0.0.1.x"):
        with pytest.raises(UnfreezeError, match=r"does not start on .*UNFREEZE_PASSWORD"):
            access.check_server_address(host, has_sign_in=False)
        access.check_server_address(host, has_sign_in=True)


def permissions(path: Path) -> str:
    return stat.filemode(path.stat().st_mode)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize("mode", [None, 0o755, 0o777])
def test_home_and_record_are_readable_by_their_owner_only(home, mode):
    if mode is not None:
        home.mkdir()
        home.chmod(mode)
        for name in ("mlflow.db", "mlflow.db-wal"):  # as an earlier version left them
            (home / name).touch(mode=0o644)
    tracking.runs()
    assert permissions(home) == "drwx------"
    assert {permissions(file) for file in home.glob("mlflow.db*")} == {"-rw-------"}


def test_shared_home_keeps_its_permissions_with_a_warning(home, caplog):
    home.mkdir()
    home.chmod(0o1777)
    paths.restrict_permissions()
    assert permissions(home) == "drwxrwxrwt"
    assert "set UNFREEZE_HOME to a folder of your own" in caplog.text
