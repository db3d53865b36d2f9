"""What the store holds of one run, from MLflow's client or from the tables of a database."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mlflow.entities import Run as MlflowRun


@dataclass(frozen=True)
class Record:
    """The name, tags and so on of one run, as they are stored."""

    run_id: str
    name: str
    began: int  # milliseconds since 1970
    tags: Mapping[str, str]
    metrics: Mapping[str, float]  # the last value of each
    params: Mapping[str, str]

    @classmethod
    def of(cls, run: MlflowRun) -> "Record":
        info, data = run.info, run.data
        name = info.run_name or info.run_id
        return cls(info.run_id, name, info.start_time, data.tags, data.metrics, data.params)

    @property
    def created(self) -> datetime:
        return datetime.fromtimestamp(self.began / 1000, UTC).astimezone()
