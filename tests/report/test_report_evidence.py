from dataclasses import replace

import pytest
from made import at_every_scale, changed

from whyresnets import report
from whyresnets.chapters import CHAPTERS
from whyresnets.claims.verdicts import judge
from whyresnets.report import evidence
from whyresnets.store import records
from whyresnets.training.runs import Runs


def test_every_role_of_a_claim_has_its_rows_with_what_was_measured(book, live):
    verdict = judge(book.claim("TOY-2"), live)
    table = evidence.measured(verdict)
    tests = {
        f"{role}: {test.says}": found for (role, test), found in zip(verdict.claim.roles, verdict.tests, strict=True)
    }
    parts = {"claim": verdict.predicted} | tests
    assert {name.split(":")[0] for name in parts} == {"claim", "control", "premise", "fails when", "alternative"}
    expected = [(name, str(one.condition), f"{report.shown(one)}: {one.status}") for name, (one,) in parts.items()]
    assert table.rows == expected and table.note == "Must train: trained below 0.5 nats."


def test_a_second_condition_stands_below_the_first_without_its_name(book, live):
    claim = book.claim("TOY-1")
    (condition,) = claim.conditions
    twice = judge(replace(claim, conditions=(condition, condition)), live)
    assert [row[0] for row in evidence.measured(twice).rows][:2] == ["claim", ""]


def test_arms_that_died_or_diverged_are_named(book, live):
    dead = live | {"trained": changed(live["trained"], "train_loss", float("nan"), 0)}
    note = evidence.measured(judge(book.claim("TOY-1"), dead)).note
    assert "Had to train and did not: trained." in note and note.endswith("Runs that diverged: 1.")


def test_scales_come_with_data_and_seeds(book, trained, monkeypatch):
    claim = book.claim("TOY-1")
    (verdict,) = evidence.verdicts(book, claim).values()
    assert evidence.judged_on(verdict) == "digits, 20 seeds"
    monkeypatch.setattr(type(book), "recorded", at_every_scale(trained))
    found = evidence.verdicts(book, claim)
    assert list(found) == ["laptop", "workstation", "paper"]
    assert evidence.judged_on(found["paper"]) == "CIFAR-10 at width 64, 20 seeds"


# --- Arms ---------------------------------------------------------------------------------------


def test_an_arm_differs_from_what_is_usual_in_what_its_spec_says(book):
    odd = replace(book.laptop[1], name="odd", spec=book.laptop[1].spec.but(depth=12, watch=(0, 1, 2, 3, 4)))
    chapter = replace(book, laptop=(*book.laptop, odd))
    rows = {row[0]: row[1:] for row in evidence.arms(chapter).rows}
    assert rows["trained"] == ("residual", "0.3", "30", "20", "5", "")
    assert rows["untrained"][1:3] == ("none", "0")
    assert rows["odd"] == ("residual", "0.3", "30", "not run yet", "none", "depth 12, watch 0 to 4 (5 values)")
    usual = dict(evidence.protocol(chapter).rows)
    assert usual["`depth`"] == "10" and usual["`augment`"] == "no" and usual["`watch`"] == "none"
    assert not {"`rate`", "`steps`"} & set(usual)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.name)
def test_what_is_usual_and_what_differs_give_back_every_spec(chapter):
    """Nothing of a Spec is lost between the two tables; of readings long lists are cut short."""
    for scale in evidence.scales(chapter):
        usual, rows = evidence.usual(chapter, scale), evidence.arms(chapter, scale).rows
        for row, spec in zip(rows, chapter.specs(scale).values(), strict=True):
            for name, value in spec.flat().items():
                if name not in evidence.OWN_COLUMN and usual.get(name, ()) != value:
                    assert f"{name} {evidence._plain(value)}" in row[-1].split(", ")


# --- Rates --------------------------------------------------------------------------------------


def recorded_grid(toy, trained) -> None:
    """A grid in which a rate of 0.3 ends lowest."""
    losses = zip(toy.grid["trained"], (1.5, 0.75, 0.25, 0.5), strict=True)
    base = trained["trained"].first(3)
    runs = [Runs(spec, (10000, 10001, 10002), changed(base, "train_loss", loss).arrays) for spec, loss in losses]
    records.write_record("toy-grid", runs)


@pytest.mark.parametrize(
    ("rate", "place"), [(0.3, "interior"), (0.03, "at its edge"), (1.0, "at its edge"), (0.2, "not in it")]
)
def test_the_rate_of_an_arm_stands_beside_its_grid_and_where_it_lies(toy, trained, tmp_path, monkeypatch, rate, place):
    monkeypatch.setattr(records, "RECORDS", tmp_path)
    recorded_grid(toy, trained)
    arms = tuple(replace(arm, spec=arm.spec.but(rate=rate)) if arm.name == "trained" else arm for arm in toy.laptop)
    table = evidence.rates(replace(toy, laptop=arms))
    assert table.head == ("arm", "rate of the arm", "in the grid", "0.03", "0.1", "0.3", "1")
    assert table.rows == [("trained", f"{rate:g}", place, "1.50", "0.75", "**0.25**", "0.50")]


def test_a_grid_of_no_arm_says_so_and_one_without_a_record_is_not_run_yet(toy, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "RECORDS", tmp_path)
    assert evidence.rates(toy).rows == [(report.NOT_RUN,)]
    recorded_grid(toy, trained)
    (row,) = evidence.rates(replace(toy, grid={"former": toy.grid["trained"]})).rows
    assert row[:3] == ("former", "none", "no arm of that name")


# --- Records ------------------------------------------------------------------------------------


def test_the_origin_of_every_scale_and_of_its_grid_is_told(book):
    tables = evidence.origins(book)
    scales = [f"record at {scale} scale" for scale in ("laptop", "workstation", "paper")]
    assert [table.head[0] for table in tables] == [*scales, "learning rates at laptop scale"]
    assert dict(tables[0].rows)["training runs"] == "60" and tables[-1].rows == [("", report.NOT_RUN)]


def test_a_claim_that_is_gone_keeps_its_last_word(book):
    words = [{"TOY-1": "supported", "TOY-9": "supported", "TOY-9, paper": "void"}, {"TOY-9": "refuted"}, {}]
    assert evidence.withdrawn([book], words) == {"TOY-9": "refuted"}
