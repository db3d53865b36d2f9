"""Access control: loopback addresses, the shared password, sign-in tokens, the throttle of attempts."""

import hashlib
import hmac
import ipaddress
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable

from ftcore.errors import UnfreezeError

MIN_PASSWORD_LENGTH = 8
TOKEN_SECONDS = 7 * 24 * 3600  # lifetime of a sign-in
FREE_ATTEMPTS = 5  # wrong passwords checked without a delay
SECONDS_PER_ATTEMPT = 10.0  # delay before each further one
_MAX_CLIENTS = 10_000  # networks remembered by the throttle


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address always refers to this machine."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.is_loopback


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
        """Return a signed token, `<expiry>.<signature>`, that stands for the password."""
        expiry = str(int(now + TOKEN_SECONDS))
        return f"{expiry}.{self._sign(expiry)}"

    def verify_token(self, token: str, now: float) -> bool:
        """Whether a token was issued for this password and has not expired."""
        expiry, _, signature = token.partition(".")
        expected = self._sign(expiry)
        return hmac.compare_digest(signature.encode(), expected.encode()) and now < int(expiry)

    def _hash(self, password: str) -> bytes:
        return hmac.digest(self._key, b"password " + _encode(password), "sha256")

    def _sign(self, expiry: str) -> str:
        return hmac.digest(self._key, b"ticket " + expiry.encode(), "sha256").hex()


class SignInThrottle:
    """Limits wrong passwords of each client by the generic cell rate algorithm (GCRA)."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._recovered_at: OrderedDict[str, float] = OrderedDict()  # by network, oldest first

    def __len__(self) -> int:
        return len(self._recovered_at)

    def seconds_to_wait(self, host: str) -> float:
        """Return the seconds until the next attempt from `host` is allowed, 0 if it is now."""
        debt = self._recovered_at.get(_network(host), 0.0) - self._clock()
        return max(0.0, debt - (FREE_ATTEMPTS - 1) * SECONDS_PER_ATTEMPT)

    def record_failure(self, host: str) -> None:
        network, now = _network(host), self._clock()
        recovered_at = max(self._recovered_at.get(network, now), now)
        self._recovered_at[network] = recovered_at + SECONDS_PER_ATTEMPT
        self._recovered_at.move_to_end(network)
        if len(self._recovered_at) > _MAX_CLIENTS:
            self._recovered_at.popitem(last=False)


def _network(host: str) -> str:
    """Return the addresses that one client controls: an IPv4 address, or an IPv6 /64 network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and not address.ipv4_mapped:
        return str(ipaddress.ip_network(f"{address}/64", strict=False))
    return host


def _encode(password: str) -> bytes:
    """Encode a password; keyboards differ in how they compose an umlaut, NFC makes them equal."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
