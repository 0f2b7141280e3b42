"""The house: imports flow one way, chapters hold no plumbing, every name is documented, every page was run."""

import ast
import functools
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import yaml

import whyresnets

ROOT = Path(__file__).parents[1]
FLOORS = [
    "source",
    "data",
    "models",
    "measures",
    "curvature",
    "training",
    "store",
    "sweeps",
    "claims",
    "report",
    "bench",
    "figures",
    "slider",
    "chapters",
    "pages",
    "site",
    "__main__",
]  # from the ground up
MODULES = sorted((ROOT / "src" / "whyresnets").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
UNFINISHED = r"\b(?:TODO|FIXME|XXX|TBD|[Ll]orem)\b"
# A path of the machine on which something was run.
HERE = [re.escape(str(place)) for place in (ROOT, Path.home()) if len(place.parts) > 2]  # "/src" or "/" say nothing
PLACES = [r"/(?:home|Users|tmp|var|opt)/", r"\b[A-Z]:\\", *HERE]
MACHINE = "|".join(PLACES)


def typed_files() -> list[Path]:
    """Everything in the tree that somebody typed, notebooks and tests apart."""
    inside = [path for name in (".ci", ".github", ".vscode", "book") for path in (ROOT / name).rglob("*")]
    caches = {".ruff_cache", ".ipynb_checkpoints", ".jupyter_cache"}
    found = [path for path in (*ROOT.iterdir(), *inside) if path.is_file() and not caches & set(path.parts)]
    typed = {"", ".md", ".py", ".toml", ".txt", ".yml", ".yaml", ".json", ".cff", ".bib", ".css"}
    own = [path for path in found if path.suffix in typed and path.name not in (".DS_Store", ".coverage")]
    return sorted(own + MODULES)


def floor(name: str) -> int:
    return FLOORS.index(name)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_a_module_imports_only_from_below(path):
    here = "chapters" if path.parent.name == "chapters" else path.stem
    if path.stem == "__init__":  # of a package: names what lies in it
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}, line {node.lineno}: name the module in full"
            if node.module.split(".")[0] == "whyresnets":
                below = node.module.split(".")[1:2] or [alias.name for alias in node.names]
                below = [name for name in below if name != "__version__"]
                assert all(floor(name) < floor(here) for name in below), f"{path.name}: {below}"
        if isinstance(node, ast.Import):
            assert not [a.name for a in node.names if a.name.startswith("whyresnets.")], f"{path.name}: from ... import"


def test_the_floors_are_all_modules_that_exist_or_are_planned():
    here = {p.stem for p in MODULES if p.parent.name == "whyresnets"} - {"__init__"} | {"chapters"}
    assert here | {"curvature"} == set(FLOORS)


# --- Every public name is documented ------------------------------------------------------------

FIELD = r"``{0}``|^ *(?:\w+, )*{0}(?:, \w+)* :"  # as it stands in the docstring of a dataclass
QUANTITY = r"\b(?:Tensor|ndarray|float|Interval)\b"  # in the annotation of what comes back
ARRAY = r"\b(?:Tensor|ndarray)\b"
AS_ELSEWHERE = r"\bas in :class:"
LETTERS = r"[STLBDPEG]|L \+ 1|\d+|count|examples|classes|channels|width|3x3 layers|transitions"
SHAPE = rf"\((?:{LETTERS})(?:,|, [^()]+)\)|\(\)|\bshape of\b"
UNIT = r"\b(?:nats|dimensionless|decades|seconds|pixels|indices|unit of|same unit|share of|fraction of|of bool)\b"
BIBLIOGRAPHY = re.findall(r"@\w+\{([^,]+),", (ROOT / "book" / "references.bib").read_text())
SOURCE = "|".join([r"\bSource:", r"et al\.", r"\b(?:chosen by us|ours)\b", r"[A-Z]\w+ (?:18|19|20)\d\d", *BIBLIOGRAPHY])
WITH_SOURCE = ("measures", "models", "claims", "chapters")  # where something is measured, built or inferred


def modules():
    return [import_module(module.name) for module in pkgutil.walk_packages(whyresnets.__path__, "whyresnets.")]


def public(names: dict, module: str) -> dict:
    """Functions and classes, or methods and properties, that bear a public name and are defined in ``module``."""
    kinds = (property, staticmethod, classmethod, functools.cached_property)
    return {
        name: thing
        for name, thing in names.items()
        if not name.startswith("_")
        and (isinstance(thing, kinds) or (callable(thing) and getattr(thing, "__module__", None) == module))
    }


