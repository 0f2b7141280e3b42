"""The ledger says what the records say."""

import csv
import io
import json
import re

import ledger
import numpy as np
import pytest
from tables import squeezed

from whyresnets import __version__
from whyresnets.chapter import Chapter
from whyresnets.chapters import CHAPTERS

CLAIMS = [(chapter, claim) for chapter in CHAPTERS for claim in chapter.claims]


def test_every_claim_has_one_entry_with_its_own_label():
    labels = re.findall(r"^\((claim-\S+)\)=$", ledger.entries(), re.M)
    assert labels == [ledger.anchor(claim) for _, claim in CLAIMS]
    assert len({label.lower() for label in labels}) == len(CLAIMS)  # addresses are in small letters


def test_every_row_at_a_glance_leads_to_its_entry_and_says_what_the_record_says():
    rows = [squeezed(line) for line in ledger.glance().splitlines() if line.startswith("| {ref}")]
    assert len(rows) == len(CLAIMS)
    for row, (chapter, claim) in zip(rows, CLAIMS, strict=True):
        verdict = chapter.printed(claim)
        assert f"<{ledger.anchor(claim)}>`" in row and f"| **{verdict.word}** |" in row
        assert f"{verdict.effect.interval.mean:z.3f} [" in row and "{cite:t}`" in row


def test_an_entry_holds_every_condition_of_every_role_at_every_scale():
    text = squeezed(ledger.entries()).replace("\\|", "|")
    for chapter, claim in CLAIMS:
        begins = f"({ledger.anchor(claim)})=\n"
        entry = text[text.index(begins) + len(begins) :].split("\n(", 1)[0]
        for scale, verdict in ledger.verdicts(chapter, claim).items():
            assert f"{ledger.where(chapter, verdict, scale)}: **{verdict.word}**" in entry
            for measured in (m for found in (verdict.predicted, *verdict.tests) for m in found):
                assert f"| {measured.condition} | {measured.interval.mean:z.3f} [" in entry
            for role, test in verdict.claim.roles:
                assert f"| {role}: {test.says} |" in entry


def test_a_claim_on_untrained_nets_does_not_say_that_they_were_trained():
    text = ledger.entries()
    entries = {claim.id: text.split(f"({ledger.anchor(claim)})=", 1)[1] for _, claim in CLAIMS}
    for chapter, claim in CLAIMS:
        for scale in ledger.verdicts(chapter, claim).keys() - {"laptop"}:
            trained = any(chapter.specs(scale)[arm].optimiser.steps for arm in chapter.claim(claim.id, scale).arms)
            says = "CIFAR-10, one epoch" if trained else "CIFAR-10, untrained"
            assert f"{says}: **" in entries[claim.id].split("(claim-", 1)[0]
    assert "CIFAR-10, one epoch: **undecided**" in entries["HE1-1"].split("(claim-", 1)[0]


def test_a_larger_scale_that_was_not_run_is_said():
    entry = ledger.entries().split("(claim-HE1-1)=", 1)[1].split("(claim-", 1)[0]
    assert "Planned and not run yet: CIFAR-10, 64,000 steps." in entry


def test_the_csv_has_a_line_for_each_measured_condition():
    rows = list(csv.DictReader(io.StringIO(ledger.as_csv())))
    expected = [
        (claim.id, scale, verdict.word, str(measured.condition.threshold), measured.status, measured.interval.mean)
        for chapter, claim in CLAIMS
        for scale, verdict in ledger.verdicts(chapter, claim).items()
        for found in (verdict.predicted, *verdict.tests)
        for measured in found
    ]
    names = ("claim", "scale", "verdict", "threshold", "interval_is")
    assert [tuple(row[name] for name in names) for row in rows] == [line[:-1] for line in expected]
    means = np.array([line[-1] for line in expected])
    assert np.array([float(row["mean"]) for row in rows]) == pytest.approx(means, rel=1e-5)


def test_the_json_has_the_verdicts_of_the_command_line_and_its_own_dates():
    whole = json.loads(ledger.as_json())
    assert whole["version"] == __version__ and len(whole["dropped"]) == ledger.dropped().count("\n") + 1
    found = {entry["claim"]: entry for entry in whole["claims"]}
    for chapter, claim in CLAIMS:
        laptop = found[claim.id]["scales"]["laptop"]
        assert laptop["verdict"] == chapter.printed(claim).word and laptop["recorded"]
        assert {row["role"] for row in laptop["measured"]} >= {"claim", "control"}


def test_where_a_claim_fails_is_said():
    chapter = next(chapter for chapter, claim in CLAIMS if claim.id == "DS-4")
    claim = chapter.claim("DS-4")
    assert ledger.fails_when(claim, chapter.printed(claim)) == claim.fails_when.says
    assert ledger.fails_when(chapter.claim("DS-3"), chapter.printed(chapter.claim("DS-3"))) == ""


def test_sources_become_citations():
    assert ledger.cited("ours, after he2016deep, section 4.2") == "ours, after {cite:t}`he2016deep`, section 4.2"


def test_a_claim_that_was_not_recorded_yet_is_said(monkeypatch):
    monkeypatch.setattr(Chapter, "printed", lambda *_: None)
    assert f"{len(CLAIMS)} claims stand in the ledger: {len(CLAIMS)} not run yet." in ledger.tally()
    assert "| not run yet |" in squeezed(ledger.glance()) and "### HE1-1: not run yet" in ledger.entries()
    assert "Planned and not run yet: digits" in ledger.entries()
    assert json.loads(ledger.as_json())["claims"][0]["not_run_yet"][0] == "laptop"
