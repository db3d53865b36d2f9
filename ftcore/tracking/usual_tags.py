"""The tags by which MLflow's viewer shows who made something, and with which version of the code."""

import contextlib
import functools
import subprocess

from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_USER

from ftcore import paths


def usual_tags(person: str) -> dict[str, str]:
    """MLflow's tags of what a person made; without the commit outside a checkout."""
    commit = {MLFLOW_GIT_COMMIT: git_commit()} if git_commit() else {}
    return {MLFLOW_USER: person} | commit


@functools.cache
def git_commit() -> str:
    """The commit of this code, "" if it is not a checkout."""
    command = ["git", "rev-parse", "HEAD"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        git = subprocess.run(command, cwd=paths.ROOT, capture_output=True, timeout=5, check=True)
        return git.stdout.decode().strip()
    return ""
