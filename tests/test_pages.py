import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest

from whyresnets import __version__, claims, pages
from whyresnets.chapters import CHAPTERS, elimination, identity_bias

ROOT = Path(__file__).parents[1]
CLAIMS = [(chapter, claim) for chapter in CHAPTERS for claim in chapter.claims]


# --- The ledger ---------------------------------------------------------------------------------


def test_every_claim_has_one_entry_with_its_own_label():
    labels = re.findall(r"^\((claim-\S+)\)=$", pages.entries(), re.M)
    assert labels == [pages.anchor(claim) for _, claim in CLAIMS]
    assert len({label.lower() for label in labels}) == len(CLAIMS)  # addresses are in small letters


def test_every_row_at_a_glance_leads_to_its_entry_and_says_what_the_record_says():
    rows = [line for line in pages.glance().splitlines() if line.startswith("| {ref}")]
    assert len(rows) == len(CLAIMS)
    for row, (chapter, claim) in zip(rows, CLAIMS, strict=True):
        verdict = chapter.printed(claim)
        assert f"<{pages.anchor(claim)}>`" in row and f"| **{verdict.word}** |" in row
        assert f"{verdict.effect.interval.mean:z.3f} [" in row and "{cite:t}`" in row


def test_an_entry_holds_every_condition_of_every_role_at_every_scale():
    text = pages.entries().replace("\\|", "|")
    for chapter, claim in CLAIMS:
        begins = f"({pages.anchor(claim)})=\n"
        entry = text[text.index(begins) + len(begins) :].split("\n(", 1)[0]
        for scale, verdict in pages.verdicts(chapter, claim).items():
            assert f"{pages.where(chapter, verdict, scale)}: **{verdict.word}**" in entry
            for outcome in (o for outcomes in (verdict.outcomes, *verdict.tests) for o in outcomes):
                assert f"| {outcome.condition} | {outcome.interval.mean:z.3f} [" in entry
            for role, test in verdict.claim.roles:
                assert f"| {role}: {test.says} |" in entry


def test_a_claim_on_untrained_nets_does_not_say_that_they_were_trained():
    entries = {claim.id: pages.entries().split(f"({pages.anchor(claim)})=", 1)[1] for _, claim in CLAIMS}
    assert "CIFAR-10, untrained: **refuted**" in entries["HE1-3"].split("(claim-", 1)[0]
    assert "CIFAR-10, one epoch: **undecided**" in entries["HE1-1"].split("(claim-", 1)[0]


def test_a_larger_scale_that_was_not_run_is_said():
    entry = pages.entries().split("(claim-HE1-1)=", 1)[1].split("(claim-", 1)[0]
    assert "Planned and not run yet: CIFAR-10, 64,000 steps." in entry


def test_the_csv_has_a_line_for_each_measured_condition():
    rows = list(csv.DictReader(io.StringIO(pages.as_csv())))
    expected = [
        (claim.id, scale, verdict.word, str(outcome.condition.threshold), outcome.status, outcome.interval.mean)
        for chapter, claim in CLAIMS
        for scale, verdict in pages.verdicts(chapter, claim).items()
        for outcomes in (verdict.outcomes, *verdict.tests)
        for outcome in outcomes
    ]
    names = ("claim", "scale", "verdict", "threshold", "interval_is")
    assert [tuple(row[name] for name in names) for row in rows] == [line[:-1] for line in expected]
    means = np.array([line[-1] for line in expected])
    assert np.array([float(row["mean"]) for row in rows]) == pytest.approx(means, rel=1e-5)


def test_the_json_has_the_verdicts_of_the_command_line_and_its_own_dates():
    whole = json.loads(pages.as_json())
    assert whole["version"] == __version__ and len(whole["dropped"]) == pages.dropped().count("\n") + 1
    found = {entry["claim"]: entry for entry in whole["claims"]}
    for chapter, claim in CLAIMS:
        laptop = found[claim.id]["scales"]["laptop"]
        assert laptop["verdict"] == chapter.printed(claim).word and laptop["recorded"]
        assert {row["role"] for row in laptop["measured"]} >= {"claim", "control"}


