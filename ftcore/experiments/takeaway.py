"""An experiment as a page to take home: which of its models go, and what stands above them."""

from collections.abc import Sequence

from ftcore.errors import UnfreezeError
from ftcore.exchange.takeaway.export import MOST_MODELS, Heading
from ftcore.experiments import comparison, verdict
from ftcore.experiments.result import Result
from ftcore.models import checkpoints


def models(results: Sequence[Result]) -> list[str]:
    """Refs of a model of each mode, the first seed whose model was kept; the most accurate modes first.

    Empty if no model was kept, as of a bundled experiment.
    """
    networks = [side for side in comparison.sides(results) if not side.is_reference]
    networks.sort(key=lambda side: side.score, reverse=True)
    kept = [[result for result in side.results if _is_kept(result)] for side in networks]
    refs = [of_mode[0].run.run_id for of_mode in kept if of_mode]
    return refs[:MOST_MODELS]


def heading(results: Sequence[Result]) -> Heading:
    """The experiment's name, its verdict, and the sentences that it watched."""
    names = {result.run.experiment_name for result in results} - {""}
    watched = dict.fromkeys(line for result in results for line in result.run.config.watched)
    title = names.pop() if len(names) == 1 else ""
    return Heading(title, verdict.summary(results), list(watched))


def _is_kept(result: Result) -> bool:
    try:
        return bool(checkpoints.find(result.run.run_id).labels)
    except UnfreezeError:
        return False
