"""The evidence pages: one a chapter, ``book/evidence/NAME.md``, written whole by ``make pages``.

A claim's row bears the label ``evidence-ID``. In a chapter, its identifier in square brackets leads there.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from whyresnets.chapter import Chapter
from whyresnets.chapters import CHAPTERS
from whyresnets.claims.verdicts import Claim
from whyresnets.report import Table, at_scales, beside_published, evidence, plan, word
from whyresnets.report.strips import emphasised

import ledger
import versioning
from referring import CLAIM

FOLDER = "evidence"
MENTION = r"(?<![\w-]){}(?![\w-])"  # of a claim, and not of one whose name goes on


def today(root: Path) -> dict[Path, str]:
    """The path of every evidence page -> what it should hold today."""
    return {root / "book" / FOLDER / f"{chapter.name}.md": page(chapter, root) for chapter in CHAPTERS}


def page(chapter: Chapter, root: Path) -> str:
    """The evidence page of a chapter."""
    parts = [
        f"# Evidence: {chapter.title}",
        f"Back to the chapter: {{doc}}`{chapter.title} </{chapter.name}>`. This page holds everything that its numbers "
        "rest on. All of it is computed from the records that ship with the book; the words are explained in "
        "{doc}`/methods` and {doc}`/glossary`.",
        *_claims(chapter),
        *_withdrawn(chapter, root),
        *_arms(chapter),
        *_rates(chapter),
        *_larger(chapter),
        *_published(chapter),
        *_origins(chapter),
        *_changes(chapter, root),
    ]
    return "\n\n".join(parts) + "\n"


def _markdown(table: Table) -> str:
    return table._repr_markdown_()


def _folded(summary: str, *texts: str) -> str:
    return "\n\n".join([f"<details>\n<summary>{summary}</summary>", *texts, "</details>"])


# --- Claims -------------------------------------------------------------------------------------


def _claims(chapter: Chapter) -> Iterator[str]:
    yield "## Every claim, with all that was measured for it"
    yield (
        "Each claim, its source, and a table for each scale at which it was run: what it predicts, what was measured, "
        "and the same for each control and for all else that its verdict hangs on."
    )
    for claim in chapter.claims:
        yield from _claim(chapter, claim)


def _claim(chapter: Chapter, claim: Claim) -> Iterator[str]:
    printed = evidence.verdicts(chapter, claim)
    yield f"({evidence.anchor(claim)})=\n### {claim.id}: {word(chapter.printed(claim))}"
    yield f"*{claim.says}*"
    live = "live, in your own run" if claim.live else "from the record"
    largest = [evidence.judged_on(printed[scale]) for scale in list(printed)[-1:]]
    scale = f" Largest scale: {largest[0]}." if largest else ""
    in_ledger = f"{{ref}}`its entry in the ledger <{ledger.anchor(claim)}>`"
    yield f"Source: {ledger.cited(claim.source)}. Judged {live}.{scale} See also {in_ledger}."
    for verdict in printed.values():
        yield f"On {evidence.judged_on(verdict)}: {emphasised(word(verdict))}."
        yield _markdown(evidence.measured(verdict))
    if claim.fails_when and "laptop" in printed:
        yield f"**Where it fails.** {ledger.fails_when(claim, printed['laptop'])}."
    if claim.not_shown:
        yield f"**Not shown.** {claim.not_shown}"


def _withdrawn(chapter: Chapter, root: Path) -> Iterator[str]:
    yield "## Withdrawn claims"
    gone = withdrawn(root)[chapter.name]
    if not gone and not chapter.dropped:
        yield "No claim of this chapter was withdrawn after it was tried."
        return
    yield "What was tried and does not stand in the ledger any more, with the last word that was printed."
    if gone:
        yield _markdown(Table(("claim", "last word"), list(gone.items())))
    if chapter.dropped:
        yield "\n".join(f"- {reason}" for reason in chapter.dropped)


def withdrawn(root: Path) -> dict[str, dict[str, str]]:
    """Chapter -> its withdrawn claims, each with its last word.

    A claim belongs to the chapters that say why they dropped it; else to the first with claims after the same source,
    or to the first of the book.
    """
    versions = versioning.kept(root).values()
    found: dict[str, dict[str, str]] = {chapter.name: {} for chapter in CHAPTERS}
    for name, last in evidence.withdrawn(CHAPTERS, [version["words"] for version in versions]).items():
        for chapter in _homes(name):
            found[chapter.name][name] = last
    return found


def _homes(name: str) -> list[Chapter]:
    tell = [chapter for chapter in CHAPTERS if any(mentions(reason, name) for reason in chapter.dropped)]
    key = name.split("-")[0]
    akin = [chapter for chapter in CHAPTERS if any(claim.id.split("-")[0] == key for claim in chapter.claims)]
    return tell or akin[:1] or [CHAPTERS[0]]


def mentions(text: str, name: str) -> bool:
    """Whether a text names the claim called ``name``, and not only one whose name goes on."""
    return bool(re.search(MENTION.format(re.escape(name)), text))


# --- Nets ---------------------------------------------------------------------------------------


def _arms(chapter: Chapter) -> Iterator[str]:
    yield "## The arms"
    yield (
        "Every net that was trained. First what most of them share; then, arm by arm, the learning rate, the steps, "
        "the recorded seeds, the seeds of your own run, and in what the arm differs from the first table."
    )
    for scale in evidence.scales(chapter):
        found = evidence.arms(chapter, scale)
        usual = _folded(f"Usual values at {scale} scale", _markdown(evidence.protocol(chapter, scale)))
        yield from (usual, _folded(f"{len(found.rows)} arms at {scale} scale", _markdown(found)))
    yield "What a live run trains, and what it cost when it was recorded:"
    yield _folded("The live plan", _markdown(plan(chapter)))


def _rates(chapter: Chapter) -> Iterator[str]:
    yield "## The learning rates"
    grids = [scale for scale in evidence.scales(chapter) if chapter.grids(scale)]
    if not grids:
        yield "No rate of this chapter was chosen from a grid."
        return
    yield (
        "The grid from which the rate of each arm was chosen, on seeds that no verdict uses: the mean loss at each "
        "rate, the rate that the arm has, and whether it lies inside the grid."
    )
    for scale in grids:
        found = evidence.rates(chapter, scale)
        yield _folded(f"{len(found.rows)} arms at {scale} scale", _markdown(found))


def _larger(chapter: Chapter) -> Iterator[str]:
    yield "## Larger scales"
    if not chapter.larger:
        yield "No claim of this chapter is planned at a larger scale."
        return
    yield "The first condition of each claim that is planned at a larger scale, at every scale ({doc}`/larger`)."
    yield _markdown(at_scales(chapter))


def _published(chapter: Chapter) -> Iterator[str]:
    yield "## Beside published numbers"
    if not chapter.published:
        yield "No published number stands beside ours."
        return
    yield "The test errors that the papers print, ours beside them, and below in what the protocols differ."
    published = beside_published(chapter)
    note = ledger.cited(published.note)
    rows = [[ledger.cited(cell) for cell in row] for row in published.rows]
    yield _markdown(Table(published.head, rows, note))


# --- Origins ------------------------------------------------------------------------------------


def _origins(chapter: Chapter) -> Iterator[str]:
    yield "## Where the numbers come from"
    yield "The records behind this page: runs, dates, processors, versions, and whether today's code made them."
    for table in evidence.origins(chapter):
        yield _markdown(table)


def _changes(chapter: Chapter, root: Path) -> Iterator[str]:
    yield "## What changed, and when"
    yield "The words of this chapter's claims in each version of the book, and what the changelog says of them."
    yield _markdown(Table(("version", "date", "words of this chapter"), list(_by_version(chapter, root))))
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    names = {claim.id for claim in chapter.claims} | set(withdrawn(root)[chapter.name])
    if changed := list(_words_that_changed(changelog, names)):
        yield _markdown(Table(("claim", "old word", "new word", "why", "version"), changed))
    if told := list(_told(changelog, names)):
        yield "\n".join(f"- {version}: {line}" for version, line in told)


def _by_version(chapter: Chapter, root: Path) -> Iterator[tuple[str, str, str]]:
    names = {claim.id for claim in chapter.claims} | set(withdrawn(root)[chapter.name])
    for version, about in versioning.with_today(versioning.kept(root)).items():
        words = [word for name, word in about["words"].items() if name in names]
        counted = ", ".join(f"{words.count(word)} {word}" for word in dict.fromkeys(sorted(words)))
        yield version, about["date"], counted or "not there yet"


def _words_that_changed(changelog: str, names: Iterable[str]) -> Iterator[tuple[str, ...]]:
    section = changelog.split("## Verdicts that changed", 1)[1].split("\n## ", 1)[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if line.startswith("|") and cells[0].split(",")[0] in names:
            yield tuple(cells)


def _told(changelog: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The lines of the changelog that name a claim of the chapter, with their version."""
    version = ""
    for line in changelog.splitlines():
        if line.startswith("## "):
            version = line[3:].split(" - ")[0]
        elif line.startswith("- ") and any(mentions(line, name) for name in names):
            yield version, line[2:]


