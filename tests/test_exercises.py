from functools import partial
from importlib import import_module

import numpy as np
import pytest
from made import changed

from whyresnets.chapters import CHAPTERS
from whyresnets.exercises import check_between, check_change, check_choice


@pytest.fixture
def between(toy, trained):
    """An exercise: 12 layers should end between the trained arm and the untrained one; and the right Spec's runs."""
    spec = toy.specs()["trained"].but(depth=12)
    ends = trained["trained"], trained["untrained"]
    runs = changed(trained["trained"].first(5), "train_loss", 1.0)
    return partial(check_between, spec=spec, change="the depth to 12", ends=ends), type(runs)(
        spec, runs.seeds, runs.arrays
    )


def test_a_loss_between_two_is_right(between, trained):
    check, mine = between
    low, high = (np.mean(trained[arm]["train_loss"]) for arm in ("trained", "untrained"))
    assert check(mine) == f"Right: 1.00 nats, between {low:.2f} at 10 layers and {high:.2f} at 10."
    for loss in (0.0, 9.0):
        assert check(changed(mine, "train_loss", loss)).startswith(f"Unexpected: {loss:.2f} nats")


def test_what_is_handed_over_must_be_runs_of_the_spec_with_enough_seeds(between, trained):
    check, mine = between
    assert check(None) == "Not answered yet."
    assert check(1.0).startswith("Not yet: hand over the runs of one arm")
    assert check(trained["trained"]) == "Not yet: change the depth to 12, and nothing else."
    assert check(mine.first(4)).startswith("Not yet: fewer than five seeds")


def test_a_choice_is_right_wrong_or_none_of_the_words():
    check = partial(check_choice, right="pixels", others={"channels": "they can be relabelled."})
    assert check(None) == "Not answered yet."
    assert check(" Pixels ").startswith("Right")
    assert check("channels") == "Not yet: they can be relabelled."
    assert check("edges") == check(3) == "Not yet: answer with one of channels, pixels."


def test_a_control_that_changes_one_thing_is_told_from_others(toy):
    """Its rate and its readings are free."""
    spec = toy.specs()["trained"]
    assert check_change(spec.but(rule="plain"), spec) == "Right: it changes rule, no more."
    assert check_change(spec.but(rule="plain", rate=0.1), spec).endswith("rule and its learning rate, no more.")
    assert check_change(spec.but(data="digits-4x4", watch=(3,)), spec) == "Right: it changes data, no more."
    for same in (spec, spec.but(watch=(3,), signals=True), spec.but(rate=0.1)):
        assert check_change(same, spec).startswith("Not yet: it is the same net.")
    both = check_change(spec.but(rule="plain", depth=20), spec)
    assert both == "Not yet: it changes depth and rule at once. Which of them was it, if the effect goes?"
    assert check_change(None, spec) == "Not answered yet."
    assert check_change("plain", spec).startswith("Not yet: hand over a Spec")


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_the_design_of_each_chapter_has_a_self_check_with_one_right_answer(chapter):
    check = import_module(f"whyresnets.chapters.{chapter.name}.page").check_design
    assert check(None) == "Not answered yet."
    listed = check("no")
    assert listed.startswith("Not yet: answer with one of ")
    answers = listed.removeprefix("Not yet: answer with one of ").rstrip(".").split(", ")
    right = [answer for answer in answers if check(answer).startswith(f"Right: {answer}. ")]
    assert len(right) == 1 and all(check(other).startswith("Not yet: ") for other in {*answers} - {*right})
