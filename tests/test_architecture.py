"""Checks across the whole tree: light first paint, documented settings, explained requirements, links.

Which package may import which is in pyproject.toml and checked by lint-imports.
"""

import argparse
import ast
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftcore.cli.options import add_arguments, given_settings
from ftcore.config import SETTINGS, FineTuneConfig
from ftcore.presets import PRESETS

ROOT = Path(__file__).parent.parent
CORE = sorted((ROOT / "ftcore").rglob("*.py"))
PAGES = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]
TESTS = [*sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
PRODUCT = [file.name for file in ROOT.glob("requirements*.txt") if "-dev" not in file.name]
BY_TORCH = {"onnxscript"}  # not by our code: torch's exporter of ONNX imports it
BY_SQLALCHEMY = {"psycopg", "psycopg-binary"}  # where the record is a PostgreSQL database
HEAVY = {"ray", "torch", "torchtext", "mlflow", "gensim", "safetensors", "sklearn", "scipy"}


def providers(files):
    """The packages that the files import → the distributions that can provide each."""
    installed = importlib.metadata.packages_distributions()
    own = {"app", "ftcore", "pages", "tests", "benchmarks", *sys.stdlib_module_names}
    source = "".join(file.read_text("utf-8") for file in files)
    packages = (
        set(re.findall(r"^\s*(?:from|import) (\w+)[\w.]*(?= import|$| as)", source, re.M)) - own
    )
    return {
        name: {one.lower().replace("_", "-") for one in installed.get(name, [])}
        for name in packages
    }


def pinned(*names: str) -> dict[str, str]:
    """Pinned versions by package, in these files of requirements."""
    lines = [line for name in names for line in (ROOT / name).read_text("utf-8").splitlines()]
    pins = [line for line in lines if line and not line.startswith(("#", "-r "))]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][\w.]*", pin) for pin in pins), pins
    return dict(pin.split("==") for pin in pins)


def table_rows(document: str) -> dict[str, list[str]]:
    """Rows of a document's tables whose first cell is `code`: its text → the other cells."""
    text = (ROOT / "docs" / document).read_text("utf-8")
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", text, re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows}


def first_imports(page: Path) -> Iterator[str]:
    """The import statements that a page runs before it waits for the heavy imports."""
    for node in ast.parse(page.read_text("utf-8")).body:
        if "wait_until_loaded" in ast.unparse(node):
            return
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield ast.unparse(node)


@pytest.mark.parametrize("page", ["home", "train", "compare"])
def test_first_paint_imports_nothing_heavy(page):
    files = (ROOT / "app.py", ROOT / "pages" / "_main.py", ROOT / "pages" / f"{page}.py")
    imports = [statement for file in files for statement in first_imports(file)]
    program = "\n".join([*imports, "import sys", f"print(*sorted({HEAVY} & set(sys.modules)))"])
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_links_lead_somewhere(document):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text("utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_requirements_are_installed_as_pinned_and_explained():
    pins = pinned(*PRODUCT, "requirements-dev.txt")
    installed = {name: importlib.metadata.version(name).split("+")[0] for name in pins}
    assert installed == pins
    reasons = table_rows("decisions.md")
    assert reasons.keys() == pins.keys() and all(reasons.values())


def test_every_import_is_required_and_every_requirement_imported():
    product, dev = pinned(*PRODUCT).keys(), pinned("requirements-dev.txt").keys()
    for files, pins in ((CORE + PAGES, product), (TESTS, product | dev)):
        assert [name for name, names in providers(files).items() if not names & pins] == []
    source = "".join(file.read_text("utf-8") for file in PAGES)
    optional = set(re.findall(r'find_spec\("([^"]+)"\)', source))
    assert product <= optional.union(BY_TORCH, BY_SQLALCHEMY, *providers(CORE + PAGES).values())


def test_every_setting_is_documented_with_its_default():
    rows = table_rows("settings.md").items()
    documented = {name: row[0].strip("`") for name, row in rows if name.startswith("--")}
    words: dict[str, str] = {"None": "", "True": "yes", "False": "no"}
    assert documented == {
        "--" + name.replace("_", "-"): words.get(str(setting.default))
        or (f"{setting.default:,}" if isinstance(setting.default, int | float) else setting.default)
        or ""
        for name, setting in SETTINGS.items()
    }
    assert all(row[-1] for name, row in rows if name.startswith("--"))


def test_every_environment_variable_is_documented():
    pattern = re.compile(r"\b(?:UNFREEZE_[A-Z_]+[A-Z]|MLFLOW_TRACKING_URI|RAY_ADDRESS)\b")
    files = [*CORE, *PAGES, *TESTS, ROOT / "Makefile", ROOT / ".ci" / "run"]
    used = {name for file in files for name in pattern.findall(file.read_text("utf-8"))}
    assert used == set(filter(pattern.fullmatch, table_rows("settings.md")))


def test_the_documented_command_of_the_lesson_uses_its_preset():
    text = (ROOT / "docs" / "lesson.md").read_text("utf-8").replace("\\\n", " ")
    command = next(line for line in text.splitlines() if "ftcore train" in line).split()
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    documented = FineTuneConfig.from_dict(given_settings(parser.parse_args(command[4:])))
    preset = {"dataset": "imdb", "mode": "full", **PRESETS["Lesson"]}
    lesson = FineTuneConfig.from_dict(preset)
    assert documented == lesson
    assert (lesson.optimizer, lesson.learning_rate, lesson.schedule) == ("sgd", 1.0, "constant")
    assert (lesson.max_grad_norm, lesson.batch_size, lesson.epochs) == (0.1, 32, 100)


def test_files_are_never_unpickled():
    source = "".join(file.read_text("utf-8") for file in CORE + PAGES)
    packages = "pickle|dill|cloudpickle|joblib"
    assert not re.search(rf"^\s*(from|import) ({packages})\b", source, re.MULTILINE)
    calls = re.findall(r"\btorch\.load\([^\n]*", source)
    assert all("weights_only=True" in call for call in calls)


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_locks_pin_what_is_required_with_hashes(name):
    lock = (ROOT / f"{name}.lock").read_text("utf-8")
    locked = dict(re.findall(r"^([a-z0-9-]+)==([\w.]+)", lock, re.M))
    required = pinned(f"{name}.txt")
    assert {package: locked.get(package) for package in required} == required
    assert "://" not in lock and "+cpu" not in lock
    hashed = re.findall(r"^([a-z0-9-]+)==.*\\\n    --hash=sha256:", lock, re.M)
    assert set(hashed) == locked.keys()
