"""Every arm is drawn as its kind says."""

import re

import pytest

from whyresnets.chapters import CHAPTERS
from whyresnets.kinds import COLOURS, KINDS, UnknownKind, kind


def test_an_unknown_kind_is_refused_in_a_line_that_says_what_to_do():
    with pytest.raises(UnknownKind, match=r"unknown kind 'residul': choose one of .*residual") as caught:
        kind("residul")
    assert "\n" not in str(caught.value) and isinstance(caught.value, ValueError)


def test_every_kind_has_a_label_and_a_colour_of_the_palette():
    assert all(row.label and row.colour in COLOURS for row in KINDS.values())
    assert len(set(COLOURS)) == len(COLOURS)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in COLOURS)


def test_every_kind_has_an_arm_and_every_arm_a_kind():
    used = {kind for chapter in CHAPTERS for kind in chapter.kinds.values()}
    assert used == set(KINDS)


def test_no_two_kinds_of_one_label():
    assert len({row.label for row in KINDS.values()}) == len(KINDS)


def test_an_arm_has_the_same_kind_at_every_scale():
    for chapter in CHAPTERS:
        every = {(arm.name, arm.kind) for arms in (chapter.laptop, *chapter.larger.values()) for arm in arms}
        assert every == set(chapter.kinds.items())
