"""What the pages say is what the records say."""

import ast
import functools
import json
import re
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pytest

import whyresnets
from whyresnets import data, report, sweeps
from whyresnets.chapters import CHAPTERS, degradation
from whyresnets.training import Runs

ROOT = Path(__file__).parents[1]
NAMED = {chapter.name: chapter for chapter in CHAPTERS}
VERDICTS = ("supported", "refuted", "contested", "undecided", "void")


def notebook(name: str) -> list[dict]:
    return json.loads((ROOT / "book" / f"{name}.ipynb").read_text())["cells"]


def cells(name: str) -> list[dict]:
    return [cell for cell in notebook(name) if cell["cell_type"] == "code"]


def is_live(cell: dict) -> bool:
    return "nbval-ignore-output" in cell["metadata"].get("tags", [])


def markdown(cell: dict) -> list[str]:
    """The stored outputs of a cell that are Markdown: tables, all of them."""
    return ["".join(o["data"]["text/markdown"]) for o in cell["outputs"] if "text/markdown" in o.get("data", {})]


def prose(name: str) -> str:
    return "\n".join("".join(cell["source"]) for cell in notebook(name) if cell["cell_type"] == "markdown")


def pages() -> dict[str, str]:
    """All text that somebody typed: chapters without their outputs, pages, and the README without its ledger."""
    found = {path.name: prose(path.stem) for path in (ROOT / "book").glob("*.ipynb")}
    found |= {path.name: path.read_text() for path in (ROOT / "book").glob("*.md")}
    computed = tuple(f"| {claim.id} |" for chapter in CHAPTERS for claim in chapter.claims)
    lines = (ROOT / "README.md").read_text().splitlines()
    return found | {"README.md": "\n".join(line for line in lines if not line.startswith(computed))}


# --- Pages = ledger = records -------------------------------------------------------------------


def test_the_ledger_page_shows_the_records():
    shown = [table for cell in cells("ledger") for table in markdown(cell)]
    assert shown == [report.ledger(CHAPTERS)._repr_markdown_()]


def test_the_ledger_page_explains_every_word():
    explained = re.findall(r"^- \*\*(\w+)\*\*:", prose("ledger"), re.M)
    assert sorted(explained) == sorted(VERDICTS)
    assert {chapter.printed(claim).word for chapter in CHAPTERS for claim in chapter.claims} <= set(VERDICTS)


def test_the_readme_shows_the_records():
    table = report.ledger(CHAPTERS)._repr_markdown_()
    assert table in (ROOT / "README.md").read_text(), f"put this into README.md:\n{table}"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.name)
def test_a_chapter_prints_every_verdict_of_its_record(chapter):
    shown = "\n".join(table for cell in cells(chapter.name) for table in markdown(cell))
    for claim in chapter.claims:
        assert f"| {claim.id} | **{chapter.printed(claim).word}** |" in shown


def test_the_text_names_only_claims_of_the_ledger():
    known = {claim.id for chapter in CHAPTERS for claim in chapter.claims}
    key = "|".join(sorted({re.match("[A-Z]+", name)[0] for name in known}))
    for page, text in pages().items():
        assert set(re.findall(rf"\b(?:{key})\d*-\w+", text)) <= known, page


def test_no_measured_number_is_typed_into_the_text():
    """Tables print them from the record; what is typed goes stale when the record changes."""
    numbers = {}
    for chapter in CHAPTERS:
        for claim in chapter.claims:
            verdict = chapter.printed(claim)
            for outcome in (o for outcomes in (verdict.outcomes, *verdict.tests) for o in outcomes):
                for value in (outcome.interval.mean, outcome.interval.low, outcome.interval.high):
                    numbers[f"{abs(value):.3f}"] = claim.id
    assert len(numbers) >= sum(len(chapter.claims) for chapter in CHAPTERS)
    for page, text in pages().items():
        typed = {number: numbers[number] for number in re.findall(r"\d+\.\d{3}(?!\d)", text) if number in numbers}
        assert not typed, f"{page} types {typed}"


# --- The notebooks, run on the record -----------------------------------------------------------


def shown_by(cell: dict, names: dict) -> list:
    """What a cell displays, the value of its last line included; ``names`` are changed as a kernel's would be."""
    displayed = []
    names["display"] = lambda *things: displayed.extend(things)
    lines = ast.parse("".join(cell["source"]))
    last = lines.body.pop() if isinstance(lines.body[-1], ast.Expr) else None
    exec(compile(lines, "cell", "exec"), names)
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None
    return displayed + ([] if value is None else [value])


@functools.cache
def run_on_the_record(name: str) -> tuple[dict, list[list]]:
    """All names after the last cell, and what each cell displays, if the reader's run is the record's first seeds."""
    recorded, names = NAMED[name].recorded(), {}

    def recalled(plan, *_, **__):
        return {arm: recorded[arm].first(len(seeds)) for arm, (_, seeds) in plan.items()}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeps, "run", recalled)
        shown = [shown_by(cell, names) for cell in cells(name)]
    return names, shown


