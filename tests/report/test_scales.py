import math
from dataclasses import replace

import numpy as np
import pytest

from whyresnets import report
from whyresnets.claims.effects import nats
from whyresnets.claims.quantities import start_loss
from whyresnets.report import scales
from whyresnets.store import records
from whyresnets.training.runs import Runs


def test_larger_scales_say_not_run_yet_until_they_are_recorded(book):
    table = report.at_scales(book)
    printed = book.printed(book.claim("TOY-1"))
    assert table.head[2:] == ("laptop", "workstation", "paper") and len(table.rows) == 1
    assert table.rows[0][2:] == (f"{report.shown(printed.effect)}, supported (20 seeds)", *[report.NOT_RUN] * 2)
    assert table.note == "Not planned at larger scales: TOY-2."
    assert {cell for row in report.at_scales(replace(book, name="new")).rows for cell in row[2:]} == {report.NOT_RUN}


def test_thresholds_that_are_others_at_a_larger_scale_are_said(book, trained, monkeypatch):
    monkeypatch.setattr(type(book), "recorded", lambda *_: trained)
    said = "training loss: untrained - trained > 0.2 nats; nets that must train end below 1.5 nats"
    assert f"TOY-1 at workstation scale: {said}." in report.at_scales(book).note


def test_what_is_read_otherwise_at_a_larger_scale_is_said(book, trained, monkeypatch):
    """A claim may have fewer conditions there, and of another quantity."""
    monkeypatch.setattr(type(book), "recorded", lambda *_: trained)
    (usual,) = (claim for claim in book.claims if claim.id == "TOY-1")
    other = replace(usual, conditions=start_loss["trained"] < 2 * nats, trains=(("trained", math.inf),))
    there = replace(book, larger_claims={"workstation": (other,)})
    said = f"TOY-1 at workstation scale: {other.conditions[0]}."
    assert said in report.at_scales(there).note and "inf" not in report.at_scales(there).note


def test_a_claim_that_is_planned_at_one_larger_scale_only_says_so(book):
    there = replace(book, larger_claims={"workstation": book.larger_claims["workstation"]})
    assert report.at_scales(there).rows[0][-1] == scales.NOT_PLANNED


@pytest.fixture
def wide(book, monkeypatch) -> Runs:
    """Three seeds at workstation scale, the last of which diverged."""
    arrays = {"train_loss": np.array([1.5, 1.5, np.nan]), "test_error": np.array([0.4, 0.5, np.nan])}
    runs = Runs(book.specs("workstation")["trained"], (0, 1, 2), arrays | {"curve": np.zeros((3, 1))})
    found = {"workstation": {"trained": runs}, "paper": {}}
    monkeypatch.setattr(type(book), "recorded", lambda _, scale: found[scale])
    return runs


def test_published_errors_stand_beside_ours_with_what_differs(book, wide):
    """A seed that diverged scores chance; what was not run differs in nothing."""
    table = report.beside_published(book)
    ours = "60.0 (40.0 to 90.0, 3 seeds); training loss 1.77"
    assert table.rows == [["A net of 8 blocks", "8.75 (nobody2016, Table 6)", ours, report.NOT_RUN]]
    differs = ("width 64 (theirs: 32)", "steps 120 (theirs: 30)", "batch 128 (theirs: 64)", "(A net of 8 blocks)")
    assert all(said in table.note for said in differs) and "paper" not in table.note


def test_provenance_says_who_vouches(book, monkeypatch):
    rows = dict(report.provenance(book).rows)
    assert rows["training runs"] == "60" and rows["code"] == "today's"
    monkeypatch.setattr(records, "source_of", lambda _: "other")
    assert dict(report.provenance(book).rows)["code"] == "3 of 3 entries were recorded with other code"
    record = records.record("toy-laptop")
    for about in record.about.values():
        monkeypatch.setitem(about, "confirmed", {"source": "other", "steps": 25})
    said = "earlier than today's for 3 of 3 entries, of which today's repeats a seed bit for bit beside it"
    assert dict(report.provenance(book).rows)["code"] == f"{said}, in runs of 25 steps at most"


def test_the_status_counts_runs_and_names_what_was_not_run(book, trained):
    table = report.records([book])
    ((name, runs, hours, *_),) = table.rows
    assert (name, runs) == ("toy-laptop", "60") and float(hours) < 1
    assert table.note == "Planned and not run yet: toy-workstation, toy-paper."


def test_the_status_compares_the_cost_of_this_run_with_the_records(book, live):
    table = report.live_runs([(book, live)])
    (row,) = table.rows
    assert row[:3] == ("Toy", "15", f"{sum(runs['seconds'].sum() for runs in live.values()):.0f}")
    assert row[4:] == ("1 of 1", "1 of 1") and "Your run agrees with the book" in table.note


def test_runs_of_too_few_seeds_count_for_nothing_in_the_status(book, live):
    (row,) = report.live_runs([(book, {arm: runs.first(3) for arm, runs in live.items()})]).rows
    assert row[4] == "0 of 0"