def test_where_a_claim_turns_is_said():
    chapter = next(chapter for chapter, claim in CLAIMS if claim.id == "DS-4")
    claim = chapter.claim("DS-4")
    assert pages.turns(claim, chapter.printed(claim)) == claim.turns_when.says
    assert pages.turns(chapter.claim("DS-3"), chapter.printed(chapter.claim("DS-3"))) == ""


def test_sources_become_citations():
    assert pages.cited("ours, after he2016deep, section 4.2") == "ours, after {cite:t}`he2016deep`, section 4.2"


# --- Citing -------------------------------------------------------------------------------------

BOOK = {"authors": [{"name": "A and B"}], "date-released": "2031-01-02", "version": "9.8.7", "title": "T"}


def test_a_citation_names_author_year_version_and_place():
    text = pages.citation(BOOK, "https://example.org/", 3, "Chapter title", "some_page.html")
    said = 'A and B (2031). "Chapter title." Chapter 3 of T, version 9.8.7. https://example.org/some_page.html'
    assert f"```text\n{said}\n```" in text
    assert "@incollection{whyresnets-some_page," in text
    for line in ("chapter   = {3}", "year      = {2031}", "note      = {Version 9.8.7}", "booktitle = {T}"):
        assert f"  {line}" in text
    assert "url" not in pages.citation(BOOK, "", 3, "Chapter title", "some_page.html")


def test_chapters_are_numbered_as_in_the_table_of_contents():
    cited, order = pages.citations(ROOT), [name for name in pages.listed(ROOT) if name in {c.name for c in CHAPTERS}]
    assert len(order) == len(CHAPTERS)
    for number, name in enumerate(order, 1):
        assert f"Chapter {number} of" in cited[name]


# --- Teaching -----------------------------------------------------------------------------------


def test_the_cost_of_a_chapter_is_that_of_its_live_plan():
    chapter = CHAPTERS[0]
    recorded, live = chapter.recorded(), chapter.live()
    expected = sum(recorded[arm]["seconds"].mean() * len(seeds) for arm, (_, seeds) in live.items())
    assert pages.live_seconds(chapter) == pytest.approx(expected)
    assert f"| {expected:.0f} | {expected / 120:.1f} |" in pages.needs()


def test_exercises_are_listed_by_grade():
    table = pages.exercises(ROOT)
    assert table.count("{ref}") == len(pages.GRADES) * len(CHAPTERS)
    assert "| chapter | warm-up | run it | design |" in table


# --- Into the pages -----------------------------------------------------------------------------


def test_parts_are_filled_once_and_the_rest_is_left_alone():
    text = f"before\n{pages.BEGIN.format('a')}\nold\n{pages.END}\nafter\n{pages.BEGIN.format('b')}\n{pages.END}\n"
    once = pages.filled(text, {"a": "1\n2", "b": "\\g<0>"})
    assert once == text.replace("old\n", "1\n2\n").replace(" b -->\n", " b -->\n\\g<0>\n")
    assert pages.filled(once, {"a": "1\n2", "b": "\\g<0>"}) == once


def test_a_part_that_there_is_not_is_refused():
    with pytest.raises(KeyError):
        pages.filled(f"{pages.BEGIN.format('nothing')}\n{pages.END}", {"a": ""})


@pytest.mark.parametrize("broken", [pages.BEGIN.format("a"), pages.END, f"{pages.END}\n{pages.BEGIN.format('a')}"])
def test_a_part_without_beginning_or_end_is_refused_and_nothing_is_lost(broken):
    whole = f"{pages.BEGIN.format('a')}\nold\n{pages.END}\n"
    for text in (broken, f"{broken}\nprose\n{whole}", f"{whole}prose\n{broken}"):
        with pytest.raises(ValueError, match="begins and does not end"):
            pages.filled(text, {"a": "new"})


