"""Self-checks: right from wrong, and a sentence about any object whatsoever, from every check of the book."""

import datetime
import functools
import json
import math
import pkgutil
import weakref
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial
from importlib import import_module
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from made import SPEC, changed, made

import whyresnets
from whyresnets.chapters import CHAPTERS, singularities
from whyresnets.chapters.singularities.arms import FAR, NEAR, start
from whyresnets.chapters.singularities.effects import escape_steps
from whyresnets.claims.quantities import gradient_ratios
from whyresnets.exercises import answered, check_between, check_change, check_choice, check_number, check_runs
from whyresnets.spec import Spec
from whyresnets.training.runs import Runs

BOOK = Path(__file__).parents[1] / "book"


@pytest.fixture
def between(toy, trained):
    """An exercise: 12 layers should end between the trained arm and the untrained one; and the right Spec's runs."""
    spec = toy.specs()["trained"].but(depth=12)
    ends = {"30 steps": trained["trained"], "none": trained["untrained"]}
    runs = changed(trained["trained"].first(5), "train_loss", 1.0)
    return partial(check_between, spec=spec, change="the depth to 12", ends=ends), type(runs)(
        spec, runs.seeds, runs.arrays
    )


def test_a_loss_between_two_is_right(between, trained):
    check, mine = between
    low, high = (np.mean(trained[arm]["train_loss"]) for arm in ("trained", "untrained"))
    assert check(mine) == f"Right: 1.00 nats, between {low:.2f} at 30 steps and {high:.2f} at none."
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


# --- Every check of the book ------------------------------------------------------------------------


@functools.cache
def checks() -> dict[str, Callable[..., str]]:
    """Where -> every public function of the package that is called check_ something."""
    modules = [import_module(module.name) for module in pkgutil.walk_packages(whyresnets.__path__, "whyresnets.")]
    return {
        f"{module.__name__}.{name}".removeprefix("whyresnets.").removeprefix("chapters."): thing
        for module in modules
        for name, thing in vars(module).items()
        if name.startswith("check_") and callable(thing) and thing.__module__ == module.__name__
    }


def five(spec: Spec, value: float, *names: str) -> Runs:
    """Five seeds in which some readings have one value throughout."""
    return Runs(spec, tuple(range(5)), {name: np.full((5, 3)[: 1 + (name != "train_loss")], value) for name in names})


def ended(spec: Spec, loss: float) -> Runs:
    return five(spec, loss, "train_loss", "curve")


def five_nats(runs: Runs) -> str:
    return "Right: five nats." if runs["train_loss"].sum() == 5 else "Not yet: other runs."


def way_out() -> Runs:
    """Runs that leave overlap when a straight line through the recorded ones says so."""
    recorded = singularities.CHAPTER.recorded()
    far, near = (recorded[start("plain", "overlap", distance)].first(5) for distance in (FAR, NEAR))
    steps = escape_steps(near) + (escape_steps(near) - escape_steps(far)) / 2
    distance = (np.arange(1, 601) >= steps[:, None]) * 9.0
    return Runs(near.spec.but(distance=1e-5), near.seeds, {**near.arrays, "distance": distance})


