"""The chapters as notebooks to be opened outside of the rendered book: ``notebooks.py FOLDER``, in the repository.

The notebooks in ``book/`` are written for Sphinx. JupyterLab, VS Code and Colab know neither its roles nor its
directives, so in the copies code that is included stands as code, a reference is a link (where the book's address is
known) or its text, and solutions stand folded at the end. A first cell says what is missing.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import takewhile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import yaml
from markdown_it.renderer import RendererHTML
from markdown_it.tree import SyntaxTreeNode
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from sphinx.directives.code import LiteralInclude, LiteralIncludeReader

from publishing import with_install_cell
from referring import Book, role

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}  # of every Jupyter
WRITTEN = "whyresnets_written"  # in a copy's metadata: the hash of its cells as they were written
FOLDED = {  # the book's tags -> what JupyterLab folds
    "hide-input": "source_hidden",
    "remove-input": "source_hidden",
    "hide-output": "outputs_hidden",
}
BOXES = ("note", "tip", "hint", "important", "warning", "caution", "attention", "danger", "seealso")
CHECK = """\
# This notebook needs the book's library. If it is missing, this cell says what to do.
import sys
from importlib.util import find_spec

needed = ("whyresnets", "matplotlib", "seaborn")
if missing := [name for name in needed if find_spec(name) is None]:
    raise ImportError(
        f"{', '.join(missing)} not found by this kernel ({sys.executable}). "
        "Choose the kernel of the book's .venv (`make lab` opens it), or make the library "
        "with `make wheel` and type here: %pip install 'FILE.whl[notebook]'"
    )"""


# --- Text ---------------------------------------------------------------------------------------


class Text:
    """Turns the Markdown of one notebook into Markdown that any front end shows.

    ``book`` is what references lead to, ``folder`` where the notebook stands. ``solutions`` collects those that were
    taken out, as cells' text.

    Raises
    ------
    ValueError
        On what is not known here: a directive, a role, a link to a file of the book's folder.
    """

    def __init__(self, book: Book, folder: Path) -> None:
        self.book, self.folder = book, folder
        self.solutions: list[str] = []
        self.exercises: dict[str, str] = {}  # label -> title
        self.directives: dict[str, Callable] = {
            "literalinclude": self._included,
            "exercise": self._exercise,
            "solution": self._solution,
            "math": lambda _title, _options, body: f"$$\n{body}\n$$",
            "dropdown": lambda title, _options, body: folded(title, self(body)),
            "admonition": lambda title, _options, body: boxed(title, self(body)),
        }
        self.directives |= {name: partial(self._box, name) for name in BOXES}

    def __call__(self, source: str) -> str:
        lines = source.splitlines()
        shown: list[str] = []
        end = 0
        for block in parsed(source).children:
            first, last = block.map
            shown += [*lines[end:first], *self._block(block, "\n".join(lines[first:last])).split("\n")]
            end = last
        text = "\n".join([*shown, *lines[end:]]).strip("\n")
        refuse_what_is_left(text)
        return text

    def _block(self, block: SyntaxTreeNode, source: str) -> str:
        if block.type in ("myst_target", "myst_line_comment"):
            return ""
        if name := directive(block):
            if name not in self.directives:
                known = ", ".join(self.directives)
                raise ValueError(
                    f"a notebook has no form for {{{name}}}: use one of {known}, or add it to notebooks.py"
                )
            title = block.info.split("}", 1)[1].strip()
            return self.directives[name](title, *options_and_body(block.content))
        for found in block.walk():
            if found.type == "myst_role":
                name = found.meta["name"]
                source = source.replace(f"{{{name}}}`{found.content}`", role(self.book, name, found.content))
        return source if block.type in ("fence", "code_block") else self.book.with_claims(source)

    def _included(self, path: str, options: dict, _body: str) -> str:
        known = {key: LiteralInclude.option_spec[key](str(value)) for key, value in options.items()}
        reader = LiteralIncludeReader(self.folder / path, known, SimpleNamespace(source_encoding="utf-8"))
        try:
            code, _ = reader.read()
        except OSError as error:
            raise ValueError(f"{path} is not there to be included") from error
        return f"From `{path.split('src/')[-1]}`:\n\n```{options.get('language', '')}\n{code.rstrip()}\n```"

    def _exercise(self, title: str, options: dict, body: str) -> str:
        self.exercises[options.get("label", "")] = title
        return f"### Exercise. {title}\n\n{self(body)}"

    def _solution(self, label: str, _options: dict, body: str) -> str:
        if label not in self.exercises:
            raise ValueError(f"no exercise stands before the solution of {label}")
        self.solutions.append(folded(f"Solution. {self.exercises[label]}", self(body)))
        return "*(Its solution is at the end of this notebook.)*"

    def _box(self, name: str, title: str, _options: dict, body: str) -> str:
        return boxed(name.capitalize(), self(f"{title}\n{body}".strip()))


def parsed(source: str) -> SyntaxTreeNode:
    """The blocks of a text in the book's Markdown."""
    known = MdParserConfig(enable_extensions={"amsmath", "colon_fence", "deflist", "dollarmath", "html_image"})
    return SyntaxTreeNode(create_md_parser(known, RendererHTML).parse(source))


def directive(block: SyntaxTreeNode) -> str:
    """The name of the directive that a block is, or an empty text."""
    is_fence = block.type in ("fence", "colon_fence") and block.info.startswith("{")
    return block.info[1:].split("}")[0] if is_fence else ""


