"""What the documents promise about the code: who imports whom, and that every setting is explained."""

import argparse
import ast
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from ftcore.config import MODE_DEFAULTS, PRESETS, FineTuneConfig, add_arguments, given_settings

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "ftcore").rglob("*.py"))
PAGES = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
BENCHMARKS = sorted((ROOT / "benchmarks").rglob("*.py"))
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
HEAVY = {"torch", "torchtext", "mlflow", "gensim", "safetensors", "sklearn"}
LISTS = ["requirements.txt", "requirements-vectors.txt", "requirements-dev.txt"]


def imports(file: Path) -> Iterator[str]:
    """Dotted names that a file imports anywhere: `a.b.c` for `from a.b import c`."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def packages(files: list[Path]) -> dict[str, set[str]]:
    """The files, by relative path, that import each top-level package."""
    found: dict[str, set[str]] = {}
    for file in files:
        for name in imports(file):
            found.setdefault(name.split(".")[0], set()).add(str(file.relative_to(ROOT)))
    return found


def requirements(name: str) -> dict[str, str]:
    """Pinned versions by package."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith(("#", "-r "))]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*", pin) for pin in pins), pins
    return dict(pin.split("==") for pin in pins)


def rows(document: str) -> dict[str, list[str]]:
    """Rows of a document's tables whose first cell is `code`: the other cells by that."""
    found = {}
    for line in (ROOT / "docs" / document).read_text("utf-8").splitlines():
        if match := re.match(r"\| `([^`]+)` \|(.*)\|$", line):
            found[match[1]] = [cell.strip() for cell in match[2].split("|")]
    return found


def test_what_a_first_paint_needs_loads_nothing_heavy() -> None:
    light = (
        "config",
        "data.datasets",
        "models.checkpoints",
        "models.spec",
        "storage.downloads",
        "training.strategies",
    )
    program = "import sys\n" + "".join(f"import ftcore.{name}\n" for name in light)
    program += f"print(*sorted({HEAVY!r} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text("utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_requirements_are_installed_as_pinned() -> None:
    pinned = {name: pin for file in LISTS for name, pin in requirements(file).items()}
    installed = {name: importlib.metadata.version(name).split("+")[0] for name in pinned}
    assert installed == pinned


def test_requirements_have_their_reason() -> None:
    pinned = {name: pin for file in LISTS for name, pin in requirements(file).items()}
    reasons = rows("decisions.md")
    assert reasons.keys() == pinned.keys()
    assert all(reasons.values())


@pytest.mark.parametrize(
    ("files", "lists"),
    [
        (CORE + PAGES, LISTS[:2]),
        (TESTS + BENCHMARKS, LISTS),
    ],
    ids=["product", "tests"],
)
def test_what_is_imported_is_required(files: list[Path], lists: list[str]) -> None:
    pinned = {package for name in lists for package in requirements(name)}
    own = {"app", "ftcore", "pages", "tests", "conftest", "benchmarks"}
    used = packages(files).keys() - set(sys.stdlib_module_names) - own
    providers = importlib.metadata.packages_distributions()
    missing = {name for name in used if not {p.lower() for p in providers.get(name, [])} & pinned}
    assert missing == set()


def test_what_is_required_is_used() -> None:
    providers = importlib.metadata.packages_distributions()
    used = {
        package.lower() for name in packages(CORE + PAGES) for package in providers.get(name, [])
    }
    source = "".join(file.read_text("utf-8") for file in PAGES)
    found = {name for name in requirements("requirements.txt") if f'find_spec("{name}")' in source}
    assert requirements("requirements.txt").keys() <= used | found


def test_every_setting_of_a_run_is_documented() -> None:
    documented = rows("settings.md")
    for setting in fields(FineTuneConfig):
        default, _, what = documented["--" + setting.name.replace("_", "-")]
        shown = default.strip("`").replace(",", "")
        assert shown == {"False": "no", "True": "yes", "None": ""}.get(
            str(setting.default), setting.default
        ) or (isinstance(setting.default, float | int) and float(shown) == setting.default)
        assert what == setting.metadata["help"]
    options = {name for name in documented if name.startswith("--")}
    assert len(options) == len(fields(FineTuneConfig))


def test_documented_defaults_of_the_modes_are_the_real_ones() -> None:
    text = " ".join((ROOT / "docs" / "settings.md").read_text("utf-8").split())
    for mode, defaults in MODE_DEFAULTS.items():
        assert f"{defaults.epochs} and {defaults.learning_rate:g} for `{mode}`" in text


def test_every_environment_variable_is_documented() -> None:
    pattern = re.compile(r"\b(?:UNFREEZE_[A-Z_]+[A-Z]|MLFLOW_TRACKING_URI)\b")
    files = [*CORE, *PAGES, *TESTS, *BENCHMARKS, ROOT / "Makefile", ROOT / ".ci" / "run"]
    used = {name for file in files for name in pattern.findall(file.read_text("utf-8"))}
    documented = {name for name in rows("settings.md") if pattern.fullmatch(name)}
    assert used == documented


def test_the_lesson_page_runs_the_lesson_preset() -> None:
    text = (ROOT / "docs" / "lesson.md").read_text("utf-8").replace("\\\n", " ")
    command = next(line for line in text.splitlines() if "ftcore train" in line).split()
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    shown = FineTuneConfig.from_dict(given_settings(parser.parse_args(command[4:])))
    assert shown == FineTuneConfig.from_dict(
        {"dataset": "imdb", "mode": "full", **PRESETS["Lesson"]}
    )


def test_opening_a_file_cannot_run_code() -> None:
    assert not packages(CORE + PAGES).keys() & {"pickle", "dill", "cloudpickle", "joblib"}
    for file in CORE:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                safe = {key.arg: ast.unparse(key.value) for key in node.keywords}
                assert safe.get("weights_only") == "True", f"{file.name}:{node.lineno}"
