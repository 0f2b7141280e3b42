import numpy as np
import pytest

from whyresnets import claims, report, store
from whyresnets.chapters.degradation import CHAPTER
from whyresnets.report import Row, Table


def test_a_table_is_aligned_text_and_markdown():
    table = Table(("a", "bcd"), [("12", "|x|")], "note")
    assert str(table) == "a   bcd\n--  ---\n12  |x|\nnote"
    assert table._repr_markdown_() == "| a | bcd |\n| --- | --- |\n| 12 | \\|x\\| |\n\nnote"


@pytest.fixture
def rows():
    recorded = {arm: runs.first(5) for arm, runs in CHAPTER.recorded().items()}
    return report.rows(CHAPTER, recorded, "HE1-1", "HE1-2")


def test_the_first_seeds_of_the_record_agree_with_it(rows):
    assert not any(row.differs for row in rows)
    for row in rows:
        assert row.band[0] < row.verdict.effect.interval.mean < row.band[1]
        assert row.verdict.claim.id in str(report.judged(rows))


def test_a_verdict_that_differs_is_marked(rows):
    gone = {arm: runs.first(5) for arm, runs in CHAPTER.recorded().items()}
    gone["residual-56"] = gone["plain-56"]
    (row,) = report.rows(CHAPTER, gone, "HE1-2")
    assert row.differs and "refuted *" in str(report.judged([row]))


def test_without_a_record_a_claim_says_not_run_yet(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "RECORDS", tmp_path)
    row = Row(CHAPTER, rows[0].verdict)
    assert row.printed is None and not row.differs and row.as_json()["printed_verdict"] is None
    assert report.NOT_RUN in str(report.judged([row])) and report.NOT_RUN in str(report.ledger([CHAPTER]))
    assert report.NOT_RUN in str(report.printed(CHAPTER, "HE1-1")) and report.NOT_RUN in str(report.plan(CHAPTER))


def test_json_holds_no_nan(rows):
    runs = CHAPTER.recorded()
    nan = {arm: type(r)(r.spec, r.seeds, {k: v * np.nan for k, v in r.arrays.items()}) for arm, r in runs.items()}
    (row,) = report.rows(CHAPTER, nan, "HE1-3")
    assert row.verdict.word == "void"
    assert row.as_json()["effect"] is None


def test_the_ledger_has_one_row_a_claim():
    table = report.ledger([CHAPTER])
    assert [line[0] for line in table.rows] == [claim.id for claim in CHAPTER.claims]


def test_a_probe_is_judged_against_the_band_for_a_new_seed():
    runs = CHAPTER.recorded()
    assert all(line[-1] == "inside" for line in report.probes(CHAPTER, runs).rows)
    low, high = claims.prediction_band(claims.training_loss(runs["plain-110"]))
    assert f"{low:.3f} to {high:.3f}" in str(report.probes(CHAPTER, runs))
