"""The verdict strip of a chapter: a line for each claim, with the reader's own run beside the printed verdict."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from whyresnets.chapter import Chapter
from whyresnets.claims.verdicts import Claim
from whyresnets.report.evidence import judged_on, verdicts
from whyresnets.report.rows import Row, agreement, row, shown
from whyresnets.report.verdicts import NOT_RUN, word
from whyresnets.training.runs import Runs


@dataclass(frozen=True)
class Line:
    """One claim in a strip.

    Attributes
    ----------
    claim : what is judged
    printed : the word with its reason, the number with its interval, and the scale, from the record
    elsewhere : the same at each larger scale that was run
    yours : the same from the reader's own run; why there is none where the claim is not judged live
    """

    claim: Claim
    printed: tuple[str, ...]
    elsewhere: tuple[tuple[str, ...], ...]
    yours: tuple[str, ...]

    def __str__(self) -> str:
        return self.said("{}", "{}")

    def said(self, bold: str, italic: str) -> str:
        """The line as text; ``bold`` and ``italic`` are how a word and the claim are set off: "**{}**", say."""
        found = "; ".join(_said(told, bold) for told in (self.printed, *self.elsewhere))
        says = italic.format(self.claim.says)
        return f"{says} Verdict: {found}. Your run: {_said(self.yours, bold)}. [{self.claim.id}]"


@dataclass(frozen=True)
class Strip:
    """The verdicts of a chapter: its ``lines``, one a claim; the ``rows`` that were judged from the reader's run; and
    in ``note`` whether they agree with the printed ones.
    """

    lines: tuple[Line, ...]
    rows: tuple[Row, ...]
    note: str

    def __str__(self) -> str:
        return "\n".join([*(f"- {line}" for line in self.lines), *([self.note] if self.note else [])])

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        lines = "\n".join(f"- {line.said('**{}**', '*{}*')}" for line in self.lines)
        return f"{lines}\n\n{self.note}" if self.note else lines


def strip(chapter: Chapter, runs: Mapping[str, Runs] | None = None) -> Strip:
    """The verdict strip of a chapter: each claim, its printed verdict, and the one from a reader's own ``runs``.

    Claims that stand aside are left out.

    A line ends with the identifier in square brackets; in the book that is a link to the claim's row of the evidence
    page. Print it, or let a notebook show it. ``strip(...).rows`` has the judged claims, for an assertion.

    >>> from whyresnets.chapters import CHAPTERS
    >>> line, *_ = strip(CHAPTERS[0]).lines
    >>> print(line)
    Plain nets train worse ... Verdict: supported, 1.300 [1.059, ... [HE1-1]
    """
    rows = {claim.id: row(chapter, claim, runs) for claim in chapter.told if claim.live} if runs is not None else {}
    lines = tuple(_line(chapter, claim, rows.get(claim.id), runs is not None) for claim in chapter.told)
    judged = tuple(rows.values())
    return Strip(lines, judged, agreement(judged))


def _line(chapter: Chapter, claim: Claim, judged: Row | None, ran: bool) -> Line:
    found = verdicts(chapter, claim)
    told = {scale: (word(v), shown(v.effect), judged_on(v)) for scale, v in found.items()}
    yours: tuple[str, ...] = ("judged from the record",) if ran else ("not made",)
    if judged:
        verdict = judged.verdict
        yours = (word(verdict), shown(verdict.effect), f"{verdict.n} seeds")
    first = told.pop("laptop", (NOT_RUN,))
    return Line(claim, first, tuple(told.values()), yours)


def _said(told: tuple[str, ...], bold: str) -> str:
    if not told[1:]:
        return told[0]
    return f"{emphasised(told[0], bold)}, {told[1]} ({told[2]})"


def emphasised(said: str, bold: str = "**{}**") -> str:
    """What is said of a verdict, with its word set off from its reason.

    >>> emphasised("refuted: absent")
    '**refuted**: absent'
    """
    return re.sub(r"^[^:;]+", lambda found: bold.format(found[0]), said)
