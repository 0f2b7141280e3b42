"""Fixtures."""

import pytest

from whyresnets.training import Spec


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of its own."""
    monkeypatch.setenv("WHYRESNETS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny():
    """A Spec that trains in a moment."""
    return Spec("residual", 8, 0.1, 3, widths=(2, 3, 4), batch=16)
