"""Chapters in the short form keep to it, and a notebook that breaks any part of it is told so."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import short

from whyresnets import sweeps
from whyresnets.chapters import CHAPTERS

ROOT = Path(__file__).parents[2]
NAMED = {chapter.name: chapter for chapter in CHAPTERS}


@pytest.mark.parametrize("name", short.SHORT)
def test_a_short_chapter_is_short(name):
    """If this fails: its message says what to cut, or to mend."""
    notebook = json.loads((ROOT / "book" / f"{name}.ipynb").read_text(encoding="utf-8"))
    wrong = short.objections(notebook, NAMED[name])
    assert not wrong, "\n".join(wrong)


def test_the_chapters_in_the_short_form_are_chapters():
    assert set(short.SHORT) <= set(NAMED)


# --- A made-up one ------------------------------------------------------------------------------

OPENING = (
    "# Do thirty steps help?",
    "They do: the loss falls by more than half a nat [TOY-1].",
    "```{admonition} To remember\nThirty steps lower the loss.\n```",
)
SECTIONS = [f"## {heading}\n\nSome words." for heading in short.HEADINGS]
CITED = (
    "<!-- computed: citation of toy -->\n```text\nmuch " + "word " * 2000 + "\n```\n<!-- end of the computed part -->"
)


def text(source: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(figure: str = "", source: str = "1") -> dict:
    drawn = {"output_type": "display_data", "data": {"image/png": "", "text/plain": ""}, "metadata": {}}
    metadata = {"mystnb": {"figure": {"name": figure, "caption": "."}}} if figure else {}
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": [drawn] if figure else []}


@pytest.fixture
def chapter(toy):
    return replace(toy, name="toy")


@pytest.fixture
def notebook() -> dict:
    """A short chapter, at the limits."""
    words = 1500 - sum(len(said.split()) for cell in (*OPENING, *SECTIONS) for said in short.prose(cell)) - 2
    code_cells = [code("fig-block-toy"), code("fig-a"), code("fig-b"), *(code() for _ in range(7))]
    long = "Two words:\n\n" + "word " * words
    return {"cells": [text("\n\n".join(OPENING)), *map(text, SECTIONS), text(long), text(CITED), *code_cells]}


def test_nothing_is_wrong_with_it(notebook, chapter):
    assert short.objections(notebook, chapter) == []


def changed(notebook: dict, old: str, new: str) -> dict:
    """The same with ``new`` for ``old`` in its text."""
    copy = deepcopy(notebook)
    for cell in copy["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = cell["source"].replace(old, new)
    assert copy != notebook
    return copy


def added(notebook: dict, *cells: dict) -> dict:
    return {"cells": [*notebook["cells"], *cells]}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (text("one more"), "1,502 words of prose: a short chapter has 1,500 at most"),
        (code(), "11 code cells: a short chapter has 10 at most"),
        (code("fig-c"), "4 figures: a short chapter has 3 at most"),
        (text("```{figure} a.png\n:alt: what it shows\n:name: fig-c\n\n```"), "4 figures"),
        (text("```{figure} a.png\n:name: fig-block-b\n\n```"), "there is not exactly one figure of a block"),
        (text("```{admonition} To remember\nIt falls.\n```"), "its opening does not end with the one box"),
        (text("## One more\n"), "its headings are ['The idea', "),
        (text("Much"), "'Much' in 'Much': say it in the field's words, or with a number"),
    ],
    ids=str,
)
def test_what_is_too_many_is_told(notebook, chapter, more, says):
    assert any(wrong.startswith(says) for wrong in short.objections(added(notebook, more), chapter))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("falls by more than half a nat [TOY-1].", "falls, see TOY-1.", "TOY-1 stands in a sentence"),
        ("loss falls by more than half a nat [TOY-1].", "loss [TOY-1] falls.", "TOY-1 stands in a sentence"),
        ("by more than half a nat [TOY-1]", "by more than half a nat, as in HE1-2b", "HE1-2b stands in a sentence"),
        ("Thirty steps lower the loss.", "They do. It falls.", "the box {admonition} To remember holds"),
        ("Thirty steps lower the loss.", "It falls. And", "the box {admonition} To remember holds"),
        ("Thirty steps lower the loss.", "No end", "the box {admonition} To remember holds"),
        ("To remember", "Remember", "its opening does not end with the one box"),
        ("lower the loss.\n```", "lower the loss.\n```\n\nMore.", "its opening does not end with the one box"),
        ("## The idea", "## An idea", "its headings are ['An idea', "),
        ("## The run", "### The run", "its headings are ['The idea', 'The code', 'The control'"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_not_in_the_form_is_told(notebook, chapter, old, new, says):
    assert any(wrong.startswith(says) for wrong in short.objections(changed(notebook, old, new), chapter))


@pytest.mark.parametrize(
    "word",
    ["stranger", "strangers", "a rival", "turns_when", "turns when", "silent", "much", "hardly", "the given"],
)
def test_a_banned_word_is_told(notebook, chapter, word):
    found = short.objections(changed(notebook, "Two words:", f"{word}:"), chapter)
    assert [word.split()[-1] in wrong for wrong in found if wrong.endswith("or with a number")] == [True]


@pytest.mark.parametrize("said", ["by orders of magnitude", "by an order of magnitude", "too much", "**Hardly**"])
def test_a_banned_word_is_found_wherever_it_stands(said):
    assert len(list(short._banned(short.prose(said)))) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Two words:", "How much?"),
        ("Two words:", "As much."),
        ("Two words:", "`much hardly silent` {math}`much` $hardly$"),
        ("Two words:", "| much |\n|---|\n| hardly |"),
        ("Two words:", "```python\nmuch = 'HE1-2'\n```"),
        ("Two words:", "<!-- computed: a -->\nmuch\n<!-- end of the computed part -->"),
        ("nat [TOY-1].", "nat. [TOY-1] It does."),
        ("nat [TOY-1].", "nat [TOY-1] [HE1-2]."),
        ("nat [TOY-1].", "nat ({ref}`TOY-1 <evidence-TOY-1>`)."),
        ("They do: the", "They do, on MNIST-1D and CIFAR-10: the"),
        ("## The idea", "## The idea: add, do not replace"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_in_the_form_is_left_alone(notebook, chapter, old, new):
    found = short.objections(changed(notebook, old, new), chapter)
    assert [wrong for wrong in found if "words of prose" not in wrong] == []


def test_more_claims_or_core_seconds_than_allowed_are_told(notebook, chapter):
    (claim,) = chapter.claims
    six = replace(chapter, claims=tuple(replace(claim, id=f"TOY-{i}") for i in range(1, 7)))
    assert "6 claims: a short chapter has 5 at most" in short.objections(notebook, six)
    dear = replace(
        chapter, laptop=tuple(replace(arm, spec=arm.spec.but(depth=1000, steps=9999)) for arm in chapter.laptop)
    )
    assert short.live_seconds(chapter) < sweeps.LIVE < short.live_seconds(dear)
    assert any("core-seconds live: a short chapter has 140 at most" in o for o in short.objections(notebook, dear))


def test_a_chapter_without_a_drawn_block_is_told(notebook, chapter):
    notebook["cells"] = [cell for cell in notebook["cells"] if "block" not in str(cell["metadata"])]
    assert any(o.startswith("there is not exactly one figure of a block") for o in short.objections(notebook, chapter))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("# A title\n\nAnd *three* **more** [words](https://example.org/a-b-c).", 6),
        ("- one\n- two\n  three", 3),
        ("> one two", 2),
        ("one $x + y$ two `code here`\n\n$$\na b c\n$$", 2),
        ("```{math}\na b\n```\n\n```{literalinclude} ../a.py\n:start-at: b\n```", 0),
        ("````{exercise} Warm up\n:label: ex-a\n\nDo it.\n\n```python\n1 + 1\n```\n````", 4),
        ("```{solution} ex-a\n:class: dropdown\n\nIt is two.\n```", 3),
        ("See {doc}`the page <larger>`, {numref}`Figure %s <fig-a>`.", 5),
        ("![what it shows](a.png)\n\n| a | b |\n|---|---|\n| c | d |", 0),
    ],
)
def test_words_are_counted_as_one_reads_them(source, words):
    assert sum(len(said.split()) for said in short.prose(source)) == words
