import dataclasses
import functools

import numpy as np
import pytest

from whyresnets import claims, report, store
from whyresnets.chapters import degradation, elimination, identity_bias, norm_preservation, singularities
from whyresnets.chapters.degradation import CHAPTER
from whyresnets.report import Table
from whyresnets.training import Runs


def test_a_table_is_aligned_text_and_markdown():
    table = Table(("a", "bcd"), [("12", "|x|")], "note")
    assert str(table) == "a   bcd\n--  ---\n12  |x|\nnote"
    assert table._repr_markdown_() == "| a | bcd |\n| --- | --- |\n| 12 | \\|x\\| |\n\nnote"


def five(**changed):
    """The first five recorded seeds, some arms taken from others."""
    recorded = {arm: runs.first(5) for arm, runs in CHAPTER.recorded().items()}
    return recorded | {arm.replace("_", "-"): recorded[other] for arm, other in changed.items()}


def test_the_first_seeds_of_the_record_agree_with_it():
    rows = report.live_rows(CHAPTER, five())
    assert [row.verdict.claim.id for row in rows] == [claim.id for claim in CHAPTER.claims if claim.live]
    for row in rows:
        assert not row.differs and row.verdict.n == 5 and row.printed.n == 20
        assert row.band[0] < row.verdict.effect.interval.mean < row.band[1]
        assert row.verdict.claim.id in str(report.judged(rows))


def test_claims_that_a_run_did_not_judge_are_listed_as_such():
    claim = CHAPTER.claim("HE1-6b")
    table = report.judged(report.live_rows(CHAPTER, five()), {claim: CHAPTER.printed(claim)})
    assert table.rows[-1][0] == "HE1-6b" and table.rows[-1][3] == "not re-run" and table.rows[-1][4] == "supported"


def test_a_verdict_that_differs_is_marked_and_explained_with_both_intervals():
    row = report.row(CHAPTER, CHAPTER.claim("HE1-2"), five(residual_56="plain-56"))
    text = str(report.judged([row]))
    assert row.differs and "refuted *" in text
    for verdict in (row.verdict, row.printed):
        assert report.shown(verdict.effect) in text
    assert "training loss of residual-56 < 0.5 nats: yours" in text


def test_a_control_that_did_not_fail_is_named():
    row = report.row(CHAPTER, CHAPTER.claim("HE1-2"), five(half_56="residual-56", half_20="residual-20"))
    assert row.verdict.word == "undecided"
    assert any("training loss of half-56" in line for line in row.differences)


def test_a_dead_arm_is_named():
    runs = five()
    gone = {name: a * np.nan for name, a in runs["plain-20"].arrays.items()}
    runs["plain-20"] = Runs(runs["plain-20"].spec, runs["plain-20"].seeds, gone)
    row = report.row(CHAPTER, CHAPTER.claim("HE1-1"), runs)
    assert row.verdict.word == "void" and "plain-20 had to train and did not" in str(report.judged([row]))
    assert "5 diverged" in str(report.judged([row]))


def test_without_a_record_a_claim_says_not_run_yet(tmp_path, monkeypatch):
    runs = five()
    monkeypatch.setattr(store, "RECORDS", tmp_path)
    row = report.row(CHAPTER, CHAPTER.claim("HE1-1"), runs)
    assert row.printed is None and not row.differs and row.as_json()["printed_verdict"] is None
    assert report.NOT_RUN in str(report.judged([row])) and report.NOT_RUN in str(report.ledger([CHAPTER]))
    assert report.NOT_RUN in str(report.printed(CHAPTER, "HE1-1")) and report.NOT_RUN in str(report.plan(CHAPTER))


def test_a_record_of_other_code_is_marked_everywhere(monkeypatch):
    monkeypatch.setattr(store, "source_hash", lambda *_: "other")
    for table in (report.ledger([CHAPTER]), report.judged(report.live_rows(CHAPTER, five()))):
        assert report.STALE in str(table)


def test_json_holds_no_nan():
    runs = CHAPTER.recorded()
    nan = {arm: Runs(r.spec, r.seeds, {k: v * np.nan for k, v in r.arrays.items()}) for arm, r in runs.items()}
    row = report.row(CHAPTER, CHAPTER.claim("HE1-3"), nan)
    assert row.verdict.word == "void"
    assert row.as_json()["effect"] is None


