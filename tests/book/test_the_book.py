"""What the pages say is what the records say."""

import ast
import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import citing
import numpy as np
import pages
import pytest
import short
import teaching
from tables import squeezed

from whyresnets import __version__, data, report, sweeps
from whyresnets.chapter import Chapter
from whyresnets.chapters import CHAPTERS, degradation
from whyresnets.training.runs import Runs

ROOT = Path(__file__).parents[2]
NAMED = {chapter.name: chapter for chapter in CHAPTERS}
VERDICTS = ("supported", "refuted", "conditional", "undecided", "void")


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


def typed() -> dict[str, str]:
    """All text that somebody typed: pages and README without what is computed, chapters without their outputs."""
    found = {path.name: prose(path.stem) for path in (ROOT / "book").glob("*.ipynb")}
    found |= {path.name: path.read_text() for path in ((ROOT / "README.md"), *(ROOT / "book").glob("*.md"))}
    return {name: pages.PART.sub("", text) for name, text in found.items()}


# --- Pages = ledger = records -------------------------------------------------------------------


def test_every_computed_part_is_what_the_records_give_today():
    """Ledger, citations, exercises, costs, in every page and in the README; the JSON and the CSV."""
    for path, text in pages.today(ROOT).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is not as it should be today: run `make pages`"


def test_another_record_makes_other_pages(monkeypatch):
    """A verdict that changes shows in the README, on the front page, in the ledger, its JSON and its CSV."""
    chapter = CHAPTERS[0]
    recorded = {arm: Runs(runs.spec, runs.seeds, dict(runs.arrays)) for arm, runs in chapter.recorded().items()}
    recorded["plain-56"].arrays["train_loss"] = recorded["plain-20"]["train_loss"]
    as_is = Chapter.recorded

    def changed_here(self, *at):
        return recorded if self is chapter and set(at) <= {"laptop"} else as_is(self, *at)

    monkeypatch.setattr(Chapter, "recorded", changed_here)
    changed = {path.name for path, text in pages.today(ROOT).items() if path.read_text(encoding="utf-8") != text}
    assert {"README.md", "intro.ipynb", "ledger.md", "ledger.json", "ledger.csv", "degradation.md"} <= changed


def test_the_methods_explain_every_word():
    explained = re.findall(r"^\d\. \*\*(\w+)\*\*", (ROOT / "book" / "methods.md").read_text(), re.M)
    assert sorted(explained) == sorted(VERDICTS)
    assert {chapter.printed(claim).word for chapter in CHAPTERS for claim in chapter.claims} <= set(VERDICTS)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.name)
def test_a_chapter_prints_every_verdict_of_its_record(chapter):
    shown = squeezed("\n".join(table for cell in cells(chapter.name) for table in markdown(cell)))
    strip = {line.claim.id: line.said("**{}**", "*{}*").split("Your run")[0] for line in report.strip(chapter).lines}
    for claim in chapter.told:
        if chapter.name in short.SHORT:
            assert squeezed(strip[claim.id]) in shown, claim.id
            continue
        verdict = chapter.printed(claim)
        stated = ": ".join(filter(None, (f"**{verdict.word}**", verdict.reason.replace("|", "\\|"))))
        turned = f"; {verdict.turns}" if verdict.turns else ""
        assert f"| {claim.id} | {stated}{turned} |" in shown


def test_the_text_names_only_claims_of_the_ledger():
    known = {claim.id for chapter in CHAPTERS for claim in chapter.claims}
    key = "|".join(sorted({re.match("[A-Z]+", name)[0] for name in known}))
    for page, text in typed().items():
        assert set(re.findall(rf"\b(?:{key})\d*-\w+", text)) <= known, page


def test_no_measured_number_is_typed_into_the_text():
    """Tables print them from the record; what is typed goes stale when the record changes."""
    numbers = {}
    for chapter in CHAPTERS:
        for claim in chapter.claims:
            verdict = chapter.printed(claim)
            for outcome in (o for outcomes in (verdict.predicted, *verdict.tests) for o in outcomes):
                for value in (outcome.interval.mean, outcome.interval.low, outcome.interval.high):
                    numbers[f"{abs(value):.3f}"] = claim.id
    assert len(numbers) >= sum(len(chapter.claims) for chapter in CHAPTERS)
    for page, text in typed().items():
        found = {number: numbers[number] for number in re.findall(r"\d+\.\d{3}(?!\d)", text) if number in numbers}
        assert not found, f"{page} types {found}"


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
    if name in short.SHORT:  # they stand on its evidence page
        return
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
    least = 2 if name in short.SHORT else 3  # the run, the verdicts, and in a long one a figure
    assert sum(chapter == name for chapter, _ in LIVE_CELLS) >= least


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


