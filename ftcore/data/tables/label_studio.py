"""Tasks as Label Studio exports them (JSON), each a text with the choices of its annotators."""

from collections.abc import Iterator
from typing import Any

NOTE = "Of several annotations of a task, the first that was not skipped gives the labels."
_ANNOTATIONS = ("annotations", "completions")  # the latter in versions before 1.0


def is_task(record: Any) -> bool:
    """Whether a parsed record is a task."""
    if not isinstance(record, dict) or not isinstance(record.get("data"), dict):
        return False
    return any(isinstance(record.get(name), list) for name in _ANNOTATIONS)


def simplified(task: dict[str, Any]) -> dict[str, Any]:
    """Return the id, the data and, as `label`, the choice or a list of them for each answered question."""
    answers = dict[str, list[str]]()
    for annotation in _in_order(task):
        for name, choices in _choices(annotation):
            answers.setdefault(name, []).extend(choices)
        if answers:
            break
    labels = {name: each[0] if len(each) == 1 else each for name, each in answers.items()}
    return {"id": task.get("id")} | task["data"] | {"label": labels}


def _in_order(task: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the annotations that count, one that was declared to be true first."""
    lists = [task[name] for name in _ANNOTATIONS if isinstance(task.get(name), list)]
    given = [each for found in lists for each in found if isinstance(each, dict)]
    return sorted(
        (each for each in given if not each.get("was_cancelled")),
        key=lambda each: not each.get("ground_truth"),
    )


def _choices(annotation: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    results = annotation.get("result")
    for result in results if isinstance(results, list) else ():
        value = result.get("value") if isinstance(result, dict) else None
        chosen = value.get("choices") if isinstance(value, dict) else None
        if isinstance(chosen, list):
            yield str(result.get("from_name")), [str(choice) for choice in chosen]
