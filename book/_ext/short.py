"""What makes a chapter a short one: a function that says what is wrong with its notebook.

One question, one picture, five claims, fifteen minutes to read: the limits are those of the page on how the book is
built. ``objections`` names each that a notebook breaks; a test calls it for the chapters in :data:`SHORT`. A slider is
no figure here: it has no caption to read, and a reader may leave it alone. Claims that stand aside are not counted.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from markdown_it.tree import SyntaxTreeNode
from whyresnets import sweeps
from whyresnets.chapter import Chapter
from whyresnets.chapters import CHAPTERS

from notebooks import directive, options_and_body, parsed

SHORT: tuple[str, ...] = ("degradation", "within_reach", "vanishing")  # the names of the chapters in this form
WORDS, CODE_CELLS, FIGURES, CLAIMS = 1500, 10, 3, 5
HEADINGS = (  # of the sections after the opening; a title may go on: "The idea: add, do not replace"
    "The idea",
    "The code",
    "The run",
    "The control",
    "The verdicts",
    "What this does not show",
    "Exercises",
    "Cite this chapter",
)
REMEMBER = "To remember"  # the title of the box at the end of the opening, which holds one sentence
BLOCK = "fig-block"  # with what the name of the drawn block begins
BANNED = (
    r"strangers?",
    r"rivals?",
    r"turns[_ ]when",
    r"silent(?:ly)?",
    r"(?<!how )(?<!as )much",
    r"hardly",
    r"orders? of magnitude",
    r"the given",  # as a noun: the premise of the first edition
)
TEXT_IN = ("exercise", "solution", "admonition", "dropdown", "note", "tip", "hint", "important", "warning", "seealso")
COMPUTED = re.compile(r"<!-- computed: .*?<!-- end of the computed part -->", re.S)


def objections(notebook: dict, chapter: Chapter) -> list[str]:
    """What keeps a notebook, as JSON has it, from being a short chapter: a sentence each; none if it is one."""
    cells = notebook["cells"]
    texts = [COMPUTED.sub("", "".join(cell["source"])) for cell in cells if cell["cell_type"] == "markdown"]
    paragraphs = [said for text in texts for said in prose(text)]
    found = [
        *_too_many("words of prose", sum(len(said.split()) for said in paragraphs), WORDS),
        *_too_many("code cells", sum(cell["cell_type"] == "code" for cell in cells), CODE_CELLS),
        *_too_many("figures", len(_figures(cells, texts)), FIGURES),
        *_too_many("claims", len(chapter.told), CLAIMS),
        *_too_many("core-seconds live", round(live_seconds(chapter)), sweeps.LIVE),
        *_identifiers(paragraphs, chapter),
        *_banned(paragraphs),
        *_headings(texts),
        *_remembered(texts),
        *_block(_figures(cells, texts)),
    ]
    return list(dict.fromkeys(found))


def live_seconds(chapter: Chapter) -> float:
    """What a chapter's live plan takes, core-seconds, as it is known before anything ran."""
    return sum(sweeps.core_seconds(spec) * len(seeds) for spec, seeds in chapter.live().values())


def _too_many(what: str, found: int, allowed: int) -> Iterator[str]:
    if found > allowed:
        yield f"{found:,} {what}: a short chapter has {allowed:,} at most"


# --- Prose --------------------------------------------------------------------------------------


def prose(text: str) -> list[str]:
    """The paragraphs and headings of a Markdown text, without tables, formulas, code, and what links lead to.

    >>> prose("# A `b` [c](d)\\n\\nFor $x$: {doc}`see <page>`.\\n\\n| a |\\n|---|\\n| b |")
    ['A  c', 'For : see.']
    """
    return [said for block in parsed(text).children for said in _said(block) if said]