@pytest.mark.parametrize("name", list(NAMED))
def test_a_chapter_begins_in_any_folder(name, tmp_path):
    """What comes before its live run, imports and tables, needs neither the repository nor the notebook's folder."""
    live = next(i for i, cell in enumerate(cells(name)) if is_live(cell))
    first = "\n".join("".join(cell["source"]) for cell in cells(name)[:live])
    script = f"display = print\n{first}"  # a notebook has it built in
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert live >= 1 and done.returncode == 0 and not list(tmp_path.iterdir()), done.stderr


# --- Exercises ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(NAMED))
def test_exercises_have_grades_with_solutions_and_self_checks(name):
    """All three of them; in a short chapter two will do."""
    text = prose(name)
    grades = [(grade, label) for grade, _, label in teaching.EXERCISE.findall(text)]
    there = [grade for grade in teaching.GRADES if grade in dict(grades)]
    assert [grade for grade, _ in grades] == there and len(there) >= (2 if name in short.SHORT else 3)
    for _, label in grades:
        assert f"{{solution}} {label}\n:class: dropdown" in text
    checks = [cell for cell in cells(name) if "answer_1 = None" in "".join(cell["source"])]
    (source,) = ("".join(cell["source"]) for cell in checks)
    assert all(f"answer_{i} = None" in source for i, _ in enumerate(grades, 1))
    assert source.count(".check_") == len(grades)


# --- What is typed ------------------------------------------------------------------------------


def test_the_protocol_in_the_prose_is_the_protocol_that_was_run():
    """Numbers of the protocol are typed into the prose; here they are held to the Specs and the data."""
    said = " ".join(prose("degradation").split())
    specs, lines = degradation.CHAPTER.specs(), data.load("mnist1d").x_train
    spec = specs["plain-56"]
    longer = [specs[f"plain-56 x{times}"].optimiser.steps // spec.optimiser.steps for times in (3, 10)]
    assert longer == [3, 10]  # "three and ten times as long"
    for words in (
        f"{len(lines):,} lines of {lines.shape[-1]} numbers",
        "three stages of {}, {} and {} channels".format(*spec.net.widths),
        f"takes {spec.optimiser.steps} steps in batches of {spec.task.batch}",
    ):
        assert words in said, words


def test_the_page_on_the_data_says_what_the_data_are():
    """Sizes, for those that are at hand everywhere; and how an example of MNIST-1D is made."""
    from mnist1d.data import get_dataset_args, get_templates

    said = (ROOT / "book" / "data.md").read_text()
    rows = {
        name.strip().strip("`"): [cell.strip() for cell in cells]
        for name, *cells in (line.strip("|").split("|") for line in said.splitlines() if line.startswith("| `"))
        if len(cells) == 4
    }
    assert set(rows) == set(data.DATASETS)
    for name in ("digits", "digits-4x4", "mnist1d", "gaussian-2", "gaussian-4"):
        known, (form, classes, *sizes) = data.load(name), rows[name]
        assert sizes == [f"{len(known.x_train):,}", f"{len(known.x_test):,}"]
        assert classes == (str(len(known.y_train.unique())) if data.DATASETS[name].labelled else "none")
        height, width = known.x_train.shape[2:] if name.startswith("digits") else (None, None)
        assert height is None or f"{height} by {width}" in form
    digits, made = data.load("digits"), get_dataset_args()
    low, high = made.padding
    assert get_templates()["x"].shape == (10, made.template_len)
    assert (made.scale_coeff, made.shuffle_seq) == (0.4, False)  # "up to a fifth larger or smaller"
    for words in (
        f"the test part, {len(digits.x_train) + len(digits.x_test):,} images",
        f"a line of {data.load('mnist1d').x_train.shape[-1]} numbers",
        f"a line of {made.template_len} points",
        f"Between {low} and {high} zeros",
        f"stretched to {made.template_len + high} points",
        f"by up to {made.max_translation - 1} points",
        f"read off at {made.final_seq_length} places",
        f"guessing costs {np.log(10):.1f}",
    ):
        assert words in said, words


def test_the_version_is_the_same_everywhere():
    version = __version__
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text()
    for text in citing.citations(ROOT).values():  # which stand in the pages: see above
        assert set(re.findall(r"[Vv]ersion (\d[\w.]*\w)", text)) == {version}


def test_every_claim_cites_an_entry_of_the_bibliography():
    keys = re.findall(r"@\w+\{([^,]+),", (ROOT / "book" / "references.bib").read_text())
    for chapter in CHAPTERS:
        for claim in chapter.claims:
            assert any(key in claim.source for key in keys), claim.id


def test_every_page_stands_in_the_table_of_contents():
    """Sphinx is silent about a page that does not: it is left out of the book."""
    assert sorted(citing.listed(ROOT)) == sorted(
        path.relative_to(ROOT / "book").with_suffix("").as_posix()
        for kind in ("*.ipynb", "*.md", "evidence/*.md")
        for path in (ROOT / "book").glob(kind)
    )
