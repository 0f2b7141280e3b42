"""The evidence pages hold all that the numbers of a chapter rest on, and chapters lead there."""

import re
from dataclasses import replace
from pathlib import Path

import evidence
import pytest
import versioning
from docutils import nodes
from referring import Book
from sphinx.addnodes import pending_xref
from tables import squeezed

from whyresnets import report
from whyresnets.chapters import CHAPTERS
from whyresnets.store import records

ROOT = Path(__file__).parents[2]
SECTIONS = [
    "Every claim, with all that was measured for it",
    "Withdrawn claims",
    "The arms",
    "The learning rates",
    "Larger scales",
    "Beside published numbers",
    "Where the numbers come from",
    "What changed, and when",
]
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.name)


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """Chapter -> its page."""
    return {path.stem: text for path, text in evidence.today(ROOT).items()}


@each_chapter
def test_a_page_leads_back_and_has_every_section_with_a_sentence(pages, chapter):
    title, back, *_ = pages[chapter.name].split("\n\n")
    assert title == f"# Evidence: {chapter.title}" and f"</{chapter.name}>`" in back
    found = re.findall(r"^## (.+)\n\n([A-Z].+\.)$", pages[chapter.name], re.M)
    assert [heading for heading, _ in found] == SECTIONS


@each_chapter
def test_every_claim_has_a_row_with_its_label_and_everything_measured(pages, chapter):
    text = squeezed(pages[chapter.name]).replace("\\|", "|")
    labels = re.findall(r"^\((evidence-\S+)\)=$", text, re.M)
    assert labels == [report.evidence.anchor(claim) for claim in chapter.claims]
    for claim in chapter.claims:
        entry = text.split(f"({report.evidence.anchor(claim)})=\n", 1)[1].split("\n(evidence-")[0].split("\n## ")[0]
        assert entry.startswith(f"### {claim.id}: {report.word(chapter.printed(claim))}\n\n*{claim.says}*")
        assert f"**Not shown.** {claim.not_shown}" in entry
        for verdict in report.evidence.verdicts(chapter, claim).values():
            judged = report.evidence.judged_on(verdict)
            stated = report.word(verdict).replace(verdict.word, f"**{verdict.word}**", 1)
            assert f"\n\nOn {judged}: {stated}.\n\n" in entry
            for measured in (one for found in (verdict.predicted, *verdict.tests) for one in found):
                assert f"| {measured.condition} | {report.shown(measured)}: {measured.status} |" in entry
            for role, test in verdict.claim.roles:
                assert f"| {role}: {test.says} |" in entry
            assert all(arm in entry for arm, bar in verdict.claim.trains if bar < float("inf"))


@each_chapter
def test_every_arm_at_every_scale_stands_on_the_page(pages, chapter):
    text = squeezed(pages[chapter.name].split("## The arms", 1)[1].split("## Larger scales")[0])
    for scale in report.evidence.scales(chapter):
        for arm, spec in chapter.specs(scale).items():
            assert re.search(rf"\| {re.escape(arm)} \| [^|]+ \| (?:none|{spec.optimiser.rate:g}) \| ", text), arm
        recorded = records.record(chapter.grid_record(scale))
        for arm in chapter.grids(scale) if recorded else ():
            assert re.search(rf"\| {re.escape(arm)} \| [^|]+ \| (?:interior|at its edge|not in it|no arm)", text), arm
    for reason in chapter.dropped:
        assert f"- {reason}" in pages[chapter.name]


def test_a_table_that_is_long_is_folded(pages):
    for text in pages.values():
        outside = re.sub(r"<details>.*?</details>", "", text, flags=re.S)
        blocks = [part for part in outside.split("\n\n") if part.startswith("|")]
        assert max(part.count("\n") for part in blocks) < 25 and text.count("<details>") == text.count("</details>")


# --- What changed -------------------------------------------------------------------------------


def test_every_claim_that_was_ever_printed_stands_on_a_page():
    """Those of today and those that were withdrawn, by each version's words."""
    there = {claim.id for chapter in CHAPTERS for claim in chapter.claims}
    there |= {name for gone in evidence.withdrawn(ROOT).values() for name in gone}
    for version in versioning.kept(ROOT).values():
        assert {name for name in version["words"] if "," not in name} <= there