def test_both_modes_counts_the_seeds_that_train():
    table = report.both_modes(CHAPTER.recorded(), ["plain-20", "plain-110"])
    assert table.rows[0][1].startswith("20 of 20") and table.rows[1][1].startswith("0 of 20")


def test_the_ledger_has_one_row_a_claim():
    table = report.ledger([CHAPTER])
    assert [line[0] for line in table.rows] == [claim.id for claim in CHAPTER.claims]


def test_a_probe_is_judged_against_the_band_for_a_new_seed():
    runs = {arm: r.first(1) for arm, r in CHAPTER.recorded().items()}
    assert {line[-1] for line in report.probes(CHAPTER, runs).rows} == {"inside"}
    others = claims.unseen(CHAPTER.recorded()["plain-110"], runs["plain-110"])
    assert others.seeds == tuple(range(1, 20))
    high = claims.loss_band(claims.training_loss(others))[1]
    assert f"to {high:.3g}" in str(report.probes(CHAPTER, runs))
    far = Runs(others.spec, (0,), {"train_loss": np.array([9.0]), "curve": np.array([[9.0]])})
    assert "outside" in str(report.probes(CHAPTER, runs | {"plain-110": far}))
    gone = Runs(others.spec, (0,), {"train_loss": np.array([np.nan]), "curve": np.array([[np.nan]])})
    assert "diverged" in str(report.probes(CHAPTER, runs | {"plain-110": gone}))


def test_predictions_name_what_else_is_measured_and_only_where_something_is():
    assert len(report.predictions(CHAPTER).head) == 4
    table = report.predictions(norm_preservation.CHAPTER)
    also = {row[0]: row[-1] for row in table.rows}
    assert also["ZA-1"].startswith("turns when: BN left out") and "rival: no skip" in also["ZA-1"]
    assert also["ZA-5"].startswith("given: norms are kept") and also["ZA-2"] == ""


def test_printed_tables_call_each_test_by_its_role():
    full = report.printed(norm_preservation.CHAPTER, "ZA-1").full
    names = [name for _, name, *_ in full.rows]
    assert names[0] == "the skip removed" and names[2].startswith("turns when: ") and names[4].startswith("rival: ")


def test_larger_scales_say_not_run_yet_until_they_are_recorded():
    chapter = dataclasses.replace(norm_preservation.CHAPTER, name="unrecorded")
    table = report.at_scales(chapter)
    assert table.head[2:] == ("laptop", "workstation", "paper")
    assert {cell for row in table.rows for cell in row[2:]} == {report.NOT_RUN}
    recorded = {row[0]: row for row in report.at_scales(norm_preservation.CHAPTER).rows}
    printed = norm_preservation.CHAPTER.printed(norm_preservation.CHAPTER.claim("ZA-2"))
    assert recorded["ZA-2"][2] == f"{report.shown(printed.effect)}, supported (20 seeds)"
    assert recorded["ZA-2"][4] == report.NOT_RUN
    assert "ZA-4" not in recorded and table.note == "Not planned at larger scales: ZA-4, ZA-5."


def test_published_errors_stand_beside_ours_with_what_differs(monkeypatch):
    spec = CHAPTER.larger["workstation"]["residual-20"]
    arrays = {"train_loss": np.full(3, 1.5), "curve": np.zeros((3, 1)), "test_error": np.array([0.4, 0.5, 0.6])}
    found = {"workstation": {"residual-20": Runs(spec, (0, 1, 2), arrays)}, "paper": {}}
    monkeypatch.setattr(claims.Chapter, "recorded", lambda _, scale: found[scale])
    table = report.beside_published(CHAPTER)
    first = table.rows[0]
    assert first[0] == "ResNet-20" and first[1].startswith("8.75 (he2016deep, Table 6")
    assert first[2] == "50.0 (40.0 to 60.0, 3 seeds); training loss 1.50"
    assert {cell for row in table.rows for cell in row[2:]} - {first[2]} == {report.NOT_RUN}
    for said in ("workstation", "widths 8/16/32 (theirs: 16/32/64)", "steps 400 (theirs: 64,000)", "(ResNet-20)"):
        assert said in table.note
    assert "paper" not in table.note, "what was not run differs in nothing"


