"""What a teacher needs to know: costs and exercises."""

from pathlib import Path

import pytest
import teaching
from tables import squeezed

from whyresnets.chapters import CHAPTERS

ROOT = Path(__file__).parents[2]


def test_the_cost_of_a_chapter_is_that_of_its_live_plan():
    chapter = CHAPTERS[0]
    recorded, live = chapter.recorded(), chapter.live()
    expected = sum(recorded[arm]["seconds"].mean() * len(seeds) for arm, (_, seeds) in live.items())
    assert teaching.live_seconds(chapter) == pytest.approx(expected)
    assert f"| {expected:.0f} | {expected / 120:.1f} |" in squeezed(teaching.needs())


def test_exercises_are_listed_by_grade():
    table = teaching.exercises(ROOT)
    pages = (teaching.markdown_cells(ROOT / "book" / f"{chapter.name}.ipynb") for chapter in CHAPTERS)
    assert table.count("{ref}") == sum("\n".join(texts).count("{exercise}") for texts in pages) >= 2 * len(CHAPTERS)
    assert "| chapter | warm-up | run it | design |" in squeezed(table)
