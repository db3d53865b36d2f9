"""Sign-ins that ended before they expired, kept in home so that a restart does not bring them back."""

import json
import logging
import time
from pathlib import Path

from ftcore.access import SignIn
from ftcore.storage import files

log = logging.getLogger(__name__)


class SignOuts:
    """The sign-ins that have ended. Servers that share a home read each other's.

    If the file is damaged, all sign-ins up to now end, as it is unknown which had ended.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._version: tuple[int, int] | None = None
        self._expiries: dict[str, int] = {}
        self._all_before = 0

    def __contains__(self, sign_in: SignIn) -> bool:
        self._read()
        return sign_in.id in self._expiries or sign_in.began < self._all_before

    def add(self, sign_in: SignIn) -> None:
        """End a sign-in. If that cannot be written, a restart brings it back, and the log says so."""
        self._read()
        now = time.time()
        kept = {key: expiry for key, expiry in self._expiries.items() if expiry > now}
        self._expiries = kept | {sign_in.id: sign_in.expiry}
        self._write()

    def _read(self) -> None:
        try:
            stat = self._file.stat()
            version = (stat.st_mtime_ns, stat.st_size)
            if version == self._version:
                return
            content = json.loads(self._file.read_bytes())
            self._expiries |= {str(key): int(expiry) for key, expiry in content["ended"].items()}
            self._all_before = max(self._all_before, int(content["all_before"]))
            self._version = version
        except OSError:  # there is none yet, or it cannot be read just now
            return
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            log.warning("%s is damaged: everybody has to sign in again.", self._file)
            self._all_before = int(time.time())
            self._write()

    def _write(self) -> None:
        content = {"ended": self._expiries, "all_before": self._all_before}
        try:
            files.write(self._file, json.dumps(content).encode())
        except OSError as error:
            log.warning(
                "%s cannot be written (%s): a restart undoes it.", self._file, error.strerror
            )