@functools.cache
def answers() -> dict[str, tuple[tuple, object]]:
    """Name of a check -> its arguments after the answer, and a right answer. A new check needs an entry."""
    arms = {chapter.name: chapter.specs() for chapter in CHAPTERS}
    (norms,) = (chapter.recorded() for chapter in CHAPTERS if chapter.name == "norm_preservation")
    c = float(np.square(gradient_ratios(norms["plain, 128 blocks"])).mean())
    words = "pixels", {"channels": "they can be relabelled."}
    ends = {"low": made([0.5]), "high": made([2.0])}
    folding = arms["norm_preservation"]["fold, preserved-66"].but(depth=22)
    gain = arms["elimination"]["orthogonal, preserved"].but(forward_gain=0.85)
    return {
        "exercises.check_number": ((3, 0.1, "{:.0f} of them.", "count again."), 3),
        "exercises.check_choice": (words, "pixels"),
        "exercises.check_runs": ((SPEC, "nothing", five_nats), made([1.0] * 5)),
        "exercises.check_between": ((SPEC, "nothing", ends), made([1.0] * 5)),
        "exercises.check_change": ((SPEC,), SPEC.but(rule="residual")),
        "degradation.page.check_shrinking": ((), 16.6),
        "degradation.page.check_between": (
            (),
            ended(arms["degradation"]["plain-20"].but(depth=32, extend_to=()), 1.0),
        ),
        "degradation.page.check_design": ((), "pixels"),
        "norm_preservation.page.check_growth": ((), c / 2 * math.log10(128)),
        "norm_preservation.page.check_folding": ((), ended(folding, 1.0)),
        "norm_preservation.page.check_design": ((), "gentle rotations"),
        "identity_bias.page.check_variance": ((), 256 * math.log10(1 + 1 / 16)),
        "identity_bias.page.check_half": ((), ended(arms["identity_bias"]["BN, rescaled-64"].but(depth=34), 0.7)),
        "identity_bias.page.check_design": ((), "small branches"),
        "singularities.page.check_count": ((), 3),
        "singularities.page.check_way": ((), way_out()),
        "singularities.page.check_design": ((), "different"),
        "within_reach.page.check_participation": ((), 9.15),
        "within_reach.page.check_between": (
            (),
            ended(arms["within_reach"]["56 of 64 at 1/10"].but(skip_small=32), 0.5),
        ),
        "within_reach.page.check_design": ((), "norm"),
        "vanishing.page.check_growth": ((), 54 * math.log10(math.sqrt(math.pi / (math.pi - 1)))),
        "vanishing.page.check_tanh": (
            (),
            ended(arms["vanishing"]["sigmoid, orthogonal"].but(activation="tanh"), 1.0),
        ),
        "vanishing.page.check_design": ((), "relative"),
        "elimination.page.check_decades": ((), 19 * math.log10(2) / 2),
        "elimination.page.check_gain": ((), five(gain, 1.0, "watched_capped_curve")),
        "elimination.page.check_design": ((), "plain"),
    }


def said(name: str, answer: object) -> str:
    """What a check says of an answer: always one line, of one of five beginnings."""
    line = checks()[name](answer, *answers()[name][0])
    assert type(line) is str and line.isprintable() and line == line.strip()
    assert line.startswith(("Not answered yet.", "Not yet: ", "Right: ", "Unexpected: ", "Your "))
    assert line.endswith((".", "?"))
    return line


every_check = pytest.mark.parametrize("name", sorted(checks()))


class Hostile:
    """An object that raises whatever is asked of it."""

    def _refuse(self, *_):
        raise RuntimeError("two\nlines")

    __getattribute__ = __getattr__ = __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = _refuse
    __float__ = __int__ = __index__ = __complex__ = __bool__ = __abs__ = __hash__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __len__ = __iter__ = __getitem__ = __contains__ = _refuse
    __str__ = __repr__ = __format__ = __array__ = _refuse


class Frame:
    """As tables and columns are: comparisons are tables, and no table is true or false."""

    size, shape, iloc = 2, (2,), ()

    def _itself(self, *_):
        return self

    def __bool__(self):
        raise ValueError("The truth value is ambiguous")

    def item(self):
        raise ValueError("can only convert an array of size 1")

    __eq__ = __ne__ = __lt__ = __gt__ = __sub__ = __rsub__ = __abs__ = strip = lower = flat = __getitem__ = _itself


class Half:
    """Nearly a number, nearly a word, nearly runs."""

    spec, seeds = SPEC, range(5)

    def __float__(self):
        return "half"

    def item(self):
        return self

    def strip(self):
        return None


class Word(str):
    def lower(self):
        raise RuntimeError("no")

    __hash__ = __eq__ = strip = lower


def gone_already():
    """A reference to an object that is no more."""
    return weakref.proxy(Hostile())


def itself() -> list:
    endless: list = []
    endless.append(endless)
    return endless


