"""The hash of the code that decides a result: definition by definition, family by family."""

import shutil
from pathlib import Path

import pytest

from whyresnets import source

CONV = {"family": "conv", "rule": "residual", "signals": True}
DENSE = {"family": "dense", "rule": "residual", "signals": True}


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Path:
    """A copy of the package that a test may change, and whose hashes are computed anew."""
    copy = tmp_path / "whyresnets"
    shutil.copytree(source.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "records"))
    monkeypatch.setattr(source, "PACKAGE", copy)
    yield copy
    monkeypatch.undo()
    forget()


def forget() -> None:
    source.definitions.cache_clear()
    source._hash.cache_clear()


def hashes() -> tuple[str, str]:
    """Of a convolutional and of a fully connected Spec."""
    forget()
    return source.source_hash(CONV), source.source_hash(DENSE)


def change(tree: Path, old: str, new: str) -> None:
    """Replace a text that stands once in the package."""
    (found,) = [path for path in tree.rglob("*.py") if old in path.read_text()]
    assert found.read_text().count(old) == 1
    found.write_text(found.read_text().replace(old, new))


def test_the_hash_of_a_spec_differs_from_that_of_another_family(tree):
    conv, dense = hashes()
    assert conv != dense and hashes() == (conv, dense)


def test_a_changed_line_changes_the_hash_of_whatever_reaches_it(tree):
    conv, dense = hashes()
    change(
        tree,
        "branch = self._branch(params, name, h, normalise)",
        "branch = 2 * self._branch(params, name, h, normalise)",
    )
    now = hashes()
    assert now[0] == conv and now[1] != dense  # a line of one family leaves the records of the other alone
    change(tree, "    if step < warm:\n", "    if warm > step:\n")
    later = hashes()
    assert later[0] != conv and later[1] != now[1]


def test_comments_docstrings_layout_and_imports_change_no_hash(tree):
    before = hashes()
    for path in (tree / "data.py", *tree.rglob("training*")):
        for file in [path] if path.is_file() else path.rglob("*.py"):
            file.write_text("import math as _unused  # why\n" + file.read_text().replace('"""', '"""Other. ', 1))
    assert hashes() == before


def test_a_field_added_to_a_spec_leaves_every_record_confirmed(tree):
    """It happened four times that all records had to be confirmed for it; a record holds the value of each field."""
    before = hashes()
    change(tree, "    momentum: float = 0.9\n", "    momentum: float = 0.9\n    nesterov: bool = False\n")
    assert hashes() == before


def test_every_family_reaches_what_decides_its_results():
    nets = {"conv": "ConvNet", "dense": "DenseNet"}
    for family, net in nets.items():
        found = source.reached({"family": family, "rule": "residual", "signals": True, "watch": (0,), "data": "digits"})
        assert {
            net,
            "train",
            "train_together",
            "generator",
            "batches",
            "rate_at",
            "load",
            "mean_loss",
            "loss_and_error",
            "_digits",
        } <= found
        assert not found & (set(nets.values()) - {net})
    assert "Together" in source.reached({"family": "dense"}) and "Together" not in source.reached(CONV)


def test_a_row_added_to_a_table_leaves_the_specs_that_do_not_name_it_alone(tree):
    before = hashes()
    change(
        tree,
        '    "half": lambda',
        '    "quarter": lambda shortcut, branch, batch: 0.25 * shortcut + branch,\n    "half": lambda',
    )
    change(tree, '    "fashion_mnist": About', '    "mnist1d": About(_digits),\n    "fashion_mnist": About')
    change(tree, '    "extend_to": (Reading', '    "noise": (Reading("end", losses),),\n    "extend_to": (Reading')
    assert hashes() == before
    change(
        tree,
        '    "residual": lambda shortcut, branch, batch: shortcut',
        '    "residual": lambda shortcut, branch, batch: branch',
    )
    assert all(now != then for now, then in zip(hashes(), before, strict=True))


def test_a_definition_may_move_to_another_file(tree):
    """Then its callers name another module, and nothing else changes."""
    before = hashes()
    schedule, descent = tree / "training" / "schedule.py", tree / "training" / "descent.py"
    text = descent.read_text()
    moved = text[text.index("def rate_at(") : text.index("def trained_parameters(")]
    schedule.write_text("import numpy as np\n\n" + moved)
    descent.write_text(
        "from whyresnets.training import schedule\n"
        + text.replace(moved, "").replace("= rate_at(", "= schedule.rate_at(")
    )
    assert hashes() == before