def options_and_body(content: str) -> tuple[dict, str]:
    """What stands in a directive: its options, ``:name: value`` a line, and the rest."""
    lines = content.splitlines()
    head = list(takewhile(lambda line: line.startswith(":"), lines))
    options = {key: value for line in head for key, value in yaml.safe_load(line[1:]).items()}
    return options, "\n".join(lines[len(head) :]).strip("\n")


def folded(title: str, text: str) -> str:
    """A text that is shown when its title is clicked."""
    return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>"


def boxed(title: str, text: str) -> str:
    """A text set apart under a bold title."""
    return "\n".join(f"> {line}".rstrip() for line in [f"**{title}**", "", *text.splitlines()])


def refuse_what_is_left(text: str) -> None:
    """Raise where a text still has what only Sphinx understands, in a list for example."""
    for node in parsed(text).walk():
        leads = node.attrs.get("href") or node.attrs.get("src") or "" if node.type in ("link", "image") else ""
        if leads and not str(leads).startswith(("https:", "http:", "mailto:", "#")):
            raise ValueError(
                f"{leads} is not beside a notebook that was downloaded: name the page by {{doc}} or {{ref}}"
            )
        if node.type in ("myst_role", "myst_target") or (node.type != "root" and directive(node)):
            raise ValueError(
                f"{node.content[:60]!r} has no form in a notebook here: set it apart from lists and quotes"
            )


# --- Cells --------------------------------------------------------------------------------------


def shareable(notebook: NotebookNode, book: Book, folder: Path, wheel: str = "") -> NotebookNode:
    """A copy of a notebook of ``folder`` for any front end; ``wheel`` is the library's address, where it has one."""
    text = Text(book, folder)
    cells = [made for cell in notebook.cells for made in _cells(cell, text)]
    if text.solutions:
        cells.append(new_markdown_cell("## Solutions", id="solutions"))
        cells += [new_markdown_cell(found, id=f"solution-{i}") for i, found in enumerate(text.solutions, 1)]
    copy = nbformat.from_dict(notebook | {"cells": cells, "metadata": {"kernelspec": KERNEL}})
    if wheel:
        copy = nbformat.reads(json.dumps(with_install_cell(copy, wheel)), 4)
    elif all(cell.id != "check" for cell in copy.cells):
        copy.cells.insert(1, new_code_cell(CHECK, id="check"))
    copy.metadata[WRITTEN] = hash_of(copy)
    return copy


def _cells(cell: NotebookNode, text: Text) -> Iterator[NotebookNode]:
    """A cell as it is outside of the book; a figure is followed by its caption."""
    if cell.cell_type == "markdown":
        yield new_markdown_cell(text(cell.source), id=cell.id)
        return
    hidden = {FOLDED[tag]: True for tag in cell.metadata.get("tags", []) if tag in FOLDED}
    outputs = [_linked(output, text.book) for output in cell.get("outputs", []) if output.get("name") != "stderr"]
    yield new_code_cell(cell.source, id=cell.id, metadata={"jupyter": hidden} if hidden else {}, outputs=outputs)
    if figure := cell.metadata.get("mystnb", {}).get("figure"):
        number = text.book.figures[figure["name"]][1]
        yield new_markdown_cell(f"*Figure {number}.* {text(figure['caption'])}", id=f"{cell.id}-caption")


def _linked(output: NotebookNode, book: Book) -> NotebookNode:
    """An output in which the names of claims lead to their rows, where the book's address is known."""
    shown = output.get("data", {})
    if "text/markdown" not in shown:
        return output
    return nbformat.from_dict(
        output | {"data": shown | {"text/markdown": book.with_claims("".join(shown["text/markdown"]))}}
    )


def hash_of(notebook: NotebookNode) -> str:
    """The hash of what is written in the cells; outputs do not count."""
    return hashlib.sha256("\0".join(cell.source for cell in notebook.cells).encode()).hexdigest()


# --- Files --------------------------------------------------------------------------------------


def write(root: Path, folder: Path, wheel: str = "") -> list[str]:
    """Write every notebook of the book in ``root`` to ``folder``; give the names of those that a reader has changed.

    These are kept as they are. ``wheel`` is the library's address, else that of ``_config.yml``.
    """
    settings = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    wheel = wheel or settings["sphinx"]["config"].get("whyresnets_wheel", "")
    book, kept = Book.read(root), []
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted((root / "book").glob("*.ipynb")):
        if changed(folder / path.name):
            kept.append(path.name)
            continue
        try:
            copy = shareable(nbformat.read(path, 4), book, path.parent, wheel)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error
        nbformat.write(copy, folder / path.name)
    return kept


def changed(path: Path) -> bool:
    """Whether there is a notebook whose cells are not as they were written here."""
    if not path.exists():
        return False
    there = nbformat.read(path, 4)
    return there.metadata.get(WRITTEN) != hash_of(there)


def main(arguments: list[str]) -> None:
    """Write the notebooks to the folder that is named, and say which ones were kept."""
    if len(arguments) != 1 or not Path("_config.yml").exists():
        raise SystemExit("run this in the root of the repository and name one folder, such as _build/notebooks")
    try:
        kept = write(Path.cwd(), Path(arguments[0]))
    except ValueError as error:
        raise SystemExit(str(error)) from error
    for name in kept:
        print(f"Kept, because you changed it: {name}. To have the book's again, rename yours.")


if __name__ == "__main__":
    main(sys.argv[1:])