ODD = {
    **{repr(text): text for text in ("", "abc", "-8.127", "nan", "1_0", "two\nlines", "\ud800", "\x00", "{0}", "İ")},
    **{repr(raw): raw for raw in (b"", b"3", bytearray(b"3"), memoryview(b"3"))},
    **{repr(single): single for single in (True, False, ..., NotImplemented, 1 + 0j, 1 + 2j)},
    **{f"{number}": number for number in (0, -1, 3.2, -0.0, 1e308, 5e-324, math.nan, math.inf, -math.inf)},
    "huge": 10**400,
    "minus huge": -(10**400),
    **{repr(number): number for number in (Decimal("NaN"), Decimal("sNaN"), Decimal("1e999"), Fraction(1, 3))},
    **{repr(many): many for many in ((), (-8, 1), (None,), [], [3.0], [[]], {}, {"mine": None}, {3}, range(3))},
    "dictionary of runs": {"mine": made([1.0] * 5)},
    "list of runs": [made([1.0] * 5)],
    "a list of itself": itself(),
    "generator": (number for number in (3.0,)),
    "iterator": iter([3.0]),
    "function": len,
    "lambda": lambda: 3.0,
    "module": math,
    "plain object": object(),
    "exception": ValueError("two\nlines"),
    "slice": slice(3),
    "date": datetime.date(2000, 1, 1),
    "span": datetime.timedelta(3),
    **{kind.__name__: kind for kind in (int, float, str, Runs, Spec, np.float64, torch.Tensor)},
    **{f"NumPy {array!r}": array for array in (np.float64("nan"), np.bool_(True), np.complex64(3), np.str_("abc"))},
    **{f"array {i}": np.array(array) for i, array in enumerate(([], [1, 2], [[3], [4]], "abc", [None], [True], [1j]))},
    "array of objects": np.array([Frame()], dtype=object),
    "masked": np.ma.masked,
    "datetime": np.datetime64("2000-01-01"),
    "fields": np.zeros(1, [("a", float), ("b", float)]),
    "tensor of none": torch.empty(0),
    "tensor of two": torch.ones(2, requires_grad=True),
    "tensor of NaN": torch.tensor(math.nan),
    "tensor, complex": torch.tensor(3 + 0j),
    "tensor, bool": torch.tensor(True),
    "tensor without data": torch.empty(1, device="meta"),
    "parameters": torch.nn.Linear(1, 1),
    "another Spec": SPEC,
    "mock": MagicMock(),
    "hostile": Hostile(),
    "frame": Frame(),
    "half": Half(),
    "word": Word("pixels"),
    "gone": gone_already(),
}


RIGHT_NOW_AND_THEN = "3.2", "word", "tensors", "lists"


def odd_runs(right: Runs) -> dict[str, Runs]:
    """Runs of the right Spec that nobody's training made."""
    spec, seeds, readings = right.spec, right.seeds, right.arrays
    values = {
        "none": {},
        "hostile": Hostile(),
        "NaN": {name: np.full(array.shape, np.nan) for name, array in readings.items()},
        "infinite": {name: np.full(array.shape, np.inf) for name, array in readings.items()},
        "words": {name: np.full(array.shape, "abc") for name, array in readings.items()},
        "objects": {name: Hostile() for name in readings},
        "of no seed": {name: array[:0] for name, array in readings.items()},
        "numbers": {name: 1.0 for name in readings},
        "tensors": {name: torch.as_tensor(array) for name, array in readings.items()},
        "lists": {name: array.tolist() for name, array in readings.items()},
    }
    found = {what: Runs(spec, seeds, arrays) for what, arrays in values.items()}
    for what in ((), 5, None, [0] * 5, "abcde", ([],) * 5, Hostile(), [math.nan] * 5):
        found[f"seeds {type(what)}"] = Runs(spec, what, readings)
    for what in (None, "plain-20", Hostile(), Frame(), spec.but(rate=0.123)):
        found[f"spec {type(what)}"] = Runs(what, seeds, readings)
    return found


def test_every_check_is_known_here():
    assert set(answers()) == set(checks()), "give each check a right answer above"
    assert len(checks()) >= 5 + 3 * len(CHAPTERS)


