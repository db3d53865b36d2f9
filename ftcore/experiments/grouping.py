"""Groups runs into the sides of a comparison, names them, and finds what makes a comparison unfair."""

from collections.abc import Sequence
from dataclasses import Field, fields, replace
from typing import TYPE_CHECKING, Any

from ftcore.config import EXECUTION, FineTuneConfig
from ftcore.data import datasets
from ftcore.data.store import versions
from ftcore.modes import MODES, REFERENCES, mode_title
from ftcore.relevance import relevant_settings
from ftcore.settings import label
from ftcore.text import word_rules

if TYPE_CHECKING:
    from ftcore.experiments.result import Result
    from ftcore.tracking import Run

# Facts that should not differ, under the name of the setting that chose them if there is one.
_FACTS = {
    "parent_fingerprint": ("checkpoint", "weights of the checkpoint"),
    "vectors_fingerprint": ("checkpoint", "word vectors"),
    "dataset_fingerprint": ("data", "texts of the data"),
    "device": ("", "device"),
    "hardware": ("device", "hardware"),
    "threads": ("", "threads"),
    "torch": ("", "torch"),
}
# Do not tell sides apart.
_IGNORED: tuple[str, ...] = ("seed", "name", "keep_model", "watch", "source", "source_task_data")
_IGNORED += ("device", *EXECUTION)


def group_by_settings(results: "Sequence[Result]") -> "list[tuple[str, list[Result]]]":
    """Results grouped by settings other than the seed, as (label, group), in the order of `mode_rank`.

    A second run with the same settings and the same seed starts a new group.
    """
    groups: list[list[Result]] = []
    for result in results:
        config = result.run.config
        for group in groups:
            same = without_seed(group[0].run.config) == without_seed(config)
            if same and config.seed not in {member.run.config.seed for member in group}:
                group.append(result)
                break
        else:
            groups.append([result])
    groups.sort(key=lambda group: mode_rank(group[0].run.config.mode))
    labels = side_labels([group[0].run for group in groups])
    return list(zip(labels, groups, strict=True))


def without_seed(config: FineTuneConfig) -> FineTuneConfig:
    """The settings that all seeds of a side share; the others are set to their defaults."""
    defaults: dict[str, Any] = {setting.name: setting.default for setting in fields(config)}
    # The steps that fitted into the minutes differ by chance.
    ignored = (*_IGNORED, "steps", "epochs") if config.minutes else _IGNORED
    return replace(config, **{name: defaults[name] for name in ignored})


def mode_rank(mode: str) -> float:
    """Sort key of a mode: from most to fewest trained parameters, then the others in order of MODES."""
    modes = list(MODES)
    return modes.index(mode) if mode in MODES else modes.index("last-layer") - 0.5


def side_labels(runs: "Sequence[Run]") -> list[str]:
    """The mode of each run. If a mode occurs twice, the settings that differ; else the run's name."""
    labels, configs = [], [without_seed(run.config) for run in runs]
    for config in configs:
        title = mode_title(config.mode)
        rivals = [each for each in configs if mode_title(each.mode) == title]
        differing = [
            _setting_label(config, setting)
            for setting in relevant_settings(config)
            if setting.name not in _IGNORED
            and len({getattr(rival, setting.name) for rival in rivals}) > 1
        ]
        labels.append(f"{title} ({', '.join(differing[:2])})" if differing else title)
    return [
        f"{label} ({run.name})" if labels.count(label) > 1 else label
        for label, run in zip(labels, runs, strict=True)
    ]


def _setting_label(config: FineTuneConfig, setting: "Field[Any]") -> str:
    """Such as "epochs 4", "all training texts" or, of data, "version 3"."""
    value = getattr(config, setting.name)
    if setting.name == "limit":
        return f"{value:,} training texts" if value else "all training texts"
    if setting.name == "dataset" and datasets.is_version(value):
        return f"version {versions.split_name(value)[1]}"
    return f"{label(setting).lower()} {value}"


def _tokenizer(run: "Run") -> str:
    """Records of before the second tokenizer do not name theirs."""
    return str(run.facts.get("tokenizer", word_rules.EARLIER.name))


def unfair_differences(runs: "Sequence[Run]") -> dict[str, list[str]]:
    """What differs between runs but should not in a fair comparison, as name → the distinct values."""
    networks = [run for run in runs if run.config.mode not in REFERENCES]
    seeds: dict[FineTuneConfig, set[int]] = {}
    for run in networks:
        seeds.setdefault(without_seed(run.config), set()).add(run.config.seed)
    values = {
        "checkpoint": [run.config.checkpoint for run in networks],
        # Versions of the same data are compared to tell what changes of labels bought.
        "data": [datasets.without_version(run.config.dataset) for run in runs],
        "training texts": [f"{run.config.limit:,}" if run.config.limit else "all" for run in runs],
        "devices": [str(run.config.devices) for run in networks],
        "seed": [", ".join(map(str, sorted(group))) for group in seeds.values()],
    }
    # Beside a run of a Ray worker, others may use the same machine.
    values["worker"] = [run.worker for run in networks if run.facts]
    values["measure of the best model"] = [
        str(run.facts.get("best_by", "accuracy")) for run in networks if run.facts
    ]
    # A fair comparison may differ in what is read in training, but not in what the test is.
    values["longest text in answers"] = [
        f"{run.config.reading.length:,} tokens"
        for run in runs
        if run.config.mode not in ("tfidf", "majority")
    ]
    # TF-IDF reads words, also beside an encoder, which reads pieces of them.
    pieces = any(_tokenizer(run) not in word_rules.RULES for run in networks)
    values["tokenizer"] = [
        _tokenizer(run)
        for run in runs
        if "split_fingerprint" in run.facts
        and run.config.mode not in (("tfidf", "majority") if pieces else ("majority",))
    ]
    distinct = {name: list(dict.fromkeys(each)) for name, each in values.items()}
    differences = {name: each for name, each in distinct.items() if len(each) > 1}
    of_versions = len({run.config.dataset for run in runs}) > 1 and "data" not in differences
    for fact, (setting, name) in _FACTS.items():
        if fact == "dataset_fingerprint" and of_versions:
            continue
        # Records of earlier versions, and references, lack some of them.
        known = list(dict.fromkeys(str(run.facts[fact]) for run in runs if fact in run.facts))
        if len(known) > 1 and setting not in differences:
            differences[name] = known
    splits: dict[int, set[str]] = {}
    for run in runs:
        if "split_fingerprint" in run.facts:
            splits.setdefault(run.config.seed, set()).add(run.facts["split_fingerprint"])
    if not (differences or of_versions) and any(len(group) > 1 for group in splits.values()):
        differences["split"] = sorted(set().union(*splits.values()))
    return differences


def warning(differences: dict[str, list[str]]) -> str:
    """What `unfair_differences` found, in a sentence."""
    listed = [
        f"{name} ({(', ' if name != 'seed' else '; ').join(values)})"
        for name, values in differences.items()
    ]
    return f"Not a fair race. What differs: {', '.join(listed)}."