# --- Links --------------------------------------------------------------------------------------


def known() -> dict[str, str]:
    """Claim -> the label of its row."""
    return {claim.id: evidence.anchor(claim) for chapter in CHAPTERS for claim in chapter.claims}


def link_claims(doctree: nodes.document, docname: str) -> None:
    """Let each claim that a page names in square brackets, in its text or in an output, lead to its row."""
    labels = known()
    for text in list(doctree.findall(nodes.Text)):
        if isinstance(text.parent, nodes.literal | nodes.literal_block | nodes.reference | pending_xref | nodes.title):
            continue
        pieces = CLAIM.split(text.astext())
        if any(name in labels for name in pieces[1::2]):
            text.parent.replace(text, _linked(pieces, labels, docname))


def _linked(pieces: list[str], labels: Mapping[str, str], docname: str) -> list[nodes.Node]:
    """Text and names of claims in turns, each name that has a label as a reference to it."""
    made: list[nodes.Node] = []
    for i, piece in enumerate(pieces):
        if i % 2 == 0:
            made.append(nodes.Text(piece))
            continue
        made.append(nodes.inline("", f"[{piece}]"))
        if piece in labels:
            about = {"reftype": "ref", "reftarget": labels[piece].lower(), "refexplicit": True, "refwarn": True}
            made[-1] = pending_xref("", made[-1], refdomain="std", refdoc=docname, **about)
    return made