def public_names() -> dict:
    """Dotted name -> function, class, method or property."""
    found = {}
    for module in modules():
        for name, thing in public(vars(module), module.__name__).items():
            whole = f"{module.__name__.removeprefix('whyresnets.')}.{name}"
            found[whole] = thing
            if inspect.isclass(thing):
                fields = getattr(thing, "__dataclass_fields__", {})
                methods = {n: m for n, m in public(vars(thing), module.__name__).items() if n not in fields}
                found |= {f"{whole}.{method}": m for method, m in methods.items()}
    return found


def function(thing):
    """What is called, under decorators."""
    inner = getattr(thing, "fget", None) or getattr(thing, "func", None) or getattr(thing, "__func__", None) or thing
    return inspect.unwrap(inner)


def returns(thing) -> str:
    annotation = inspect.signature(function(thing)).return_annotation
    return "" if annotation is inspect.Signature.empty else inspect.formatannotation(annotation)


def undocumented() -> set[str]:
    """Every public name with what its documentation lacks."""
    lacks = set()
    for name, thing in public_names().items():
        doc, module = " ".join((function(thing).__doc__ or "").split()), name.split(".")[0]
        if not doc or doc.startswith(f"{name.split('.')[-1]}("):  # a dataclass makes itself a docstring of its fields
            lacks.add(f"{name}: docstring")
        elif inspect.isclass(thing):
            fields = [field for field in getattr(thing, "__dataclass_fields__", {}) if not field.startswith("_")]
            lacks |= {
                f"{name}: field {field}" for field in fields if not re.search(FIELD.format(field), thing.__doc__, re.M)
            }
        elif not returns(thing):
            lacks.add(f"{name}: annotation of what it returns")
        elif re.search(QUANTITY, returns(thing)):
            elsewhere = re.search(AS_ELSEWHERE, doc)
            if re.search(ARRAY, returns(thing)) and not (elsewhere or re.search(SHAPE, doc)):
                lacks.add(f"{name}: shape")
            if not (elsewhere or re.search(UNIT, doc, re.I)):
                lacks.add(f"{name}: unit")
            if module in WITH_SOURCE and not re.search(SOURCE, doc):
                lacks.add(f"{name}: source")
    return lacks


def uncommented() -> set[str]:
    """Every public number without a comment on its line: what it counts, or its unit and where it comes from."""
    lacks = set()
    for path in MODULES:
        lines = path.read_text().splitlines()
        for node in ast.parse("\n".join(lines)).body:
            if isinstance(node, ast.Assign) and node.targets[0].id.isupper():
                values = [part for part in ast.walk(node.value) if isinstance(part, ast.Constant)]
                number = values and all(isinstance(value.value, int | float) for value in values)
                one = not isinstance(node.value, ast.Tuple | ast.List | ast.Dict | ast.Set)
                if number and one and "#" not in lines[node.lineno - 1]:
                    lacks.add(f"{path.stem}.{node.targets[0].id}: comment")
    return lacks


def test_every_public_name_is_documented():
    """A docstring; of a dataclass, its fields; of a quantity, shape, unit and, where it is measured, a source."""
    assert len(public_names()) > 100
    assert sorted(undocumented() | uncommented()) == [], "write what is missing"


# --- Pages --------------------------------------------------------------------------------------


def cells(path: Path, kind: str = "code") -> list[dict]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def output_texts(path: Path) -> list[str]:
    """All that the stored outputs say: streams, and tables in each of their forms."""
    outputs = [output for cell in cells(path) for output in cell["outputs"]]
    parts = [part for output in outputs for kind, part in output.get("data", {}).items() if kind.startswith("text/")]
    return ["".join(part) for part in (*parts, *(output.get("text", "") for output in outputs))]


def typed_texts() -> dict[str, str]:
    """Where -> text that somebody typed: files, and the cells of notebooks."""
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in typed_files()}
    for path in NOTEBOOKS:
        for i, cell in enumerate(json.loads(path.read_text())["cells"]):
            texts[f"{path.name}, cell {i}"] = source(cell)
    return texts