def test_thresholds_that_are_others_at_a_larger_scale_are_said():
    usual, there = CHAPTER.claim("HE1-2"), CHAPTER.claim("HE1-2", "workstation")
    said = report._other_thresholds(usual, there)
    assert f"minus that of residual > {there.conditions[0].threshold:g} nats" in said
    assert f"training loss of residual-56 < {there.conditions[1].threshold:g} nats" in said
    assert f"must train end below {there.trains[0][1]:g} nats" in said
    assert report._other_thresholds(usual, usual) == ""


def test_a_diverged_seed_scores_chance_beside_a_published_error():
    spec = CHAPTER.larger["workstation"]["residual-20"]
    arrays = {"train_loss": np.array([1.5, np.nan]), "curve": np.zeros((2, 1)), "test_error": np.array([0.5, np.nan])}
    assert report._errors(Runs(spec, (0, 1), arrays)) == "70.0 (50.0 to 90.0, 2 seeds); training loss 1.90"


def test_losses_stand_seed_by_seed_and_verdicts_at_the_scale_that_is_asked_for():
    runs = {"plain-20": CHAPTER.recorded()["plain-20"].first(3)}
    (row,) = report.seed_by_seed(runs, ["plain-20"]).rows
    assert row[0] == "plain-20" and row[2].split() == [f"{loss:.2f}" for loss in runs["plain-20"]["train_loss"]]
    there = CHAPTER.claim("HE1-2", "workstation").conditions[1].threshold
    assert f"training loss of residual-56 < {there:g} nats" in str(
        report.printed(CHAPTER, "HE1-2", scale="workstation")
    )


# --- Whether a run agrees -----------------------------------------------------------------------


def test_a_run_that_agrees_says_so_and_nothing_more():
    rows = report.live_rows(CHAPTER, five())
    said = report.agreement(rows)
    count = f"{len(rows)} of {len(rows)}"
    assert said == f"Your run agrees with the book: {count} verdicts are the printed ones, {count} effects lie in " + (
        "their 99% bands."
    )
    assert str(report.judged(rows)).endswith(said)


def test_a_run_that_differs_says_in_what_and_where_to_look():
    row = report.row(CHAPTER, CHAPTER.claim("HE1-2"), five(residual_56="plain-56"))
    said = report.agreement([dataclasses.replace(row, other=("torch 1 (record: 2)",))])
    assert said.startswith("Your run differs from the book: 0 of 1 verdicts are the printed ones, 0 of 1 effects")
    assert f"HE1-2 is {row.verdict.word} here and supported there." in said and "Outside its band: HE1-2." in said
    assert ("residual-56, which had to train and did not" in said) == bool(row.verdict.dead)
    assert "what is not as in the record: torch 1 (record: 2)" in said
    assert "`whyresnets judge HE1-2 --seeds 20 --first-seed 2000`" in said
    assert "--scale workstation" in report.agreement([dataclasses.replace(row, scale="workstation")])


def test_one_effect_of_many_outside_its_band_is_named_and_no_alarm():
    rows = report.live_rows(CHAPTER, five())
    said = report.agreement([dataclasses.replace(rows[0], band=(5.0, 6.0)), *rows[1:]])
    assert said.startswith("Your run agrees") and "4 of 5 effects" in said and "Outside its band: HE1-1." in said
    assert "by chance" in said and "Look at" not in said


def test_many_effects_outside_their_bands_are_no_agreement():
    rows = [dataclasses.replace(row, band=(5.0, 6.0)) for row in report.live_rows(CHAPTER, five())]
    said = report.agreement(rows)
    assert said.startswith("Your verdicts agree with the book, your numbers do not:") and "Look at" in said
    assert "by chance" not in said


def test_a_run_that_can_be_compared_with_nothing_says_nothing():
    row = report.row(CHAPTER, CHAPTER.claim("HE1-1"), five())
    assert report.agreement([]) == ""
    assert report.agreement([dataclasses.replace(row, scale="smoke")]) == ""
    assert report.agreement([dataclasses.replace(row, printed=None, band=None)]) == ""