@pytest.mark.parametrize("name", list(NAMED))
def test_the_stored_tables_are_what_the_record_gives_today(name):
    """Predictions, plan, rates, provenance, verdicts: every number that is not of the reader's own run."""
    _, shown = run_on_the_record(name)
    tables = 0
    for cell, things in zip(cells(name), shown, strict=True):
        if not is_live(cell):
            today = [thing._repr_markdown_() for thing in things if hasattr(thing, "_repr_markdown_")]
            assert markdown(cell) == today, "".join(cell["source"])
            tables += len(today)
    assert tables >= 5  # the five below, at least
    source = "\n".join("".join(cell["source"]) for cell in cells(name) if not is_live(cell))
    for table in ("predictions", "plan", "best_rates", "provenance", "printed"):
        assert f"report.{table}(CHAPTER" in source, table


def dead(runs: Runs) -> Runs:
    """The same runs, had every one of them diverged."""
    return Runs(runs.spec, runs.seeds, {name: np.full_like(a, np.nan) for name, a in runs.arrays.items()})


LIVE_CELLS = [(name, i) for name in NAMED for i, cell in enumerate(cells(name)) if is_live(cell)]


@pytest.mark.parametrize("name", list(NAMED))
def test_there_are_live_cells(name):
    assert sum(chapter == name for chapter, _ in LIVE_CELLS) >= 3  # the run, a figure, the verdicts


TRAINS = [
    (chapter.name, arm)
    for chapter in CHAPTERS
    for arm in sorted({arm for claim in chapter.claims if claim.live for arm, _ in claim.trains})
]


@pytest.mark.parametrize(("name", "arm"), TRAINS)
def test_one_dead_arm_that_should_train_stops_the_run_cell(name, arm, monkeypatch):
    recorded, names = NAMED[name].recorded(), dict(run_on_the_record(name)[0])
    monkeypatch.setattr(sweeps, "run", lambda *_, **__: recorded | {arm: dead(recorded[arm])})
    first = next(cell for cell in cells(name) if is_live(cell))
    with pytest.raises(AssertionError):
        shown_by(first, names)


@pytest.mark.parametrize(("name", "index"), LIVE_CELLS)
def test_a_live_cell_fails_when_its_arms_are_dead(name, index, monkeypatch):
    gone = {arm: dead(runs) for arm, runs in NAMED[name].recorded().items()}
    monkeypatch.setattr(sweeps, "run", lambda *_, **__: gone)
    names = run_on_the_record(name)[0] | {"runs": gone}
    with pytest.raises(AssertionError), np.errstate(all="ignore"):
        shown_by(cells(name)[index], names)


# --- What is typed ------------------------------------------------------------------------------


def test_the_protocol_in_the_prose_is_the_protocol_that_was_run():
    """Numbers of the protocol are typed into the prose; here they are held to the Specs and the data."""
    typed = " ".join(prose("degradation").split())
    spec, digits = degradation.LAPTOP["plain-20"], data.load("digits")
    height, width = digits.x_train.shape[2:]
    assert spec.warmup == 0.1 and spec.weight_decay == 1e-4  # "a tenth of the steps", "$10^{-4}$"
    for words in (
        f"{len(digits.x_train):,} images of {height} by {width} pixels",
        f"{len(digits.x_test)} to test",
        f"a short budget of {spec.steps} steps",
        "channels {}, {}, {} here".format(*spec.widths),
        f"momentum {spec.momentum:g}",
        f"batches of {spec.batch}",
        f"the first {degradation.LAPTOP['start-20 at 0.1'].steps} steps",
        f"a record of {len(degradation.CHAPTER.recorded()['plain-110'].seeds)} seeds",
    ):
        assert words in typed, words


def test_the_version_is_the_same_everywhere():
    version = whyresnets.__version__
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text()
    for page in ("cite.md", *(f"{name}.ipynb" for name in NAMED)):
        found = re.findall(r"[Vv]ersion (\d+\.\d+\.\d+)", pages()[page])
        assert found and set(found) == {version}, page


def test_every_claim_cites_an_entry_of_the_bibliography():
    keys = re.findall(r"@\w+\{([^,]+),", (ROOT / "book" / "references.bib").read_text())
    for chapter in CHAPTERS:
        for claim in chapter.claims:
            assert any(key in claim.source for key in keys), claim.id


def test_every_page_stands_in_the_table_of_contents():
    """Sphinx is silent about a page that does not: it is left out of the book."""
    listed = re.findall(r"(?:root|file): (\S+)", (ROOT / "book" / "_toc.yml").read_text())
    assert sorted(listed) == sorted(path.stem for kind in ("*.ipynb", "*.md") for path in (ROOT / "book").glob(kind))