def _said(block: SyntaxTreeNode) -> Iterator[str]:
    if name := directive(block):
        title = block.info.split("}", 1)[1].strip()
        if name in TEXT_IN:
            yield "" if name == "solution" else title
            yield from prose(options_and_body(block.content)[1])
    elif block.type == "inline":
        yield "".join(_words(block)).strip()
    elif block.type not in ("table", "fence", "code_block"):
        for inner in block.children:
            yield from _said(inner)


def _words(inline: SyntaxTreeNode) -> Iterator[str]:
    for node in inline.children:
        if node.type == "text":
            yield node.content
        elif node.type in ("softbreak", "hardbreak"):
            yield " "
        elif node.type == "myst_role":
            yield "" if node.meta["name"] == "math" else re.sub(r"\s*<[^<>]*>$", "", node.content)
        elif node.type != "image":
            yield from _words(node)


def _identifiers(paragraphs: Iterable[str], chapter: Chapter) -> Iterator[str]:
    """A claim is named in brackets at the end of a sentence, and nowhere else."""
    keys = {re.match("[A-Z]+", claim.id)[0] for known in (chapter, *CHAPTERS) for claim in known.claims}
    name = rf"(?:{'|'.join(sorted(keys))})\d*-\d\w*"
    brackets = rf"(?:[\[(]{name}[\])] ?)+"
    at_end = re.compile(rf"{brackets}(?=[.!?:]|\s*$)|(?<=[.!?] ){brackets}")
    for said in paragraphs:
        for found in re.finditer(rf"\b{name}", at_end.sub("", said)):
            yield f"{found[0]} stands in a sentence: name a claim in brackets at the end, [{found[0]}]"


def _banned(paragraphs: Iterable[str]) -> Iterator[str]:
    for said in paragraphs:
        for found in re.finditer(rf"\b(?:{'|'.join(BANNED)})\b", said, re.I):
            yield f"{found[0]!r} in {said[:60]!r}: say it in the field's words, or with a number"


# --- Form ---------------------------------------------------------------------------------------


def _headings(texts: Iterable[str]) -> Iterator[str]:
    found = [title for text in texts for title in re.findall(r"^## (.+)$", text, re.M)]
    if len(found) != len(HEADINGS) or not all(map(str.startswith, found, HEADINGS)):
        yield f"its headings are {found}: a short chapter has, in this order, {list(HEADINGS)}"


def _remembered(texts: Sequence[str]) -> Iterator[str]:
    """The opening, what stands before the second heading, ends with a box of one sentence; there is no other."""
    whole = "\n\n".join(texts)
    opening = [block for block in parsed(re.split(r"^## ", whole, flags=re.M)[0]).children if block.type != "hr"]
    box = "{admonition} " + REMEMBER
    if whole.count(box) != 1 or not opening or not opening[-1].info.startswith(box):
        yield f"its opening does not end with the one box {box}"
        return
    said = " ".join(prose(options_and_body(opening[-1].content)[1]))
    if len(re.findall(r"[.!?](?=\s|$)", said)) != 1 or not said.endswith((".", "!", "?")):
        yield f"the box {box} holds {said[:60]!r}: it holds one sentence"


def _figures(cells: Iterable[dict], texts: Iterable[str]) -> list[str]:
    """The names of all figures, those without a name included."""
    drawn = [cell for cell in cells if any("image/png" in output.get("data", {}) for output in cell.get("outputs", []))]
    named = [cell["metadata"].get("mystnb", {}).get("figure", {}).get("name", "") for cell in drawn]
    typed = [found for text in texts for found in re.findall(r"^[`:]{3,}\{(?:figure|image)\}.*(?:\n:.*)*", text, re.M)]
    return named + [(re.search(r":name: (\S+)", found) or ["", ""])[1] for found in typed]


def _block(names: Iterable[str]) -> Iterator[str]:
    if sum(name.startswith(BLOCK) for name in names) != 1:
        yield f"there is not exactly one figure of a block: draw it, and call it {BLOCK}-..."
