from dataclasses import replace

import numpy as np
import pytest
from made import changed, gone

from whyresnets import report
from whyresnets.claims.effects import nats
from whyresnets.claims.quantities import training_loss
from whyresnets.claims.verdicts import Test, effect_band
from whyresnets.report import rows as beside
from whyresnets.stats import Interval
from whyresnets.store import records
from whyresnets.training.runs import Runs


@pytest.fixture
def dead(live) -> dict[str, Runs]:
    """A run in which the net that should train ends where it began."""
    return live | {"trained": live["still"]}


def test_the_first_seeds_of_the_record_agree_with_it(book, live):
    (row,) = report.live_rows(book, live)
    assert not row.differs and row.differences == [] and (row.verdict.n, row.printed.n) == (5, 20)
    assert row.in_band and row.band[0] < row.verdict.effect.interval.mean < row.band[1]


def test_a_verdict_that_differs_is_explained_with_both_intervals(book, live):
    """The claim is refuted where the trained net stays at its start; as it trains no more, it is void first of all."""
    sees = Test("a loss that has not come down", training_loss["still"] > 0.5 * nats)
    claim = replace(book.claim("TOY-1"), trains=(), assay=sees)
    row = report.row(replace(book, claims=(claim,)), claim, live | {"trained": live["still"]})
    (line,) = row.differences
    assert row.verdict.word == "refuted" and row.verdict.reason == "smaller than matters"
    assert line.startswith("training loss: untrained - trained > 0.5 nats: yours")
    assert all(f"{report.shown(v.effect)} {v.effect.status}" in line for v in (row.verdict, row.printed))


def test_a_control_that_did_not_fail_is_named(book, live):
    row = report.row(book, book.claim("TOY-1"), live | {"still": live["trained"]})
    assert row.verdict.word == "undecided" and len(row.differences) == 1
    assert row.differences[0].startswith("training loss: untrained - still > 0.5 nats: yours")


def test_a_dead_arm_is_named(book, dead):
    row = report.row(book, book.claim("TOY-1"), dead)
    assert row.verdict.word == "void" and row.differences[-1] == "trained had to train and did not"


def test_a_claim_without_controls_is_written_as_json(book, live):
    claim = replace(book.claim("TOY-1"), controls=())
    found = report.row(book, claim, live).as_json()
    assert found["control"] is None and (found["verdict"], found["reason"]) == ("undecided", "a control did not fail")
    assert (found["assay"], found["horizon"], found["scale"]) == (None, {"30": "undecided"}, "digits")
    assert found["run_at"] == "laptop"


def test_without_a_record_nothing_is_compared(book, live, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "RECORDS", tmp_path)
    row = report.row(book, book.claim("TOY-1"), live)
    assert row.printed is row.band is row.in_band is None and not row.differs and not row.comparable
    assert row.as_json()["printed_verdict"] is None and not row.stale and row.other == ()


def test_json_has_the_reason_and_no_nan(book, dead):
    row = report.row(book, book.claim("TOY-1"), dead | {"still": gone(dead["still"])})
    found = row.as_json()
    assert found["reason"] == "trained, still had to train and did not" and found["diverged"] == 5
    unknown = replace(row.verdict.effect, interval=Interval(np.nan, -np.inf, np.inf, 5))
    found = replace(row, verdict=replace(row.verdict, predicted=(unknown,))).as_json()
    assert found["effect"] is found["low"] is found["high"] is None


def test_where_seeds_do_not_vary_the_band_is_what_was_recorded(book, trained, monkeypatch):
    """A difference at rounding is as small as some recorded one; an exact count is equal or is not."""
    losses = {"untrained": 2.5, "trained": 0.125, "still": 2.5}
    same = {arm: changed(runs, "train_loss", losses[arm]) for arm, runs in trained.items()}
    same["trained"]["train_loss"][1] -= 2**-20
    monkeypatch.setattr(type(book), "recorded", lambda *_: same)
    live = {arm: runs.first(5) for arm, runs in same.items()}
    row = report.row(book, book.claim("TOY-1"), live)
    assert row.band == (2.375, 2.375 + 2**-20) and row.in_band
    live["trained"]["train_loss"][:] = 0.2
    assert not report.row(book, book.claim("TOY-1"), live).in_band


