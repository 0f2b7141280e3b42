"""The addresses of a published book, and notebooks that install the library."""

import json
import shutil
from pathlib import Path

import publishing
import pytest
import yaml

from whyresnets import __version__

ROOT = Path(__file__).parents[2]
NOTEBOOK = {"cells": [{"cell_type": "markdown", "id": "a"}, {"cell_type": "code", "id": "b"}], "nbformat": 4}


def test_the_install_cell_comes_first_among_code_and_once():
    once = publishing.with_install_cell(NOTEBOOK, "https://example.org/w.whl")
    assert [cell["id"] for cell in once["cells"]] == ["a", "install", "b"]
    assert once["cells"][1]["source"][-1] == '%pip install --quiet "whyresnets[notebook] @ https://example.org/w.whl"'
    assert publishing.with_install_cell(once, "https://example.org/w.whl") == once


def test_without_an_address_there_is_no_button_and_no_install_cell():
    settings = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert "launch_buttons" not in settings and "whyresnets_wheel" not in settings["sphinx"]["config"]
    assert settings["html"]["baseurl"] == "" and "url" not in settings["repository"]


def test_with_an_address_buttons_and_cells_lead_to_it():
    settings = yaml.safe_load((ROOT / "_config.yml").read_text())
    known = publishing.with_addresses(settings, "https://example.org/o/r", "https://o.example.org/r/")
    assert known["repository"] == {"url": "https://example.org/o/r", "branch": publishing.BRANCH, "path_to_book": ""}
    assert set(known["launch_buttons"]) == {"colab_url", "binderhub_url"}
    wheel = known["sphinx"]["config"]["whyresnets_wheel"]
    assert wheel == f"https://o.example.org/r/whyresnets-{__version__}-py3-none-any.whl"
    assert known["html"]["baseurl"] == "https://o.example.org/r/"
    assert known["html"]["use_repository_button"] and known["html"]["use_issues_button"]
    assert f"https://o.example.org/r/{publishing.ZIP}" in known["html"]["extra_footer"]
    assert known["sphinx"]["extra_extensions"] == settings["sphinx"]["extra_extensions"]


def test_the_branch_of_notebooks_installs_the_library(tmp_path):
    publishing.write_notebooks(ROOT, tmp_path / "out", "https://example.org/w.whl")
    names = sorted(path.name for path in (ROOT / "book").glob("*.ipynb"))
    assert sorted(path.name for path in (tmp_path / "out").glob("*.ipynb")) == names
    for path in (tmp_path / "out").glob("*.ipynb"):
        assert json.loads(path.read_text())["cells"][1]["id"] == "install"
    needs = (tmp_path / "out" / ".binder" / "requirements.txt").read_text()
    assert needs == "whyresnets[notebook] @ https://example.org/w.whl\n"
    assert (tmp_path / "out" / ".binder" / "runtime.txt").read_text() == "python-3.11\n"
    with pytest.raises(SystemExit, match="is there already"):
        publishing.write_notebooks(ROOT, tmp_path / "out", "https://example.org/w.whl")


def test_the_command_writes_the_addresses_and_the_folder_of_notebooks(tmp_path, monkeypatch):
    shutil.copy(ROOT / "_config.yml", tmp_path)
    shutil.copytree(ROOT / "book", tmp_path / "book")
    shutil.copytree(ROOT / "src", tmp_path / "src")
    monkeypatch.chdir(tmp_path)
    settings = yaml.safe_load((ROOT / "_config.yml").read_text())
    addresses = ("https://example.org/o/r", "https://o.example.org/r")
    publishing.main(["addresses", *addresses])
    assert yaml.safe_load((tmp_path / "_config.yml").read_text()) == publishing.with_addresses(settings, *addresses)
    publishing.main(["notebooks", "out", addresses[1]])
    cell = json.loads((tmp_path / "out" / "intro.ipynb").read_text())["cells"][1]
    assert f"{addresses[1]}/whyresnets-{__version__}-py3-none-any.whl" in cell["source"][-1]


@pytest.mark.parametrize("bad", [[], ["addresses"], ["notebooks", "x"], ["other", "a", "b"]])
def test_bad_arguments_get_one_line(bad, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit, match="name `addresses"):
        publishing.main(bad)


def test_elsewhere_it_says_where_to_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="root of the repository"):
        publishing.main(["addresses", "a", "b"])
