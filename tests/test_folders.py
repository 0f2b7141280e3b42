import os
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest

from whyresnets import fetching, folders
from whyresnets.store.cache import cache_folder


def test_a_relative_folder_is_meant_from_where_it_was_first_asked(tmp_path, monkeypatch):
    """As with %cd in a notebook; and in the processes that are started afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WHYRESNETS_CACHE", "runs")
    monkeypatch.setenv("WHYRESNETS_DATA", "../data")
    asked = cache_folder(), fetching.folder()
    assert asked[0].parent == tmp_path / "runs" and asked[1].is_absolute()
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert (cache_folder(), fetching.folder()) == asked
    code = "from whyresnets.store.cache import cache_folder; print(cache_folder())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert Path(said.stdout.strip()) == asked[0]


def test_the_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WHYRESNETS_CACHE", "~/runs")
    assert cache_folder().parent == tmp_path / "runs"
    monkeypatch.setenv("WHYRESNETS_CACHE", "~nobody-of-this-name/runs")
    with pytest.raises(OSError, match="no home folder is known for WHYRESNETS_CACHE"):
        cache_folder()


def test_without_a_home_runs_are_kept_for_the_time_being(monkeypatch):
    monkeypatch.delenv("WHYRESNETS_CACHE", raising=False)
    usual = folders.named("WHYRESNETS_CACHE", "runs")
    assert usual == Path(platformdirs.user_cache_dir("whyresnets")) / "runs"
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: os.path.join("~", ".cache", name))
    assert folders.named("WHYRESNETS_CACHE", "runs").is_absolute()
    monkeypatch.setenv("WHYRESNETS_CACHE", " ")  # named, and yet not
    assert "~" not in str(folders.named("WHYRESNETS_CACHE", "runs"))
