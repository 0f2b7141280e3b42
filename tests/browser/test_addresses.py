"""The book as the publish workflow builds it, with made-up addresses."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import publishing
import pytest

from whyresnets import __version__

ROOT = Path(__file__).parents[2]
REPOSITORY, PAGES = "https://github.com/o/r", "https://o.github.io/r"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The folder of a copy of the repository, built with addresses."""
    copy = tmp_path_factory.mktemp("published")
    for name in ("_config.yml", "CITATION.cff", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, copy)
    for name in ("book", "src"):
        shutil.copytree(ROOT / name, copy / name)
    build = [Path(sys.executable).with_name("jupyter-book"), "build", "-W", "-n", "--keep-going", "book"]
    for command in (
        [sys.executable, "book/_ext/publishing.py", "addresses", REPOSITORY, PAGES],
        [sys.executable, "book/_ext/pages.py"],
        build,
    ):
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    return copy


def test_buttons_and_footer_know_the_addresses(published):
    page = (published / "_build" / "html" / "degradation.html").read_text(encoding="utf-8")
    assert f"https://colab.research.google.com/github/o/r/blob/{publishing.BRANCH}/degradation.ipynb" in page
    assert f"https://mybinder.org/v2/gh/o/r/{publishing.BRANCH}" in page
    assert f"{PAGES}/{publishing.ZIP}" in page


def test_downloaded_notebooks_install_the_wheel_of_this_version(published):
    found = list((published / "_build" / "html").rglob("*.ipynb"))
    assert len(found) > 10
    for path in found:
        first = next(c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code")
        assert f"{PAGES}/whyresnets-{__version__}-py3-none-any.whl" in first["source"][-1]


def test_citations_say_where_the_chapter_stands(published):
    assert f"{PAGES}/degradation.html" in (published / "book" / "degradation.ipynb").read_text(encoding="utf-8")


def test_as_committed_there_is_no_address_and_no_button():
    page = (ROOT / "_build" / "html" / "degradation.html").read_text(encoding="utf-8")
    assert "colab" not in page and "mybinder" not in page and publishing.ZIP not in page
