"""The front page's figure, and what the text beside it says."""

import pytest

from whyresnets import figures
from whyresnets.chapters import elimination, front, identity_bias
from whyresnets.claims.quantities import trained, training_loss

DEEP, SMALL = front.NETS.values()


def cosine(net) -> float:
    chapter, arm = net
    return front.block_cosine(chapter.specs()[arm])


def seeds_that_train(net) -> int:
    chapter, arm = net
    return int(trained(chapter.recorded()[arm]).sum())


def test_nets_are_marked_by_what_they_have():
    deep, small = identity_bias.CHAPTER.specs(), elimination.CHAPTER.specs()
    assert front.has(deep["residual, BN-64"]) == (True, True)
    assert front.has(deep["plain, BN-64"]) == (False, True)
    assert front.has(small["orthogonal, preserved"]) == (True, False)


def test_no_net_of_the_front_page_is_near_the_line():
    """The colour does not hang on where the line was drawn, or on the seed."""
    for chapter, arm in (*DEEP.values(), *SMALL.values()):
        cosines = [front.block_cosine(chapter.specs()[arm], seed) for seed in (0, 1, 1000)]
        assert min(cosines) > 0.965 or max(cosines) < 0.935, (arm, cosines)


def test_the_figure_is_drawn_of_every_net_with_its_own_cosine_and_record(monkeypatch):
    asked = []
    monkeypatch.setattr(figures, "ingredients", lambda *given: asked.append(given))
    front.answer_so_far()
    ((groups, ingredients, near),) = asked
    assert (ingredients, near) == (front.INGREDIENTS, front.NEAR) and list(groups) == list(front.NETS)
    for title, nets in front.NETS.items():
        for drawn, (label, (chapter, arm)) in zip(groups[title], nets.items(), strict=True):
            spec = chapter.specs()[arm]
            assert (drawn.label, drawn.runs.spec) == (label, spec)
            assert (drawn.marks, drawn.cosine) == (front.has(spec), front.block_cosine(spec))


def test_the_cosine_of_a_block_that_does_nothing_is_one():
    """With a scalar of 0 every block hands on what it gets; without a skip nothing is alike."""
    spec = identity_bias.CHAPTER.specs()["SkipInit 0, no BN at all-64"]
    assert front.block_cosine(spec) == pytest.approx(1)
    assert front.block_cosine(spec.but(rule="plain", alpha=None, norm="batch", head_norm="batch")) < 0.3


def test_what_the_front_page_says_of_the_deep_nets_is_so():
    """The four near the identity train in every seed; of the seven others rotations alone do, the rest in no seed."""
    near = [net for net in DEEP.values() if cosine(net) > front.NEAR]
    others = {label: seeds_that_train(net) for label, net in DEEP.items() if net not in near}
    assert len(near) == 4 and {seeds_that_train(net) for net in near} == {20}
    assert len(others) == 7 and others.pop("rotations alone (a linear function)") == 20 and set(others.values()) == {0}


def test_what_the_front_page_says_of_the_shallower_nets_is_so():
    near = {label for label, net in SMALL.items() if cosine(net) > front.NEAR}
    losses = {label: training_loss(chapter.recorded()[arm]).mean() for label, (chapter, arm) in SMALL.items()}
    lowest = sorted(losses, key=losses.get)[:2]
    assert len(near) == 3 and set(lowest) < near and any(not front.has(_spec(SMALL[label]))[0] for label in lowest)
    assert seeds_that_train(SMALL["the same skip for all units"]) == 0
    assert (
        seeds_that_train(SMALL["orthogonal skips"]) == seeds_that_train(SMALL["no skip, tanh in place of ReLU"]) == 20
    )


def _spec(net):
    chapter, arm = net
    return chapter.specs()[arm]
