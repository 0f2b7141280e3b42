"""The house: imports flow one way, chapters hold no plumbing, every page was run."""

import ast
import inspect
import json
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

import whyresnets

ROOT = Path(__file__).parents[1]
FLOORS = [
    "data",
    "models",
    "measures",
    "curvature",
    "training",
    "store",
    "sweeps",
    "claims",
    "report",
    "figures",
    "chapters",
    "__main__",
]  # from the ground up
MODULES = sorted((ROOT / "src" / "whyresnets").rglob("*.py"))
# What an output must not hold: a failure, an unfinished place, a path of the machine that made it.
PATHS = [r"/(?:home|Users|tmp|var|opt)/", r"[A-Z]:\\\\", re.escape(str(ROOT)), re.escape(str(Path.home()))]
MARKS = "|".join(["Traceback", "TODO", "FIXME", *PATHS])
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))


def floor(name: str) -> int:
    return FLOORS.index(name)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_a_module_imports_only_from_below(path):
    here = "chapters" if path.parent.name == "chapters" else path.stem
    if here == "__init__":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("whyresnets"):
            below = node.module.split(".")[1:2] or [alias.name for alias in node.names]
            assert all(floor(name) < floor(here) for name in below), f"{path.name}: {below}"


def public_names():
    for module in pkgutil.walk_packages(whyresnets.__path__, "whyresnets."):
        loaded = import_module(module.name)
        for name, thing in vars(loaded).items():
            mine = getattr(thing, "__module__", None) == module.name
            if mine and not name.startswith("_") and (inspect.isfunction(thing) or inspect.isclass(thing)):
                yield pytest.param(thing, id=f"{module.name}.{name}")


@pytest.mark.parametrize("thing", list(public_names()))
def test_every_public_name_has_a_docstring_of_its_own(thing):
    assert thing.__doc__ and not thing.__doc__.startswith(f"{thing.__name__}("), "write a docstring"
    if inspect.isclass(thing):
        for name, method in vars(thing).items():
            if not name.startswith("_") and (inspect.isfunction(method) or isinstance(method, property)):
                assert method.__doc__, f"{thing.__name__}.{name}"


def code_cells(path):
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def source(cell) -> str:
    return "".join(cell["source"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_chapters_hold_ideas_not_plumbing(path):
    cells = code_cells(path)
    assert len(cells) <= 16
    for cell in cells:
        assert len(source(cell).strip().splitlines()) <= 12
        assert not re.search(r"^\s*(def|class) |sys\.path|\.cuda\(", source(cell), re.M)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_code_cell_was_run_in_order_and_without_error(path):
    cells = code_cells(path)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    for cell in cells:
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            text = json.dumps(output.get("text", "")) + json.dumps(
                {kind: part for kind, part in output.get("data", {}).items() if kind.startswith("text/")}
            )
            assert not re.search(MARKS, text), re.search(MARKS, text)[0]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_image_has_alt_text_that_says_something(path):
    for cell in code_cells(path):
        if any("image/png" in output.get("data", {}) for output in cell["outputs"]):
            alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt.split()) >= 12, source(cell)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_cell_that_is_not_compared_asserts_something(path):
    for cell in code_cells(path):
        if "nbval-ignore-output" in cell["metadata"].get("tags", []):
            assert "assert " in source(cell), source(cell)


def test_the_floors_are_all_modules_that_exist_or_are_planned():
    here = {p.stem for p in MODULES if p.parent.name == "whyresnets"} - {"__init__"} | {"chapters"}
    assert here | {"curvature"} == set(FLOORS)
