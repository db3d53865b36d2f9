"""The shared password, its tokens, the pace of attempts, proxies, and the private home folder."""

import hashlib
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from ftcore import access, paths, tracking
from ftcore.access import TOKEN_SECONDS, Networks, Password, SignInPace
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
    sign_in = PASSWORD.read_token(token, 1000.0)
    assert sign_in and (sign_in.began, sign_in.expiry) == (1000, 1000 + TOKEN_SECONDS)
    assert PASSWORD.read_token(token, 999.0 + TOKEN_SECONDS) == sign_in
    assert not PASSWORD.read_token(token, 1000.0 + TOKEN_SECONDS)
    assert not Password("another one").read_token(token, 1000.0)
    assert Password(SECRET).read_token(token, 1000.0), "valid after a restart of the server"
    assert PASSWORD.read_token(PASSWORD.issue_token(1000.0), 1000.0) != sign_in, "each is its own"


@given(position=st.integers(0, 107), text=st.text(st.characters(codec="latin-1")))
def test_altered_or_forged_token_is_invalid(position, text):
    token = PASSWORD.issue_token(1_700_000_000.0)
    altered = token[:position] + text + token[position + 1 :]
    valid = PASSWORD.read_token(altered, 1_700_000_001.0) is not None
    assert valid == (altered == token)
    unsigned = hashlib.sha256(text.encode()).hexdigest()
    for forged in (text, f"{text}.{unsigned}", f"9999999999.1.{text}", "9" * 5000 + ".."):
        assert not PASSWORD.read_token(forged, 0.0)


class Clock:
    """Stands for time.monotonic."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def wrong_passwords(pace: SignInPace, clock: Clock, seconds: float, hosts: list[str]) -> int:
    """How many wrong passwords are checked if each host tries ten at once, every 50 ms."""
    checked = 0
    for _ in range(round(seconds * 20)):
        for host in hosts * 10:
            if pace.may_check(host):
                pace.record_failure(host)
                checked += 1
        clock.now += 0.05
    return checked


def wait_of(pace: SignInPace, clock: Clock, host: str) -> float:
    """Seconds until a password from a host is checked."""
    began = clock.now
    while not pace.may_check(host):
        clock.now += 0.01
    return clock.now - began


def test_each_wrong_password_waits_longer_and_the_right_one_never_long():
    pace = SignInPace(clock := Clock())
    waits = []
    for _ in range(12):
        waits.append(wait_of(pace, clock, CLIENT))
        pace.record_failure(CLIENT)
    assert waits[:5] == [0.0] * 5 and waits == sorted(waits) and 0.9 < waits[-1] < 1.1
    assert wait_of(pace, clock, CLIENT) < 1.1, "not locked out"
    assert wait_of(pace, clock, "192.0.2.8") == 0.0, "other clients are not affected"
    clock.now += 600.0
    assert wait_of(pace, clock, CLIENT) == 0.0 and len(pace) == 0


def test_passwords_cannot_be_tried_fast_from_one_address_or_many():
    pace = SignInPace(clock := Clock())
    assert wrong_passwords(pace, clock, 1.3, [CLIENT]) < 15
    assert wrong_passwords(pace, clock, 60.0, [CLIENT]) <= 61
    assert wrong_passwords(pace, clock, 1.3, [f"127.0.0.{n}" for n in range(1, 40)]) < 15, (
        "all of 127.0.0.0/8 is this machine"
    )
    assert wrong_passwords(pace, clock, 1.3, [f"2001:db8::{n}" for n in range(1, 40)]) < 15, (
        "one client has a whole /64"
    )
    many = [f"198.51.100.{n}" for n in range(100)]
    assert wrong_passwords(pace, clock, 1.3, many) < 80
    assert wrong_passwords(pace, clock, 5.0, many) <= 110
    assert wait_of(pace, clock, "192.0.2.8") < 3.0, "from an address that has not failed"


def test_the_pace_remembers_a_bounded_number_of_networks():
    pace = SignInPace(Clock())
    for number in range(10_050):
        pace.record_failure(str(number))
    assert len(pace) == 10_000


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),  # no proxy of ours
        ("127.0.0.1", "203.0.113.9", "127.0.0.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("::ffff:10.0.0.1", "203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8::1", "[2001:db8:9::9]:4711", "2001:db8:9::9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),  # the first is made up
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),  # through two proxies
        ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.1"),
    ],
)
def test_forwarded_addresses_count_from_named_proxies_only(peer, forwarded_for, client):
    proxies = Networks("10.0.0.0/8, 2001:db8::1", "X")
    assert access.client_host(peer, forwarded_for, proxies) == client


def test_trusted_proxies_come_from_the_environment(monkeypatch):
    assert "127.0.0.1" not in access.trusted_proxies()
    monkeypatch.setenv("UNFREEZE_TRUSTED_PROXIES", "10.0.0.1,")
    assert "10.0.0.1" in access.trusted_proxies() and "10.0.0.2" not in access.trusted_proxies()
    monkeypatch.setenv("UNFREEZE_TRUSTED_PROXIES", "10.0.0.1 10.0.0.2")
    with pytest.raises(UnfreezeError, match="UNFREEZE_TRUSTED_PROXIES names"):
        access.trusted_proxies()


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