def test_a_claim_that_was_not_recorded_yet_is_said(monkeypatch):
    monkeypatch.setattr(claims.Chapter, "printed", lambda *_: None)
    assert f"{len(CLAIMS)} claims stand in the ledger: {len(CLAIMS)} not run yet." in pages.tally()
    assert "| not run yet |" in pages.glance() and "### HE1-1: not run yet" in pages.entries()
    assert "Planned and not run yet: digits" in pages.entries()
    assert json.loads(pages.as_json())["claims"][0]["not_run_yet"][0] == "laptop"


def test_every_part_stands_in_some_page():
    texts = "\n".join(pages.today(ROOT).values())
    assert all(pages.BEGIN.format(name) in texts for name in pages.parts(ROOT))


# --- The figure of the front page ---------------------------------------------------------------

DEEP, SMALL = pages.NETS.values()


def cosine(net) -> float:
    chapter, arm = net
    return pages.block_cosine(chapter.CHAPTER.laptop[arm])


def seeds_that_train(net) -> int:
    chapter, arm = net
    return int(claims.trained(chapter.CHAPTER.recorded()[arm]).sum())


def test_nets_are_marked_by_what_they_have():
    deep, small = identity_bias.CHAPTER.laptop, elimination.CHAPTER.laptop
    assert pages.has(deep["residual, BN-64"]) == (True, True)
    assert pages.has(deep["plain, BN-64"]) == (False, True)
    assert pages.has(small["orthogonal, kept"]) == (True, False)


def test_no_net_of_the_front_page_is_near_the_line():
    """The colour does not hang on where the line was drawn, or on the seed."""
    for chapter, arm in (*DEEP.values(), *SMALL.values()):
        cosines = [pages.block_cosine(chapter.CHAPTER.laptop[arm], seed) for seed in (0, 1, 1000)]
        assert min(cosines) > 0.965 or max(cosines) < 0.935, (arm, cosines)


def test_the_cosine_of_a_block_that_does_nothing_is_one():
    """With a scalar of 0 every block hands on what it gets; without a skip nothing is alike."""
    spec = identity_bias.CHAPTER.laptop["SkipInit 0, no BN at all-64"]
    assert pages.block_cosine(spec) == pytest.approx(1)
    assert pages.block_cosine(spec.but(rule="plain", alpha=None, norm="batch", head_norm="batch")) < 0.3


def test_what_the_front_page_says_of_the_deep_nets_is_so():
    """The four near the identity train in every seed; of the seven others rotations alone do, the rest in no seed."""
    near = [net for net in DEEP.values() if cosine(net) > pages.NEAR]
    others = {label: seeds_that_train(net) for label, net in DEEP.items() if net not in near}
    assert len(near) == 4 and {seeds_that_train(net) for net in near} == {20}
    assert len(others) == 7 and others.pop("rotations alone (a linear function)") == 20 and set(others.values()) == {0}


def test_what_the_front_page_says_of_the_shallower_nets_is_so():
    near = {label for label, net in SMALL.items() if cosine(net) > pages.NEAR}
    losses = {
        label: claims.training_loss(chapter.CHAPTER.recorded()[arm]).mean() for label, (chapter, arm) in SMALL.items()
    }
    lowest = sorted(losses, key=losses.get)[:2]
    assert len(near) == 3 and set(lowest) < near and any(not pages.has(_spec(SMALL[label]))[0] for label in lowest)
    assert seeds_that_train(SMALL["the same skip for all units"]) == 0
    assert (
        seeds_that_train(SMALL["orthogonal skips"]) == seeds_that_train(SMALL["no skip, tanh in place of ReLU"]) == 20
    )


def _spec(net):
    chapter, arm = net
    return chapter.CHAPTER.laptop[arm]
