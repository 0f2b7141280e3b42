"""What the pages say is what the records say."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import whyresnets
from whyresnets import data, figures, report, sweeps
from whyresnets.__main__ import CHAPTERS
from whyresnets.chapters import degradation
from whyresnets.training import Runs

ROOT = Path(__file__).parents[1]


def cells(name):
    return [c for c in json.loads((ROOT / "book" / name).read_text())["cells"] if c["cell_type"] == "code"]


def markdown_outputs(name) -> str:
    outputs = [o for cell in cells(name) for o in cell["outputs"]]
    return "\n".join("".join(o.get("data", {}).get("text/markdown", "")) for o in outputs)


def test_the_ledger_page_shows_the_records():
    assert report.ledger(CHAPTERS)._repr_markdown_() in markdown_outputs("ledger.ipynb")


def test_the_readme_shows_the_records():
    table = report.ledger(CHAPTERS)._repr_markdown_()
    assert table in (ROOT / "README.md").read_text(), f"put this into README.md:\n{table}"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.name)
def test_a_chapter_prints_every_verdict_of_its_record(chapter):
    shown = markdown_outputs(f"{chapter.name}.ipynb")
    for claim in chapter.claims:
        assert f"| {claim.id} | **{chapter.printed(claim).word}** |" in shown


def dead(runs: Runs) -> Runs:
    """The same runs, had every one of them diverged."""
    return Runs(runs.spec, runs.seeds, {name: np.full_like(a, np.nan) for name, a in runs.arrays.items()})


LIVE_CELLS = [c for c in cells("degradation.ipynb") if "nbval-ignore-output" in c["metadata"].get("tags", [])]


def test_there_are_live_cells():
    assert len(LIVE_CELLS) >= 6


TRAINS = sorted({arm for claim in degradation.CLAIMS if claim.live for arm, _ in claim.trains})


@pytest.mark.parametrize("arm", TRAINS)
def test_one_dead_arm_that_should_train_stops_the_run_cell(arm, monkeypatch):
    recorded = degradation.CHAPTER.recorded()
    monkeypatch.setattr(sweeps, "run", lambda *_, **__: recorded | {arm: dead(recorded[arm])})
    with pytest.raises(AssertionError):
        exec("".join(LIVE_CELLS[0]["source"]), {"sweeps": sweeps, "CHAPTER": degradation.CHAPTER})


@pytest.mark.parametrize("cell", LIVE_CELLS, ids=lambda c: f"cell {c['execution_count']}")
def test_a_live_cell_fails_when_its_arms_are_dead(cell, monkeypatch):
    recorded = degradation.CHAPTER.recorded()
    gone = {arm: dead(runs) for arm, runs in recorded.items()}
    monkeypatch.setattr(sweeps, "run", lambda *_, **__: gone)
    names = {"figures": figures, "report": report, "sweeps": sweeps, "degradation": degradation}
    names |= {
        "rules": ("plain", "residual"),
        "depths": (8, 20, 56, 110),
        "CHAPTER": degradation.CHAPTER,
        "runs": gone,
        "recorded": recorded,
        "display": lambda *_: None,
    }
    with pytest.raises(AssertionError), np.errstate(all="ignore"):
        exec("".join(cell["source"]), names)


def test_the_protocol_in_the_prose_is_the_protocol_that_was_run():
    """Numbers of the protocol are typed into the prose; here they are held to the Specs and the data."""
    prose = "".join(json.dumps((ROOT / "book" / "degradation.ipynb").read_text()))
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
        assert words in prose, words


def test_the_version_is_the_same_everywhere():
    version = whyresnets.__version__
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text()
    for page in ("book/cite.md", "book/degradation.ipynb"):
        found = re.findall(r"[Vv]ersion (\d+\.\d+\.\d+)", (ROOT / page).read_text())
        assert found and set(found) == {version}, page


def test_every_claim_cites_an_entry_of_the_bibliography():
    keys = re.findall(r"@\w+\{([^,]+),", (ROOT / "book" / "references.bib").read_text())
    for chapter in CHAPTERS:
        for claim in chapter.claims:
            assert any(key in claim.source for key in keys), claim.id


def test_make_builds_every_notebook():
    line = re.search(r"^CHAPTERS := (.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert set(line[1].split()) == {path.stem for path in (ROOT / "book").glob("*.ipynb")}