def test_another_version_or_processor_than_the_records_is_named(monkeypatch):
    recorded = next(iter(store.record("degradation-laptop").about.values()))
    monkeypatch.setattr(store, "versions", lambda: recorded["versions"])
    monkeypatch.setattr(store, "hardware", lambda *_: recorded["hardware"])
    assert report.unlike_the_record(CHAPTER) == ()
    monkeypatch.setattr(store, "versions", lambda: recorded["versions"] | {"torch": "0.1"})
    assert report.unlike_the_record(CHAPTER) == (f"torch 0.1 (record: {recorded['versions']['torch']})",)


def test_the_status_counts_runs_and_names_what_was_not_run():
    table = report.records([CHAPTER])
    assert [row[0] for row in table.rows] == ["degradation-laptop", "degradation-workstation"]
    about = store.record("degradation-laptop").about.values()
    assert (
        table.rows[0][1] == f"{sum(len(entry['seeds']) for entry in about):,}"
        and table.note == "Planned and not run yet: degradation-paper."
    )


def test_the_status_compares_the_cost_of_this_run_with_the_records():
    runs = {arm: CHAPTER.recorded()[arm].first(len(seeds)) for arm, (_, seeds) in CHAPTER.live().items()}
    table = report.live_runs([(CHAPTER, runs)])
    (row,) = table.rows
    assert row[2] == f"{sum(r['seconds'].sum() for r in runs.values()):.0f}"
    assert row[4] == row[5] == "5 of 5" and "Your run agrees with the book" in table.note


# --- Self-checks --------------------------------------------------------------------------------


def test_a_choice_is_right_wrong_or_none_of_the_words():
    check = functools.partial(report.check_choice, right="pixels", others={"channels": "they can be relabelled."})
    assert check(None) == "Not answered yet."
    assert check(" Pixels ").startswith("Right")
    assert check("channels") == "Not yet: they can be relabelled."
    assert check("edges") == check(3) == "Not yet: answer with one of channels, pixels."


def test_a_control_that_changes_one_thing_is_told_from_others():
    spec = CHAPTER.laptop["residual-56"]
    assert report.check_change(spec.but(rule="plain"), spec) == "Right: it changes rule, no more."
    assert report.check_change(spec.but(rule="plain", rate=0.3), spec).endswith("rule and its learning rate, no more.")
    assert report.check_change(spec.but(watch=(3,)), spec).startswith("Not yet: it is the same net.")
    assert report.check_change(None, spec) == "Not answered yet."
    assert report.check_change("plain", spec).startswith("Not yet: hand over a Spec")
    assert report.check_change(spec.but(rate=0.3), spec).startswith("Not yet: it is the same net.")
    assert "rule and depth" in report.check_change(spec.but(rule="plain", depth=20), spec)


@pytest.mark.parametrize(
    ("chapter", "right", "wrong"),
    [
        (degradation, "pixels", "channels"),
        (norm_preservation, "gentle rotations", "fewer folds"),
        (identity_bias, "small branches", "whole shortcuts"),
        (singularities, "different", "equal"),
        (elimination, "plain", "small branches"),
    ],
)
def test_the_design_of_each_chapter_has_a_self_check(chapter, right, wrong):
    assert chapter.check_design(None) == "Not answered yet."
    assert chapter.check_design(right).startswith("Right")
    assert chapter.check_design(wrong).startswith("Not yet") and chapter.check_design("no").startswith("Not yet")


def test_where_seeds_do_not_vary_the_band_is_what_was_recorded():
    """An exact count is equal or is not; a difference at rounding is as small as some recorded one."""
    for chapter, id in ((singularities.CHAPTER, "OP-1"), (elimination.CHAPTER, "OP-5x")):
        runs = {arm: runs.first(5) for arm, runs in chapter.recorded().items()}
        row = report.row(chapter, chapter.claim(id), runs)
        assert row.in_band and report.agreement([row]).startswith("Your run agrees")
    assert report.row(singularities.CHAPTER, singularities.CHAPTER.claim("OP-1"), runs=_first(5)).band == (4.0, 4.0)


def _first(n):
    return {arm: runs.first(n) for arm, runs in singularities.CHAPTER.recorded().items()}


def test_runs_of_too_few_seeds_count_for_nothing_in_the_status():
    runs = {arm: CHAPTER.recorded()[arm].first(3) for arm in CHAPTER.live()}
    (row,) = report.live_runs([(CHAPTER, runs)]).rows
    assert row[4] == "0 of 0"