@every_check
def test_the_right_answer_is_right_and_none_is_not_answered(name):
    assert said(name, answers()[name][1]).startswith("Right: ")
    assert said(name, None) == "Not answered yet."


@every_check
@pytest.mark.filterwarnings("ignore")  # of averages of nothing: runs made by hand
def test_any_object_is_answered_by_a_sentence(name):
    right = answers()[name][1]
    for what, answer in {**ODD, **(odd_runs(right) if isinstance(right, Runs) else {})}.items():
        line = said(name, answer)
        assert not line.startswith("Right: ") or what in RIGHT_NOW_AND_THEN, (what, line)
    assert said(name, right).startswith("Right: "), "an odd object before it spoilt it"


UNTOUCHABLE = {"gone", "hostile"}  # hypothesis asks what it draws for its class
SINGLE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.complex_numbers(), st.decimals(), st.fractions(),
    st.text(), st.binary(), st.datetimes(), st.timedeltas(), st.uuids(), st.functions(),
    st.sampled_from(sorted(ODD.keys() - UNTOUCHABLE)).map(lambda what: ODD[what]),
    arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, min_side=0, max_dims=2)),
)  # fmt: skip
OBJECTS = st.recursive(
    SINGLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.builds(Runs, inner, inner, inner),
    ),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(name=st.sampled_from(sorted(checks())), answer=OBJECTS)
@pytest.mark.filterwarnings("ignore")
def test_objects_that_nobody_thought_of_are_answered_by_a_sentence(name, answer):
    assert said(name, answer)[-1] in ".?"  # and what else `said` holds of it: one line, of a known beginning


@every_check
def test_numbers_of_all_makes_count(name):
    right = answers()[name][1]
    if not isinstance(right, int | float):
        return
    of_numpy = np.float64(right), np.float32(right), np.array(right), np.array([right]), np.array([[right]])
    of_torch = torch.tensor(right), torch.tensor([float(right)], requires_grad=True)
    for number in (*of_numpy, *of_torch, float(right), Fraction(right), Decimal(right)):
        assert said(name, number) == said(name, right), repr(number)


def test_what_to_hand_over_is_said():
    hints = {
        "number": check_number((-8, 1), 3, 0.1, "", ""),
        "runs": check_runs({"mine": None}, SPEC, "nothing", str),
        "Spec": check_change(SPEC, None),
        "one of channels, pixels": check_choice(["pixels"], "pixels", {"channels": ""}),
    }
    assert all(line.startswith("Not yet: ") and what in line for what, line in hints.items())


def test_a_seed_counts_once():
    twice = Runs(SPEC, (0, 0, 0, 1, 1), made([1.0] * 5).arrays)
    assert check_runs(twice, SPEC, "nothing", str).startswith("Not yet: fewer than five seeds")


def test_a_way_out_is_compared_with_the_same_seeds_of_the_record():
    mine = way_out()
    turned = Runs(mine.spec, mine.seeds[::-1], {name: array[::-1] for name, array in mine.arrays.items()})
    assert said("singularities.page.check_way", turned) == said("singularities.page.check_way", mine)
    elsewhere = Runs(mine.spec, tuple(range(100, 105)), mine.arrays)
    assert said("singularities.page.check_way", elsewhere).startswith(("Right: ", "Your "))


def test_to_stop_a_check_is_no_answer():
    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answered(3, "wait", stop)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_in_the_notebook_no_check_hides_another(chapter, capsys):
    """The cell of a chapter's checks, with an odd answer in each place: a line for each."""
    cells = json.loads((BOOK / f"{chapter.name}.ipynb").read_text())["cells"]
    (cell,) = (text for cell in cells if "page.check_" in (text := "".join(cell["source"])))
    assert cell.count("= None") == cell.count("page.check_") == 3
    page = import_module(f"whyresnets.chapters.{chapter.name}.page")
    for odd in (Hostile(), Frame(), {"mine": None}, "abc", math.nan):
        exec(cell.replace("= None", "= odd"), {"page": page, "odd": odd})
        assert [line[:9] for line in capsys.readouterr().out.splitlines()] == ["Not yet: "] * 3
