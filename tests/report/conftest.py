"""Tables of a chapter that has all a chapter may have; of its records, the toy chapter's alone is there."""

import pytest

from whyresnets.store import records
from whyresnets.training.runs import Runs


@pytest.fixture(autouse=True)
def folder(toy_records, monkeypatch):
    """The records of that chapter are those of the toy chapter."""
    monkeypatch.setattr(records, "RECORDS", toy_records)


@pytest.fixture
def live(trained) -> dict[str, Runs]:
    """The first five seeds, as a reader's run has them."""
    return {arm: runs.first(5) for arm, runs in trained.items()}
