"""Folders of this installation and addresses of publishers, which environment variables can change."""

import logging
import os
import stat
from pathlib import Path

from ftcore.errors import UnfreezeError

log = logging.getLogger(__name__)
_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "dashboard"  # where the wheel puts app.py, pages/ and what is bundled
ROOT = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent
BUNDLED_CHECKPOINTS = ROOT / "checkpoints"
BUNDLED_EXPERIMENTS = ROOT / "experiments"
OFFICIAL_IMDB = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
OFFICIAL_AG_NEWS = (  # the folder of train.csv and test.csv
    "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv"
)


def home() -> Path:
    """Return the folder of all files that Unfreeze writes (`UNFREEZE_HOME`, by default ~/.unfreeze).

    Raises UnfreezeError if it has no usable name.
    """
    name = os.environ.get("UNFREEZE_HOME")
    try:
        folder = Path(name or Path.home() / ".unfreeze").expanduser().resolve()
        str(folder).encode()  # MLflow's addresses are UTF-8
        return folder
    except (
        OSError,
        RuntimeError,
        UnicodeEncodeError,
    ):  # RuntimeError: no such user, links in a circle
        shown = ascii(name) if name else "not set"
        raise UnfreezeError(
            f"UNFREEZE_HOME is {shown}; give a folder with a usable name."
        ) from None


def restrict_permissions() -> None:
    """Make home and the record of runs private; log a warning if that fails or home is shared."""
    folder = home()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in (folder, *folder.glob("mlflow.db*")):
            mode = path.stat().st_mode
            if mode & stat.S_ISVTX:
                log.warning("All can write to %s: set UNFREEZE_HOME to a folder of your own.", path)
            elif mode & 0o077 and os.name != "nt":
                path.chmod(mode & 0o700)
    except OSError as error:
        log.warning("The permissions of %s cannot be set (%s).", folder, error.strerror)


def downloads_dir() -> Path:
    return home() / "downloads"


def datasets_dir() -> Path:
    return home() / "datasets"  # a user's own, as they were added


def locks_dir() -> Path:
    return home() / "locks"  # of datasets that are being changed


def cache_dir() -> Path:
    return home() / "cache"  # what can be computed again, such as encoded texts


def cache_limit() -> float:
    """Return the size limit of the cache in bytes. Raises UnfreezeError if it is not a number."""
    gigabytes = os.environ.get("UNFREEZE_CACHE_GB") or "5"
    try:
        return max(0.0, float(gigabytes)) * 1e9
    except ValueError:
        raise UnfreezeError(f"UNFREEZE_CACHE_GB is {gigabytes!r}; give a number.") from None


def temporary_dir() -> Path:
    return home() / "temporary"  # what is needed for a while


def checkpoints_dir() -> Path:
    return home() / "checkpoints"  # imported ones


def runs_dir() -> Path:
    """Return MLflow's artifacts: `<run id>/artifacts/checkpoint` is the checkpoint of a run."""
    return home() / "runs"


def sign_outs_file() -> Path:
    return home() / "sign_outs.json"  # sign-ins that have ended


def database_path() -> Path:
    """Return the SQLite database of runs, used unless `MLFLOW_TRACKING_URI` is set."""
    return home() / "mlflow.db"


def imdb_url() -> str:
    return os.environ.get("UNFREEZE_IMDB_URL", OFFICIAL_IMDB)


def ag_news_url() -> str:
    return os.environ.get("UNFREEZE_AG_NEWS_URL", OFFICIAL_AG_NEWS)


def glove_url() -> str:
    return os.environ.get("UNFREEZE_GLOVE_URL", "https://nlp.stanford.edu/data/glove.6B.zip")
