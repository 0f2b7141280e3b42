"""Writes the computed parts of the pages: ``make pages`` (this file, run in the root of the repository).

Each part stands in its page between two comments that name it; an evidence page is computed whole. They say what the
records, the version, CITATION.cff and the table of contents say today; a test compares.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from matplotlib.figure import Figure
from whyresnets import data, figures
from whyresnets.chapter import Chapter
from whyresnets.chapters import CHAPTERS
from whyresnets.chapters.degradation import CHAPTER
from whyresnets.figures import style
from whyresnets.kinds import BLUE
from whyresnets.report import Table
from whyresnets.sweeps import cost

import citing
import evidence
import ledger
import teaching
import versioning

BEGIN = "<!-- computed: {} -->"
END = "<!-- end of the computed part -->"
PART = re.compile(r"<!-- computed: ([^\n]+?) -->(?:(?!<!-- computed: ).)*?" + re.escape(END), re.S)


def parts(root: Path) -> dict[str, str]:
    """Name -> text of everything that is computed."""
    cite = {f"citation of {page}": text for page, text in citing.citations(root).items()}
    tables = {
        "tally": ledger.tally(),
        "glance": ledger.glance(),
        "entries": ledger.entries(),
        "dropped": ledger.dropped(),
        "needs": teaching.needs(),
        "exercises": teaching.exercises(root),
        "found": ledger.found(),
        "data": trained_on(),
        "speed": speed()[0],
        "speed in full": "\n\n".join(speed()),
    }
    return tables | cite


def speed() -> list[str]:
    """The tables of the run of ``whyresnets bench`` that the package keeps: speed, where the time goes, growth."""
    found = json.loads(cost.MEASURED.read_text(encoding="utf-8"))
    first, *others = found["tables"]
    versions = found["versions"]
    return [f"{first} On {found['hardware']}, torch {versions['torch']}.", *others]


def trained_on() -> str:
    """Each data set: the chapters whose nets are trained on it, on a laptop and at larger scales."""
    laptop = {chapter.name: _data(chapter, ("laptop",)) for chapter in CHAPTERS}
    larger = {chapter.name: _data(chapter, chapter.larger) for chapter in CHAPTERS}
    rows = [(f"`{name}`", *(_chapters(name, trained) for trained in (laptop, larger))) for name in data.DATASETS]
    return Table(("data set", "chapters, on a laptop", "chapters, at larger scale"), rows)._repr_markdown_()


def _data(chapter: Chapter, scales: Iterable[str]) -> set[str]:
    return {spec.task.data for scale in scales for spec in chapter.specs(scale).values()}


def _chapters(name: str, trained: Mapping[str, set[str]]) -> str:
    return ", ".join(f"{{doc}}`{chapter}`" for chapter, names in trained.items() if name in names) or "none"


def filled(text: str, known: Mapping[str, str]) -> str:
    """``text`` with every computed part as it is today.

    Raises
    ------
    KeyError
        If it names a part that there is not.
    ValueError
        If a part has no end, or an end no beginning.
    """
    found = len(PART.findall(text))
    if not found == text.count(BEGIN.split("{}")[0]) == text.count(END):
        raise ValueError(f"a computed part begins and does not end, or ends and does not begin, after: {text[:60]!r}")
    return PART.sub(lambda found: f"{BEGIN.format(found[1])}\n{known[found[1]]}\n{END}", text)


def today(root: Path) -> dict[Path, str]:
    """Every file with computed parts -> what it should hold today."""
    versions = versioning.with_today(versioning.kept(root))
    citation = versioning.cited((root / "CITATION.cff").read_text(encoding="utf-8"), versions)
    known = parts(root)
    wanted = {root / "book" / "ledger.json": ledger.as_json(), root / "book" / "ledger.csv": ledger.as_csv()}
    wanted |= {root / "book" / "versions.json": versioning.as_json(versions), root / "CITATION.cff": citation}
    wanted |= evidence.today(root)
    for path in (root / "README.md", *sorted((root / "book").glob("*.md"))):
        wanted[path] = filled(path.read_text(encoding="utf-8"), known)
    for path in sorted((root / "book").glob("*.ipynb")):
        wanted[path] = _filled_notebook(path.read_text(encoding="utf-8"), lambda text: filled(text, known))
    return wanted


def _filled_notebook(text: str, change: Callable[[str], str]) -> str:
    notebook = json.loads(text)
    if not any(END in cell for cell in ("".join(cell["source"]) for cell in notebook["cells"])):
        return text
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = change("".join(cell["source"])).splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def draw_puzzle(path: Path) -> None:
    """The README's picture, from the record: training loss of plain and residual nets, 20 and 56 layers."""
    recorded = CHAPTER.recorded()
    panels = {
        title: {f"{depth} layers": f"{rule}-{depth}" for depth in (20, 56)}
        for title, rule in (("Plain", "plain"), ("Residual", "residual"))
    }
    figures.loss_curves(panels, {}, recorded).savefig(path, dpi=110)


@style.styled
def ten_inputs() -> Figure:
    """The first training input of each class of MNIST-1D as a network gets it, drawn downwards."""
    known = data.load("mnist1d")
    panels = {str(label): known.x_train[known.y_train == label][0, 0].numpy() for label in range(10)}
    figure, drawn = style.grid(panels, 1.3, 2.0, across=5, sharex=True, sharey=True)
    for axis, label, values in drawn:
        places = range(1, len(values) + 1)
        axis.plot(values, places, color=BLUE, lw=1.6, marker=".", ms=4)
        axis.set(title=label, xticks=(-2, 0, 2), yticks=(1, 10, 20, 30, 40))
    drawn[0][0].invert_yaxis()  # of all: it is shared
    figure.supxlabel("value", fontsize=11)
    figure.supylabel("place", fontsize=11)
    return figure


def main() -> None:
    """Write what is not as it should be today, and name it."""
    root = Path.cwd()
    draw_puzzle(root / "book" / "_static" / "puzzle.png")
    ten_inputs().savefig(root / "book" / "_static" / "mnist1d.png", dpi=110)
    for path, text in today(root).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"written: {path.relative_to(root)}")


if __name__ == "__main__":
    main()
