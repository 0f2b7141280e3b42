"""Which code decides a result: a hash for each Spec, over definitions and not over files.

A result is decided by what is reached from :data:`ROOTS`, definition by definition, whatever file a definition stands
in and whatever stands beside it; of a table, only by the rows that the Spec names. A pure move changes no hash, and a
new rule, reading, data set or family leaves the records of the others alone.
"""

import ast
import functools
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent
DECISIVE = ("data", "nets", "measures", "spec", "training")  # the rooms whose definitions may decide a result
ROOTS = ("train", "train_together")  # what a sweep calls
# Dictionaries of which a Spec picks rows by its own words and options: the other rows are not its business.
TABLES = ("DATASETS", "FAMILIES", "NETS", "READINGS", "RULES", "STEPS", "WATCHED")


@dataclass(frozen=True)
class Definition:
    """A top-level function, class or constant of the code that decides results.

    Attributes
    ----------
    name : as it is called
    shape : its syntax, without docstrings, comments, layout, imports, annotations and the fields of data classes
    uses : every name that occurs in it
    row : the key, if it is one row of a table (a dictionary with strings for keys), else ""
    """

    name: str
    shape: str
    uses: frozenset[str]
    row: str = ""


def source_hash(flat: Mapping[str, Any] | None = None) -> str:
    """A hash of the code that decides the results of a Spec, given as its flat dictionary; of all of it without one.

    Not part of it: comments, docstrings, layout, imports, annotations; fields of data classes and what refuses wrong
    values for them, because a record holds those values itself; and the rows of a table that the Spec does not name.
    """
    return _hash(None if flat is None else frozenset(_named(flat)))


def _named(flat: Mapping[str, Any]) -> Iterator[str]:
    """Every row of a table that a Spec may pick: its words, and its options that are set."""
    yield "always"
    for name, value in flat.items():
        if isinstance(value, str):
            yield value
        elif value:
            yield name


@functools.cache
def _hash(named: frozenset[str] | None) -> str:
    found = definitions() if named is None else _reached(named)
    shapes = sorted({(d.name, d.row, d.shape) for d in found})
    return hashlib.sha256(repr(shapes).encode()).hexdigest()[:16]


def reached(flat: Mapping[str, Any]) -> set[str]:
    """The names of the definitions that decide the results of a Spec, given as its flat dictionary."""
    return {d.name for d in _reached(frozenset(_named(flat)))}


def _reached(named: frozenset[str]) -> list[Definition]:
    by_name: dict[str, list[Definition]] = {}
    for d in definitions():
        if not d.row or d.row in named:
            by_name.setdefault(d.name, []).append(d)
    seen, waiting = set(), set(ROOTS)
    while waiting:
        seen |= waiting
        used = {name for known in waiting for d in by_name[known] for name in d.uses}
        waiting = (used & set(by_name)) - seen
    return [d for name in seen for d in by_name[name]]


@functools.cache
def definitions() -> tuple[Definition, ...]:
    """Every top-level definition of the rooms in :data:`DECISIVE`."""
    files = [path for room in DECISIVE for path in _files(room)]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    known = {name for tree in trees for node in tree.body for name in _names(node)}
    return tuple(d for tree in trees for d in _of_module(tree, known))


def _files(room: str) -> list[Path]:
    return sorted((PACKAGE / room).rglob("*.py")) or [PACKAGE / f"{room}.py"]


def _names(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []


def _of_module(tree: ast.Module, known: set[str]) -> Iterator[Definition]:
    ours = [
        node
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "whyresnets"
    ]
    modules = {alias.asname or alias.name for node in ours for alias in node.names if alias.name not in known}
    for node in tree.body:
        for name in _names(node):
            rows = _rows(node) if name in TABLES else {}
            parts = rows.items() if rows else [("", node)]
            for row, part in parts:
                plain = _Plain(modules).visit(part)
                uses = {n.id for n in ast.walk(plain) if isinstance(n, ast.Name)}
                uses |= {n.attr for n in ast.walk(plain) if isinstance(n, ast.Attribute)}
                yield Definition(name, ast.dump(plain), frozenset(uses), row)


def _rows(table: Any) -> dict[str, ast.expr]:
    """Key -> value of a dictionary that is written out, with strings for keys."""
    return {ast.literal_eval(key): value for key, value in zip(table.value.keys, table.value.values, strict=True)}


class _Plain(ast.NodeTransformer):
    """Takes out what decides nothing; a name behind one of our modules becomes the name alone."""

    def __init__(self, modules: set[str]):
        self.modules = modules

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.body, node.returns = _without_docstring(node.body) or [ast.Pass()], None
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
        refusals = [n for n in methods if n.name.startswith(("__post_init__", "_refuse"))]
        node.body = [n for n in node.body if not isinstance(n, ast.AnnAssign) and n not in refusals]
        self.generic_visit(node)
        node.body = _without_docstring(node.body) or [ast.Pass()]
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.value, ast.Name) and node.value.id in self.modules:
            return ast.Name(node.attr, node.ctx)
        return node


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    is_text = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return body[1:] if is_text else body
