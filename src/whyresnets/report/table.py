"""A table of text: aligned for the terminal, Markdown for the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from tabulate import tabulate


@dataclass(frozen=True)
class Table:
    """``rows`` of text under a ``head``; ``print`` aligns it, a notebook shows it as Markdown.

    ``note`` stands below, as it is.

    >>> Table(("net", "loss"), [("plain", "1.9"), ("residual", "0.1")])
    net       loss
    --------  ------
    plain     1.9
    residual  0.1
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def __str__(self) -> str:
        text = tabulate(self.rows, self.head, "simple", disable_numparse=True, preserve_whitespace=True)
        lines = [line.rstrip() for line in text.split("\n")]
        return "\n".join([*lines, self.note] if self.note else lines)

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        head, *rows = ([cell.replace("|", "\\|") for cell in line] for line in (self.head, *self.rows))
        text = tabulate(rows, head, "pipe", disable_numparse=True)
        return f"{text}\n\n{self.note}" if self.note else text
