"""The house: imports flow one way, rooms stay small, every name is documented, every page was run."""

import ast
import functools
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import whyresnets

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "whyresnets"
# From the ground up: a room imports only from rooms above it in this list.
ROOMS = (
    "checks", "kinds", "source", "folders", "fetching", "data", "nets", "stats", "spec", "measures", "training",
    "store", "sweeps", "claims", "bed", "chapter", "report", "exercises", "figures", "chapters", "recording", "bench",
    "files", "__main__",
)  # fmt: skip
LINES = 500  # of a module at most
LONG = 40  # lines of a function at most, its docstring apart
FIELDS = 18  # of a dataclass at most
MODULES = sorted(PACKAGE.rglob("*.py"))
BUILDERS = sorted((ROOT / "book" / "_ext").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
UNFINISHED = r"\b(?:TODO|FIXME|XXX|TBD|[Ll]orem)\b"
GONE = r"\b(?:strangers?|rivals?|turns[_ ]when|contested|straddles?)\b"  # words of the first edition
# A path of the machine on which something was run.
HERE = [re.escape(str(place)) for place in (ROOT, Path.home()) if len(place.parts) > 2]  # "/src" or "/" say nothing
MACHINE = "|".join([r"/(?:home|Users|tmp|var|opt)/", r"\b[A-Z]:\\", *HERE])


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT / "src"))


# --- Rooms --------------------------------------------------------------------------------------


def imported(tree: ast.Module) -> list[str]:
    """The rooms from which a module imports, inside of functions, too."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: name the module in full"
            parts = (node.module or "").split(".")
            if parts[0] == "whyresnets":
                found += parts[1:2] or [alias.name for alias in node.names if alias.name != "__version__"]
    return found


@pytest.mark.parametrize("path", [p for p in MODULES if room(p) != "__init__"], ids=name)
def test_a_room_imports_only_from_rooms_above_it(path):
    here = ROOMS.index(room(path))
    below = [other for other in imported(ast.parse(path.read_text())) if ROOMS.index(other) > here]
    assert not below, below


def test_chapters_do_not_import_each_other():
    for path in (PACKAGE / "chapters").glob("*/*.py"):
        others = re.findall(r"from whyresnets\.chapters\.(\w+)", path.read_text())
        assert set(others) <= {path.parent.name}, path


@pytest.mark.parametrize("path", [*MODULES, *BUILDERS], ids=lambda path: path.name)
def test_modules_functions_and_descriptions_stay_small(path):
    text = path.read_text()
    assert text.count("\n") <= LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            doc = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) is not None else 0
            assert node.end_lineno - node.lineno + 1 - doc <= LONG, node.name
        if isinstance(node, ast.ClassDef):
            fields = [n for n in node.body if isinstance(n, ast.AnnAssign) and "ClassVar" not in ast.dump(n.annotation)]
            allowed = FIELDS + 2 if node.name == "Chapter" else FIELDS  # a chapter is one description of a page
            assert len(fields) <= allowed, node.name


# --- Every public name is documented ------------------------------------------------------------

FIELD = r"``{0}``|^ *(?:\w+, )*{0}(?:, \w+)* :"  # as it stands in the docstring of a dataclass


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


def undocumented() -> set[str]:
    """Every public name without a docstring of its own, and every field of a dataclass that its docstring omits."""
    lacks = set()
    for module in modules():
        for name, thing in public(vars(module), module.__name__).items():
            doc = inspect.getdoc(thing) or ""
            if not doc or doc.startswith(f"{name}("):  # a dataclass makes itself a docstring of its fields
                lacks.add(f"{module.__name__}.{name}")
            own = vars(thing).get("__annotations__", {}) if inspect.isclass(thing) else {}
            for field in own if hasattr(thing, "__dataclass_fields__") else ():
                is_field = not field.startswith("_") and "ClassVar" not in str(own[field])
                if is_field and not re.search(FIELD.format(field), thing.__doc__, re.M):
                    lacks.add(f"{module.__name__}.{name}: field {field}")
    return lacks


def test_every_public_name_is_documented():
    assert sorted(undocumented()) == [], "write what is missing"


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


@functools.cache
def typed_texts() -> dict[str, str]:
    """Where -> text that somebody typed: files, and the cells of notebooks; tests apart."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    typed = {"", ".md", ".py", ".toml", ".txt", ".yml", ".yaml", ".json", ".cff", ".bib", ".css", ".html"}
    files = [Path(line) for line in listed.stdout.splitlines() if not line.startswith("tests/")]
    kept = [f for f in files if f.suffix in typed and "records" not in f.parts and (ROOT / f).is_file()]
    texts = {str(f): (ROOT / f).read_text() for f in kept if f.name not in ("ledger.json", "ledger.csv")}
    for path in NOTEBOOKS:
        for i, cell in enumerate(json.loads(path.read_text())["cells"]):
            texts[f"{path.name}, cell {i}"] = source(cell)
    return texts


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
    command = [sys.executable, "-m", "codespell_lib", "--ignore-words-list=leary", "-"]
    known = subprocess.run(command, input="\n".join(texts), text=True, capture_output=True)
    assert known.stdout == "" and known.returncode == 0, known.stdout


def test_nothing_typed_is_unfinished_or_speaks_the_first_edition_s_language():
    texts = typed_texts()
    assert {"README.md", "book/cite.md", "Makefile", "src/whyresnets/spec.py", "degradation.ipynb, cell 0"} <= set(
        texts
    )
    assert not [(where, found[0]) for where, text in texts.items() if (found := re.search(UNFINISHED, text))]
    # what changed, old names of fields, and the words that a short chapter may not have
    told = ("CHANGELOG.md", "src/whyresnets/spec.py", "book/_ext/short.py")
    gone = [
        (where, found[0]) for where, text in texts.items() if (found := re.search(GONE, text)) and where not in told
    ]
    assert not gone


def test_no_page_and_no_docstring_names_a_place_on_one_machine():
    pages = {where: text for where, text in typed_texts().items() if ".md" in where or ".ipynb" in where}
    pages |= {where: text for where, text in typed_texts().items() if where.endswith(".py")}
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


def test_ruff_sees_the_notebooks_and_what_builds_the_pages():
    command = [sys.executable, "-m", "ruff", "check", "--show-files"]
    seen = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert {str(path) for path in (*NOTEBOOKS, *MODULES, *BUILDERS, Path(__file__))} <= set(seen)


def test_types_hold():
    """As pyproject.toml asks of mypy."""
    found = subprocess.run([sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_workflows_name_no_address_and_no_version_of_their_own():
    import yaml

    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = path.read_text()
        jobs = yaml.safe_load(text)["jobs"]
        assert jobs and all(job["runs-on"] and job["steps"] and job["timeout-minutes"] for job in jobs.values())
        assert not re.search(r"(?:github|gitlab|bitbucket)\.(?:com|io|org)|\bgit@|\.git\b", text), path.name
        assert not re.search(r"\b[\w-]+==\d", text), "versions stand in requirements.txt and pyproject.toml"