def docstrings(path: Path) -> list[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef)
    return [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kinds)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_chapters_hold_ideas_not_plumbing(path):
    assert len(cells(path)) <= 19
    for cell in cells(path):
        assert len(source(cell).strip().splitlines()) <= 12
        assert not re.search(r"^\s*(def|class) |sys\.path|\.cuda\(", source(cell), re.M)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_code_cell_was_run_in_order_and_without_error(path):
    assert [cell["execution_count"] for cell in cells(path)] == list(range(1, len(cells(path)) + 1))
    assert output_texts(path)
    assert not [o for cell in cells(path) for o in cell["outputs"] if o["output_type"] == "error"]
    for text in output_texts(path):
        assert not (found := re.search(f"Traceback|{UNFINISHED}|{MACHINE}", text)), found[0]


def test_words_are_spelt():
    """Common misspellings, in everything that somebody typed."""
    texts = [text for name, text in typed_texts().items() if "requirements.txt" not in name]
    known = subprocess.run(
        [sys.executable, "-m", "codespell_lib", "--ignore-words-list=leary", "-"],
        input="\n".join(texts),
        text=True,
        capture_output=True,
    )
    assert known.stdout == "" and known.returncode == 0, known.stdout


def test_nothing_typed_is_unfinished():
    texts = typed_texts()
    assert {"README.md", "book/cite.md", "Makefile", "src/whyresnets/claims.py", "degradation.ipynb, cell 0"} <= set(
        texts
    )
    assert not [(where, found[0]) for where, text in texts.items() if (found := re.search(UNFINISHED, text))]


def test_no_page_and_no_docstring_names_a_place_on_one_machine():
    pages = {where: text for where, text in typed_texts().items() if ".md" in where or ".ipynb" in where}
    pages |= {f"{path.name}, docstring {i}": doc for path in MODULES for i, doc in enumerate(docstrings(path))}
    pages |= {f"{path.name}, metadata": json.dumps(json.loads(path.read_text())["metadata"]) for path in NOTEBOOKS}
    assert not [(where, found[0]) for where, text in pages.items() if (found := re.search(MACHINE, text))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_image_has_alt_text_that_says_something(path):
    for cell in cells(path):
        if any("image/png" in output.get("data", {}) for output in cell["outputs"]):
            alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt.split()) >= 12, source(cell)


def test_images_in_the_text_have_alt_text():
    for where, text in typed_texts().items():
        if ".md" in where or ".ipynb" in where:
            assert all(len(alt.split()) >= 3 for alt in re.findall(r"!\[([^]]*)\]\(", text)), where
            assert all('alt="' in tag for tag in re.findall(r"<img[^>]*>", text)), where
            assert text.count("```{figure}") + text.count("```{image}") == text.count(":alt:"), where


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_cell_that_is_not_compared_asserts_something(path):
    for cell in cells(path):
        if "nbval-ignore-output" in cell["metadata"].get("tags", []):
            assert any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(source(cell)))), source(cell)


# --- Tools --------------------------------------------------------------------------------------


def test_warnings_are_errors():
    settings = PYPROJECT["tool"]["pytest"]["ini_options"]
    assert settings["filterwarnings"] == ["error"]
    assert {"--strict-markers", "--strict-config"} <= set(settings["addopts"].split())
    assert not [name for name in ("pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg") if (ROOT / name).exists()]
    softer = re.compile(r"filterwarnings\(|simplefilter\(|catch_warnings\(|disable_warnings")
    others = [
        path
        for path in (*MODULES, *(ROOT / "tests").rglob("*.py"), ROOT / "conftest.py")
        if path.name != "test_house.py"
    ]
    assert not [path.name for path in others if softer.search(path.read_text())]
    build = re.search(r"^BUILD := (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    assert {"-W", "-n"} <= set(build)  # of the pages, too


def test_the_version_of_ruff_stands_in_one_place():
    pins = re.findall(r"^ruff.*$", (ROOT / "requirements.txt").read_text(), re.M)
    assert len(pins) == 1 and re.match(r"ruff==\d+\.\d+\.\d+\b", pins[0])
    typed = typed_texts()
    places = {".pre-commit-config.yaml", "pyproject.toml", "Makefile", ".vscode/settings.json", "book/ruff.toml"}
    assert places | {str(path.relative_to(ROOT)) for path in WORKFLOWS} <= set(typed)
    another = re.compile(
        r"ruff[-\w]*['\"\s:=<>~@]{0,6}(?:rev|version)?['\"\s:=<>~]{0,4}v?\d+\.\d|ruff-pre-commit|ruff-action"
    )
    for where, text in typed.items():
        if where != "requirements.txt":
            assert not (found := another.search(text)), f"{where}: {found[0]}"
    assert "required-version" not in typed["pyproject.toml"] + typed["book/ruff.toml"]


def test_commit_editor_make_and_ci_call_the_ruff_of_the_environment():
    hooks = [
        hook
        for repo in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
        for hook in repo["hooks"]
    ]
    assert {tuple(hook["entry"].split()[:2]) for hook in hooks} == {
        (".venv/bin/ruff", "check"),
        (".venv/bin/ruff", "format"),
    }
    for hook in hooks:
        assert hook["language"] == "system" and {"python", "jupyter"} <= set(hook["types_or"])
    editor = json.loads((ROOT / ".vscode" / "settings.json").read_text())
    assert editor["ruff.importStrategy"] == "fromEnvironment"
    assert editor["python.defaultInterpreterPath"].endswith("/.venv/bin/python")
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^BIN := \.venv/bin$", makefile, re.M)
    assert re.findall(r"\S*ruff (?:check|format)", makefile) == ["@$(BIN)/ruff check", "$(BIN)/ruff format"]
    assert "make test" in (ROOT / ".ci" / "run").read_text().splitlines()
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]
    assert ".ci/run" in [step.get("run") for step in jobs["whole"]["steps"]]


