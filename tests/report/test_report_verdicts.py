from dataclasses import replace

import pytest
from made import gone

from whyresnets import report
from whyresnets.claims.effects import nats
from whyresnets.claims.quantities import training_loss
from whyresnets.claims.verdicts import Test, judge
from whyresnets.store import records


def test_a_table_of_a_run_has_a_row_a_claim_and_says_whether_it_agrees(book, live):
    rows = report.live_rows(book, live)
    recorded = book.claim("TOY-2")
    table = report.judged(rows, {recorded: book.printed(recorded)})
    first, second = table.rows
    assert first[:3] == ("TOY-1", report.shown(rows[0].verdict.effect), "> 0.5")
    assert first[3:6] == ("supported", "supported", report.shown(rows[0].printed.effect)) and " to " in first[6]
    assert second[:5] == ("TOY-2", "", "> 0.5", "not re-run", "conditional: fails when: a tiny rate")
    assert str(table).endswith(report.agreement(rows)) and report.SMOKE not in str(table)


def test_a_verdict_that_differs_is_marked_with_its_reason_and_what_diverged(book, live):
    table = report.judged([report.row(book, book.claim("TOY-1"), live | {"trained": gone(live["trained"])})])
    assert table.rows[0][3] == "void: trained had to train and did not, 5 diverged *"
    assert "* TOY-1: trained had to train and did not" in table.note


def test_smoke_scale_says_that_its_words_mean_nothing(book, live):
    claim = book.claim("TOY-1")
    assert report.SMOKE in str(report.judged([report.row(book, claim, live, "smoke")]))


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ({}, "supported"),
        ({"trained": "still"}, "refuted: smaller than matters"),
        ({"trained": "still", "untrained": "trained"}, "refuted: opposite"),
        ({"still": "trained"}, "undecided: a control did not fail"),
    ],
    ids=str,
)
def test_a_word_has_its_reason(book, live, arms, said):
    sees = Test("a loss that has not come down", training_loss["still"] > 0.5 * nats)
    claim = replace(book.claim("TOY-1"), trains=(), assay=sees)
    runs = live | {arm: live[other] for arm, other in arms.items()}
    verdict = judge(claim, runs)
    assert report.word(verdict) == said and report.word(None) == report.NOT_RUN
    word, *reason = said.split(": ")
    assert report.boxed({"TOY-1": verdict}).short.rows[0][1] == ": ".join((f"**{word}**", *reason))
    few = judge(claim, {arm: runs.first(3) for arm, runs in live.items()})
    assert report.word(few) == "too few seeds" and report.boxed({"": few}).short.rows[0][1] == "**too few seeds**"


def test_where_more_steps_turn_a_word_is_said_beside_it_and_the_scale_below(book, live):
    verdict = judge(book.claim("TOY-1"), live)
    later = replace(judge(book.claim("TOY-1"), live | {"still": live["trained"]}), steps=1000)
    turned = replace(verdict, later=(later,))
    assert report.word(turned) == "supported; undecided at 1,000 steps"
    box = report.boxed({"TOY-1": turned})
    assert box.short.rows[0][1] == "**supported**; undecided at 1,000 steps" and "Judged on digits." in str(box.short)
    box = report.boxed({"TOY-1": turned, "TOY-2": replace(verdict, scale="random points"), "TOY-3": None})
    assert "Judged on digits (TOY-1); random points (TOY-2)." in str(box.short)


def test_without_a_record_every_table_says_not_run_yet(book, live, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "RECORDS", tmp_path)
    tables = (report.judged(report.live_rows(book, live)), report.plan(book))
    boxes = (report.printed(book, "TOY-1"), report.best_rates(book), report.provenance(book))
    assert all(report.NOT_RUN in str(table) for table in (*tables, *boxes))


def test_a_record_of_other_code_is_marked_everywhere(book, live, monkeypatch):
    monkeypatch.setattr(records, "source_of", lambda _: "other")
    assert report.STALE in str(report.judged(report.live_rows(book, live)))


def test_predictions_name_what_else_is_measured_and_only_where_something_is(toy, book):
    (row,) = report.predictions(toy).rows
    assert row[2:] == ("training loss: untrained - trained > 0.5 nats", "a rate of a millionth")
    first, second = report.predictions(book).rows
    assert first == (*row, "")
    assert second[-1] == "premise: it starts at chance; fails when: a tiny rate; alternative: luck"


def test_printed_tables_call_each_test_by_its_role(book):
    box = report.printed(book, "TOY-1", "TOY-2")
    assert [row[0] for row in box.short.rows] == ["TOY-1", "TOY-2"]
    assert [row[1] for row in box.short.rows] == ["**supported**", "**conditional**: fails when: a tiny rate"]
    roles = ["premise: it starts at chance", "fails when: a tiny rate", "alternative: luck"]
    assert [row[1] for row in box.full.rows] == ["a rate of a millionth"] * 2 + roles
    assert [row[-1].rpartition(": ")[2] for row in box.full.rows] == ["not met"] * 2 + ["met", "not met", "not met"]
    assert box._repr_markdown_().count("<details>") == 1 and str(box) == f"{box.short}\n\n{box.full}"


def test_printed_verdicts_are_those_of_the_scale_that_is_asked_for(book, trained, monkeypatch):
    monkeypatch.setattr(type(book), "recorded", lambda *_: trained)
    box = report.printed(book, "TOY-1", scale="workstation")
    assert box.short.rows[0][2] == "training loss: untrained - trained > 0.2 nats"


def test_the_plan_counts_what_runs_live(book):
    plan = {row[0]: row[1:] for row in report.plan(book).rows}
    assert plan["trained"][:4] == ("10", "30", "0.3", "5") and plan["untrained"][1:3] == ("0", "none")
    assert all(float(row[-1]) >= 0 for row in plan.values())
