import pytest

from whyresnets import figures
from whyresnets.figures.drawn import skip_and_branch
from whyresnets.kinds import KINDS, Kind, kind


def texts(axis) -> list[str]:
    return [text.get_text() for text in axis.texts if text.get_text()]


def test_a_block_shows_its_skip_its_branch_and_its_formula_in_its_colour():
    plain, half = figures.drawn_blocks(["plain", "half"], "conv, BN").axes
    assert texts(plain) == ["x", "f", "conv, BN", "plain", "f(x)"] and not plain.lines
    assert texts(half) == ["x", "f", "conv, BN", "+", "x / 2", "half the shortcut", "x / 2 + f(x)"]
    assert half.lines[0].get_color() == kind("half").colour and len(half.lines) == 2


def test_layers_may_differ_from_block_to_block_and_something_may_follow():
    plain, residual = figures.drawn_blocks(["plain", "residual"], ["conv", "identity conv"], after="ReLU").axes
    assert "conv" in texts(plain) and "identity conv" in texts(residual) and "conv" not in texts(residual)
    assert "ReLU" in texts(plain) and "ReLU" in texts(residual)


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("residual", ("x", "f")),
        ("SkipInit", ("x", "alpha f")),
        ("orthogonal", ("Q x", "f")),
        ("BN, identity", ("x", "f")),
        ("BN, plain", ("", "f")),
        ("BiasReg", ("", "f")),
    ],
)
def test_the_drawing_follows_the_formula(name, drawn):
    assert skip_and_branch(kind(name)) == drawn


@pytest.mark.parametrize("name", ["rescaled", "BN after the sum", "common", "cancelled inside", "hyper-residual"])
def test_what_is_neither_a_branch_nor_a_branch_and_a_skip_is_refused(name):
    with pytest.raises(ValueError, match="cannot be drawn"):
        figures.drawn_blocks([name])


def test_no_sum_is_drawn_without_its_skip():
    """Of every kind: where the formula adds something to the branch, so does the drawing."""
    for known in KINDS.values():
        try:
            skip, _ = skip_and_branch(known)
        except ValueError:
            continue
        before_bias = known.formula.replace(" + b)", ")").split(", ")[0]
        assert bool(skip) == (" + " in before_bias), known.formula
    assert skip_and_branch(Kind("", "", "f(x)")) == ("", "f")