def test_ruff_sees_the_notebooks():
    command = [sys.executable, "-m", "ruff", "check", "--show-files"]
    seen = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {str(path) for path in (*NOTEBOOKS, *MODULES, Path(__file__))} <= set(seen)
    settings = PYPROJECT["tool"]["ruff"] | tomllib.loads((ROOT / "book" / "ruff.toml").read_text())
    assert not [name for name in (*settings, *settings.get("format", {}), *settings["lint"]) if "exclude" in name]
    assert not [name for name in settings["lint"] if "per-file" in name]
    line = re.search(r"ruff check.*", (ROOT / "Makefile").read_text())[0]
    assert line == "ruff check --quiet && $(BIN)/ruff format --quiet --check"  # no folder named: all of them


def test_configuration_is_yaml():
    files = [path for path in typed_files() if path.suffix in (".yml", ".yaml", ".cff")]
    assert len(files) >= 6
    for path in files:
        assert isinstance(yaml.safe_load(path.read_text()), dict), path.name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.stem)
def test_a_workflow_names_no_address_and_no_version_of_its_own(path):
    text = path.read_text()
    jobs = yaml.safe_load(text)["jobs"]
    assert jobs and all(job["runs-on"] and job["steps"] and job["timeout-minutes"] for job in jobs.values())
    assert not re.search(r"(?:github|gitlab|bitbucket)\.(?:com|io|org)|\bgit@|\.git\b", text)
    steps = [step for job in jobs.values() for step in job["steps"]]
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]) for step in steps if "uses" in step)
    assert not re.search(r"\b[\w-]+==\d", text), "versions stand in requirements.txt and pyproject.toml"
    pythons = {step["with"]["python-version"] for step in steps if "setup-python" in step.get("uses", "")}
    assert pythons <= {*supported(), "${{ matrix.python }}"}


def supported() -> list[str]:
    """The versions of Python that are tested, lowest first."""
    matrix = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]["versions"]["strategy"]
    return matrix["matrix"]["python"]


def test_workflows_try_what_pyproject_allows():
    lowest = PYPROJECT["project"]["requires-python"].removeprefix(">=")
    assert supported() == [f"3.{minor}" for minor in range(int(lowest.split(".")[1]), 14)] and supported()[0] == lowest
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]["versions"]
    assert job["strategy"]["matrix"]["torch"] == ["oldest", "newest"]
    lines = next(step["run"] for step in job["steps"] if "oldest=" in step.get("run", "")).splitlines()
    script = "\n".join((*lines[:2], 'echo "$oldest"'))  # what it finds, without changing requirements.txt
    found = subprocess.run(["bash", "-euc", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    bounds = dict(re.findall(r"^(torch|torchvision)>=([\d.]+)", "\n".join(PYPROJECT["project"]["dependencies"]), re.M))
    assert found.split() == [f"{name}=={bound}.*" for name, bound in bounds.items()] and len(bounds) == 2
    pins = dict(re.findall(r"^(torch|torchvision)==([\d.]+)", (ROOT / "requirements.txt").read_text(), re.M))
    assert (
        set(pins) == set(bounds) and pins != bounds
    )  # the newest is the pinned one: `pip install -r requirements.txt`
    assert "pip install -r requirements.txt" in [step.get("run") for step in job["steps"]]
