"""Access control: addresses, the shared password, sign-in tokens, the pace of attempts."""

import functools
import hashlib
import hmac
import ipaddress
import math
import os
import secrets
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ftcore.errors import UnfreezeError

MIN_PASSWORD_LENGTH = 8
TOKEN_SECONDS = 7 * 24 * 3600  # lifetime of a sign-in
FREE_FAILURES = 5  # wrong passwords of one network before the next check has to wait
MIN_INTERVAL, MAX_INTERVAL = (
    0.125,
    1.0,
)  # seconds between its checks after that, doubled by each failure
FORGET_SECONDS = 30.0  # after which one failure is forgotten
CHECKS_PER_SECOND = 10.0  # of all networks without a failure together, and of all others together
BURST = 20  # of these checks at once
_MAX_FAILURES = FREE_FAILURES + 4  # with which the interval is the greatest
_MAX_NETWORKS = 10_000  # remembered


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address always refers to this machine."""
    address = _address(host.strip("[]"))
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def check_server_address(address: str, has_sign_in: bool) -> None:
    """Raise UnfreezeError if a server without a sign-in would listen on a network."""
    if not has_sign_in and not is_loopback(address):
        raise UnfreezeError(
            f"Unfreeze does not start on {address or 'every address'} without a sign-in: "
            "set UNFREEZE_PASSWORD, or leave server.address at 127.0.0.1."
        )


class Password:
    """The shared password, kept as a hash. Raises UnfreezeError if it is too short."""

    def __init__(self, password: str) -> None:
        if len(password) < MIN_PASSWORD_LENGTH:
            raise UnfreezeError(
                f"The password has fewer than {MIN_PASSWORD_LENGTH} characters; choose a longer one."
            )
        # Slow on purpose (50 ms, once), so that a leaked cookie does not give the password away.
        self._key = hashlib.scrypt(_encode(password), salt=b"unfreeze", n=1 << 14, r=8, p=1)
        self._digest = self._hash(password)

    def matches(self, candidate: str) -> bool:
        """Whether `candidate` is the password, in constant time."""
        return hmac.compare_digest(self._hash(candidate), self._digest)

    def issue_token(self, now: float) -> str:
        """Return a signed token, `<expiry>.<id>.<signature>`, that stands for one sign-in."""
        content = f"{int(now + TOKEN_SECONDS)}.{secrets.token_hex(16)}"
        return f"{content}.{self._sign(content)}"

    def read_token(self, token: str, now: float) -> "SignIn | None":
        """Return the sign-in of a token that was issued for this password and has not expired."""
        content, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(content).encode()):
            return None
        expiry, _, token_id = content.partition(".")
        return SignIn(token_id, int(expiry)) if now < int(expiry) else None

    def _hash(self, password: str) -> bytes:
        return hmac.digest(self._key, b"password " + _encode(password), "sha256")

    def _sign(self, content: str) -> str:
        return hmac.digest(self._key, b"sign-in " + content.encode(), "sha256").hex()


class SignIn(NamedTuple):
    """One sign-in; `expiry` in seconds since 1970."""

    id: str
    expiry: int

    @property
    def began(self) -> int:
        return self.expiry - TOKEN_SECONDS


@dataclass
class _Failures:
    """Wrong passwords of one network, and when its next password is checked."""

    count: float
    updated: float
    next_check: float


class SignInPace:
    """Spaces the checks of passwords. Who has to wait is let in, too, if the password is right.

    One network waits longer after each wrong password, up to MAX_INTERVAL. All networks together are
    limited as well, those that gave a wrong password apart from the others, who do not wait for them.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()  # by network, oldest first
        self._free_at = {True: 0.0, False: 0.0}  # by whether a network has failed: its group's GCRA

    def __len__(self) -> int:
        return len(self._failures)

    def may_check(self, host: str) -> bool:
        """Whether a password from `host` may be checked now; if so, this counts as a check."""
        now = self._clock()
        failures = self._current(network_of(host), now)
        failed = failures is not None
        free_at = max(self._free_at[failed], now)
        if (failures and now < failures.next_check) or free_at > now + BURST / CHECKS_PER_SECOND:
            return False
        self._free_at[failed] = free_at + 1 / CHECKS_PER_SECOND
        if failures and (beyond := math.ceil(failures.count) - FREE_FAILURES) >= 0:
            interval = MIN_INTERVAL * 2**beyond
            failures.next_check = now + min(interval, MAX_INTERVAL)
        return True

    def record_failure(self, host: str) -> None:
        """Count a wrong password."""
        network, now = network_of(host), self._clock()
        failures = self._current(network, now) or _Failures(0.0, now, now)
        failures.count = min(failures.count + 1, _MAX_FAILURES)
        self._failures[network] = failures
        self._failures.move_to_end(network)
        if len(self._failures) > _MAX_NETWORKS:
            self._failures.popitem(last=False)

    def _current(self, network: str, now: float) -> _Failures | None:
        """The failures of a network that are not forgotten."""
        failures = self._failures.get(network)
        if failures is None:
            return None
        failures.count -= (now - failures.updated) / FORGET_SECONDS
        failures.updated = now
        if failures.count <= 0:
            del self._failures[network]
            return None
        return failures


class Networks:
    """Addresses and networks, separated by commas. Raises UnfreezeError if one is none."""

    def __init__(self, text: str, setting: str) -> None:
        self._networks = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            try:
                self._networks.append(ipaddress.ip_network(part, strict=False))
            except ValueError:
                raise UnfreezeError(
                    f"{setting} names {part!r}; give addresses or networks such as 10.0.0.0/8, "
                    "separated by commas."
                ) from None

    def __contains__(self, host: str) -> bool:
        address = _address(host)
        return address is not None and any(address in network for network in self._networks)


def trusted_proxies() -> Networks:
    """Return the proxies whose X-Forwarded-For counts (UNFREEZE_TRUSTED_PROXIES), by default none."""
    name = "UNFREEZE_TRUSTED_PROXIES"
    return Networks(os.environ.get(name, ""), name)


def client_host(peer: str, forwarded_for: str, proxies: Networks) -> str:
    """Return the address of the client: the peer's, unless that is a trusted proxy.

    `forwarded_for`: its X-Forwarded-For. Each proxy appends the address that it was asked from, so the last
    one that is no trusted proxy's counts; what stands before it may be made up.
    """
    if peer not in proxies:
        return peer
    for forwarded in reversed(forwarded_for.split(",")):
        host = _without_port(forwarded.strip())
        if host not in proxies:
            return host if _address(host) else peer
    return peer


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


@functools.lru_cache(maxsize=1_000)
def network_of(host: str) -> str:
    """Return the addresses that one client controls: one IPv4 address, an IPv6 /64 network, this machine."""
    address = _address(host)
    if address is None:
        return host
    if address.is_loopback:
        return "loopback"
    prefix = 64 if address.version == 6 else 32
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address in `host`, IPv4 if it is one mapped to IPv6; None if it is none."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])  # what follows names an interface
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _encode(password: str) -> bytes:
    """Encode a password; keyboards differ in how they compose an umlaut, NFC makes them equal."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
