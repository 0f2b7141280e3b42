"""What teachers need: what each chapter builds on and costs, and its exercises."""

import json
import re
from pathlib import Path

import numpy as np
from whyresnets.chapter import Chapter
from whyresnets.chapters import CHAPTERS
from whyresnets.report import Table

GRADES = ("Warm-up", "Run it", "Design")
EXERCISE = re.compile(r"\{exercise\} (\w[\w -]*): (.+)\n:label: (\S+)")
CORES = 2  # of the machine for which minutes are given (chosen by us)


def needs() -> str:
    """Each chapter: what it builds on, what its live run costs, its claims."""
    head = ("chapter", "a student should know", "core-seconds, live", f"minutes on {CORES} cores", "claims", "notebook")
    return Table(head, [_needs(chapter) for chapter in CHAPTERS])._repr_markdown_()


def _needs(chapter: Chapter) -> tuple[str, ...]:
    seconds, live = (live_seconds(chapter), sum(claim.live for claim in chapter.claims))
    return (
        f"{{doc}}`{chapter.name}`",
        chapter.builds_on,
        f"{seconds:.0f}",
        f"{seconds / CORES / 60:.1f}",
        f"{len(chapter.claims)} ({live} live)",
        f"{{download}}`notebook <{chapter.name}.ipynb>`",
    )


def live_seconds(chapter: Chapter) -> float:
    """What the live plan cost when its arms were recorded, in core-seconds."""
    live, recorded = chapter.live(), chapter.recorded()
    return sum(float(np.mean(recorded[arm]["seconds"])) * len(live[arm][1]) for arm in live if arm in recorded)


def exercises(root: Path) -> str:
    """All exercises by grade, each linked."""
    rows = []
    for chapter in CHAPTERS:
        text = "\n".join(markdown_cells(root / "book" / f"{chapter.name}.ipynb"))
        found = {grade: f"{{ref}}`{title} <{label}>`" for grade, title, label in EXERCISE.findall(text)}
        rows.append((f"{{doc}}`{chapter.name}`", *(found.get(grade, "") for grade in GRADES)))
    return Table(("chapter", *(grade.lower() for grade in GRADES)), rows)._repr_markdown_()


def markdown_cells(path: Path) -> list[str]:
    """The text of a notebook's Markdown cells."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
