"""Where things are: folders of this installation and addresses of publishers, all from the environment."""

import logging
import os
import stat
from pathlib import Path

from ftcore.errors import UnfreezeError

log = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parent.parent
BUNDLED_CHECKPOINTS = ROOT / "checkpoints"
BUNDLED_EXPERIMENTS = ROOT / "experiments"


def home() -> Path:
    """The one folder for everything that Unfreeze writes (`UNFREEZE_HOME`, by default ~/.unfreeze)."""
    return Path(os.environ.get("UNFREEZE_HOME") or Path.home() / ".unfreeze").expanduser().resolve()


def restrict_permissions() -> None:
    """Let only its owner read the home folder and the record of runs, also where they had more rights.

    What cannot be changed is said in the log: the folder of somebody else, or one that all share, as /tmp.
    """
    folder = home()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in (folder, *folder.glob("mlflow.db*")):
            rights = path.stat().st_mode
            if rights & stat.S_ISVTX:
                log.warning(
                    "All users can write to %s: set UNFREEZE_HOME to a folder of your own.", path
                )
            elif rights & 0o077 and os.name != "nt":
                path.chmod(rights & 0o700)
    except OSError as error:
        log.warning("The rights of %s cannot be set (%s).", folder, error.strerror)


def downloads_dir() -> Path:
    """Files fetched from publishers."""
    return home() / "downloads"


def cache_dir() -> Path:
    """What can be computed again: encoded texts, pooled vectors."""
    return home() / "cache"


def cache_limit() -> float:
    """How large the cache may grow (`UNFREEZE_CACHE_GB`, by default 5). Raises UnfreezeError."""
    given = os.environ.get("UNFREEZE_CACHE_GB") or "5"
    try:
        return max(0.0, float(given)) * 1e9
    except ValueError:
        raise UnfreezeError(
            f"UNFREEZE_CACHE_GB is {given!r}; give a number of gigabytes, such as 5."
        ) from None


def checkpoints_dir() -> Path:
    """Imported checkpoints, a folder each."""
    return home() / "checkpoints"


def runs_dir() -> Path:
    """MLflow's artifacts: `<run id>/artifacts/checkpoint` is the checkpoint of a run."""
    return home() / "runs"


def tracking_uri() -> str:
    """MLflow's store: the server that `MLFLOW_TRACKING_URI` names, else SQLite in the home folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{database_path()}"


def database_path() -> Path:
    """The database that holds the record of runs where nobody names another store."""
    return home() / "mlflow.db"


def imdb_url() -> str:
    """The Large Movie Review Dataset, as its authors publish it."""
    return os.environ.get(
        "UNFREEZE_IMDB_URL", "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
    )


def ag_news_url() -> str:
    """The folder that holds AG News' `train.csv` and `test.csv`."""
    return os.environ.get(
        "UNFREEZE_AG_NEWS_URL",
        "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv",
    )


def glove_url() -> str:
    """The zip of GloVe 6B; its members are sorted by word frequency."""
    return os.environ.get("UNFREEZE_GLOVE_URL", "https://nlp.stanford.edu/data/glove.6B.zip")