def test_a_withdrawn_claim_stands_where_it_was_dropped_else_beside_its_likes(monkeypatch):
    first = CHAPTERS[0]
    second = next(c for c in CHAPTERS if any(claim.id.startswith("ZA-") for claim in c.claims))
    telling = replace(second, dropped=("HE1-99 was never clear.",))
    monkeypatch.setattr(evidence, "CHAPTERS", tuple(telling if c is second else c for c in CHAPTERS))
    words = {"HE1-90": "supported", "HE1-99": "refuted", "ZA-77": "void", "XX-1": "refuted"}
    monkeypatch.setattr(versioning, "kept", lambda _: {"1": {"date": "2031-01-01", "words": words}})
    found = evidence.withdrawn(ROOT)
    assert found[first.name] == {"HE1-90": "supported", "XX-1": "refuted"}
    assert found[second.name] == {"HE1-99": "refuted", "ZA-77": "void"}
    page = squeezed(evidence.page(telling, ROOT))
    assert "| HE1-99 | refuted |" in page and "- HE1-99 was never clear." in page and "| ZA-77 | void |" in page


def test_what_the_changelog_says_of_a_claim_stands_on_its_page(pages):
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert "| ZA-2p | supported | undecided |" in squeezed(pages["norm_preservation"])
    assert "| ZA-2p |" not in squeezed(pages["degradation"].split("## What changed")[1])
    named = 0
    for chapter in CHAPTERS:
        for claim in chapter.claims:
            for line in re.findall(rf"^- (.*(?<![\w-]){claim.id}(?![\w-]).*)$", changelog, re.M):
                assert f": {line}" in pages[chapter.name]
                named += 1
    assert named > 3
    for version, about in versioning.kept(ROOT).items():
        assert f"| {version} | {about['date']} | " in squeezed(pages["degradation"])
    assert "| 0.1.0 | 2026-11-20 | not there yet |" in squeezed(pages["elimination"])


@pytest.mark.parametrize(
    ("text", "named"),
    [("HE1-2 fell", True), ("(HE1-2)", True), ("HE1-2b fell", False), ("xHE1-2", False), ("HE1-22", False)],
)
def test_a_claim_is_not_named_by_one_whose_name_goes_on(text, named):
    assert evidence.mentions(text, "HE1-2") == named


# --- Links --------------------------------------------------------------------------------------


def linked(*parts: nodes.Node) -> nodes.paragraph:
    document = nodes.document(None, None)
    paragraph = nodes.paragraph("", "", *parts)
    document += paragraph
    evidence.link_claims(document, "degradation")
    return paragraph


def test_a_claim_in_square_brackets_leads_to_its_row():
    paragraph = linked(nodes.Text("Worse [HE1-1]. None [HE9-9], HE1-1."))
    (link,) = paragraph.findall(pending_xref)
    assert (link["refdomain"], link["reftype"], link["reftarget"]) == ("std", "ref", "evidence-he1-1")
    assert link["refdoc"] == "degradation" and link.astext() == "[HE1-1]"
    assert paragraph.astext() == "Worse [HE1-1]. None [HE9-9], HE1-1."


@pytest.mark.parametrize("kind", [nodes.literal, nodes.reference, nodes.title])
def test_code_links_and_titles_are_left_alone(kind):
    assert not list(linked(kind("", "[HE1-1]")).findall(pending_xref))


def test_outside_of_the_book_it_leads_to_the_page_where_the_address_is_known():
    book = Book.read(ROOT)
    assert book.address == "" and book.with_claims("Worse [HE1-1].") == "Worse [HE1-1]."
    placed = replace(book, address="https://example.org/b/")
    shown = placed.with_claims("Worse [HE1-1], [HE9-9], [HE1-2](x).")
    assert (
        shown == "Worse [[HE1-1]](https://example.org/b/evidence/degradation.html#evidence-he1-1), [HE9-9], [HE1-2](x)."
    )