def test_a_run_of_nearly_all_recorded_seeds_is_banded_by_others(book, trained, monkeypatch):
    """With 15 seeds there are five more in the record; with 16, those from 1000 up make the band."""
    others = {arm: Runs(r.spec, tuple(1000 + s for s in r.seeds), r.arrays) for arm, r in trained.items()}
    others["trained"] = changed(others["trained"], "train_loss", 1.0, slice(0, 10))
    monkeypatch.setattr(
        type(book), "recorded", lambda _, scale="laptop", first_seed=0: others if first_seed else trained
    )
    claim = book.claim("TOY-1")
    effect = claim.conditions[0].effect
    for n, record in ((15, trained), (16, others), (20, others)):
        live = {arm: runs.first(n) for arm, runs in trained.items()}
        assert report.row(book, claim, live).band == effect_band(effect, record, live)


def test_at_a_larger_scale_there_is_no_band(book, live, trained, monkeypatch):
    """Its record has only seeds that a reader runs, too."""
    monkeypatch.setattr(type(book), "recorded", lambda *_: trained)
    row = report.row(book, book.claim("TOY-1", "workstation"), live, "workstation")
    assert row.printed.word == "supported" and row.band is None and row.comparable


def test_how_many_seeds_a_claim_is_judged_with(book):
    """Live ones as many as they say, the others as many as their record has; few where a run takes long."""
    live, recorded = book.claims
    assert [report.seeds_to_judge(live, scale) for scale in ("smoke", "laptop", "paper")] == [5, 5, 5]
    assert [report.seeds_to_judge(recorded, scale) for scale in ("smoke", "laptop", "paper")] == [5, 20, 5]
    assert report.seeds_to_judge(replace(live, seeds=9), "laptop") == 9


def test_another_version_or_processor_than_the_records_is_named(book, monkeypatch):
    recorded = next(iter(records.record("toy-laptop").about.values()))
    monkeypatch.setattr(beside, "hardware", lambda *_: recorded["hardware"])
    assert report.unlike_the_record(book) == ()
    monkeypatch.setattr(beside, "versions", lambda: recorded["versions"] | {"torch": "0.1"})
    assert report.unlike_the_record(book) == (f"torch 0.1 (record: {recorded['versions']['torch']})",)


# --- Whether a run agrees -----------------------------------------------------------------------


def test_a_run_that_agrees_says_so_and_nothing_more(book, live):
    said = report.agreement(report.live_rows(book, live))
    there = "1 of 1 verdicts are the printed ones, 1 of 1 effects lie in their 99% bands."
    assert said == f"Your run agrees with the book: {there}"


def test_a_run_that_differs_says_in_what_and_where_to_look(book, dead):
    row = replace(report.row(book, book.claim("TOY-1"), dead), other=("torch 1 (record: 2)",))
    said = report.agreement([row])
    assert said.startswith("Your run differs from the book: 0 of 1 verdicts are the printed ones, 0 of 1 effects")
    assert "TOY-1 is void here and supported there. Outside its band: TOY-1." in said
    assert "Look at trained, which had to train and did not; then at what is not as in the record: torch 1" in said
    assert "`whyresnets judge TOY-1 --seeds 20 --first-seed 2000`" in said
    assert "TOY-1 --scale workstation --seeds" in report.agreement([replace(row, scale="workstation")])


def test_one_effect_of_many_outside_its_band_is_named_and_no_alarm(book, live):
    (row,) = report.live_rows(book, live)
    said = report.agreement([replace(row, band=(5.0, 6.0)), *[row] * 4])
    assert said.startswith("Your run agrees") and "4 of 5 effects" in said and "Outside its band: TOY-1." in said
    assert "by chance" in said and "Look at" not in said


def test_many_effects_outside_their_bands_are_no_agreement(book, live):
    (row,) = report.live_rows(book, live)
    said = report.agreement([replace(row, band=(5.0, 6.0))] * 5)
    assert said.startswith("Your verdicts agree with the book, your numbers do not:") and "Look at" in said
    assert "by chance" not in said


def test_a_run_that_can_be_compared_with_nothing_says_nothing(book, live):
    (row,) = report.live_rows(book, live)
    assert report.agreement([]) == ""
    assert report.agreement([replace(row, scale="smoke")]) == ""
    assert report.agreement([replace(row, printed=None, band=None)]) == ""


def test_an_effect_is_shown_with_interval_and_unit_and_no_negative_zero(book, live):
    (row,) = report.live_rows(book, live)
    i = row.verdict.effect.interval
    assert report.shown(row.verdict.effect) == f"{i.mean:.3f} [{i.low:.3f}, {i.high:.3f}] nats"
    nothing = replace(i, mean=-1e-9, low=np.nan)
    assert report.shown(replace(row.verdict.effect, interval=nothing)).startswith("0.000 [nan, ")
