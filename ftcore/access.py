"""Who may come in: this machine alone, or whoever knows the one shared password."""

import hashlib
import hmac
import ipaddress
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable

from ftcore.errors import UnfreezeError

SHORTEST = 8  # characters of a password
LASTS = 7 * 24 * 3600  # seconds that a sign-in is good for
BURST = 5  # wrong passwords that are answered at once
PACE = 10.0  # seconds after which one more is
_REMEMBERED = 10_000  # addresses whose wrong tries are counted


def is_loopback(host: str) -> bool:
    """Whether an address, or the name localhost, is this machine and no network."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback


def check(address: str, signs_in: bool) -> None:
    """Raise UnfreezeError where a server would listen on a network and let everybody in."""
    if not signs_in and not is_loopback(address):
        raise UnfreezeError(
            f"Unfreeze does not start on {address or 'every address'} without a sign-in: "
            "set UNFREEZE_PASSWORD, or leave server.address at 127.0.0.1."
        )


class Password:
    """The one password that all share. Raises UnfreezeError where it is too short to keep anyone out."""

    def __init__(self, password: str) -> None:
        if len(password) < SHORTEST:
            raise UnfreezeError(
                f"The password has fewer than {SHORTEST} characters; choose a longer one."
            )
        # Slow on purpose (50 ms, once): a cookie that leaked must not give the password away.
        self._key = hashlib.scrypt(_bytes(password), salt=b"unfreeze", n=1 << 14, r=8, p=1)
        self._hash = self._hashed(password)

    def admits(self, given: str) -> bool:
        """Whether `given` is the password; takes as long wherever the two differ."""
        return hmac.compare_digest(self._hashed(given), self._hash)

    def ticket(self, now: float) -> str:
        """What a browser shows from now on in the password's place: when it ends, signed."""
        ends = str(int(now + LASTS))
        return f"{ends}.{self._signature(ends)}"

    def honours(self, ticket: str, now: float) -> bool:
        """Whether a ticket is ours, of this password, and not over."""
        ends, _, signature = ticket.partition(".")
        ours = self._signature(ends)
        return hmac.compare_digest(signature.encode(), ours.encode()) and now < int(ends)

    def _hashed(self, password: str) -> bytes:
        return hmac.digest(self._key, b"password " + _bytes(password), "sha256")

    def _signature(self, ends: str) -> str:
        return hmac.digest(self._key, b"ticket " + ends.encode(), "sha256").hex()


class Tries:
    """The pace of wrong passwords: from each address BURST at once, then one every PACE seconds.

    The arithmetic is that of GCRA, one time for each address, and nobody waits inside.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_again: OrderedDict[str, float] = OrderedDict()

    def wait(self, host: str) -> float:
        """Seconds until a try from there is looked at; 0 for now."""
        debt = self._full_again.get(_network(host), 0.0) - self._clock()
        return max(0.0, debt - (BURST - 1) * PACE)

    def failed(self, host: str) -> None:
        """Count a wrong password."""
        network, now = _network(host), self._clock()
        self._full_again[network] = max(self._full_again.get(network, now), now) + PACE
        self._full_again.move_to_end(network)
        if len(self._full_again) > _REMEMBERED:
            self._full_again.popitem(last=False)


def _network(host: str) -> str:
    """What one client has of addresses: of IPv6 a whole /64."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and not address.ipv4_mapped:
        return str(ipaddress.ip_network(f"{address}/64", strict=False))
    return host


def _bytes(password: str) -> bytes:
    """As one keyboard writes an umlaut in one character and another in two, both are made one."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
