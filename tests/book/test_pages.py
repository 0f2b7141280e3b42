"""Computed parts, filled into the pages."""

from pathlib import Path

import pages
import pytest

ROOT = Path(__file__).parents[2]


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


def test_every_part_stands_in_some_page():
    texts = "\n".join(pages.today(ROOT).values())
    assert all(pages.BEGIN.format(name) in texts for name in pages.parts(ROOT))
