"""A chapter as `make notebooks` writes it, opened in JupyterLab and run there."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import notebooks
import pytest
import referring

pytestmark = pytest.mark.slow  # minutes: a whole chapter is run

ROOT = Path(__file__).parents[2]
CHAPTER = "singularities.ipynb"
RUN, START = 900_000, 60  # milliseconds for a chapter, seconds for the server (chosen by us)
EVERY_CELL = {"windowingMode": "none"}  # those outside of the window, too


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab in a folder with the chapter alone, with no settings of the reader's own."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("chapters")
    chapter = nbformat.read(ROOT / "book" / CHAPTER, 4)
    nbformat.write(notebooks.shareable(chapter, referring.Book.read(ROOT), ROOT / "book"), folder / CHAPTER)
    tracker = home / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    tracker.parent.mkdir(parents=True)
    tracker.write_text(json.dumps(EVERY_CELL))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"JUPYTER_CONFIG_DIR": home, "JUPYTER_DATA_DIR": home, "JUPYTERLAB_SETTINGS_DIR": home / "settings"}
    env = os.environ | {name: str(place) for name, place in places.items()} | {"JUPYTER_PREFER_ENV_PATH": "1"}
    options = [f"--ServerApp.port={port}", f"--ServerApp.root_dir={folder}", "--no-browser", "--allow-root"]
    options += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", "--IdentityProvider.token="]
    with (home / "log").open("w") as log:
        server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], env=env, stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        yield wait_for(address, server, home / "log")
        server.terminate()
        server.wait(30)


def wait_for(address: str, server: subprocess.Popen, log: Path) -> str:
    """The address, as soon as somebody answers there."""
    for _ in range(START * 2):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{address}/api", timeout=5)
            return address
        except OSError:
            time.sleep(0.5)
    raise AssertionError(log.read_text())


@pytest.mark.slow  # a chapter's live run
def test_a_chapter_shows_its_code_folds_its_solutions_and_runs(lab, open_page):
    """An exercise answered, all cells run, figures drawn, a solution unfolded."""
    page = open_page(f"{lab}/lab/tree/{CHAPTER}", size={"width": 1280, "height": 1400})
    text = page.locator(".jp-Notebook")
    text.get_by_text("state = branch if skip is None else").first.wait_for(timeout=START * 1000)
    shown = page.locator(".jp-Notebook .jp-RenderedMarkdown")
    assert "{" not in "".join(shown.locator("p").filter(has_not=page.locator(".MathJax, code")).all_inner_texts())
    answer = page.locator(".cm-line", has_text="answer_1 = None")
    answer.click()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+End")
    page.keyboard.type("answer_1 = 3")
    assert page.locator(".jp-OutputArea-output", has_text="Right: 3").count() == 0
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    checked = page.locator(".jp-OutputArea-output", has_text="Right: 3")
    failed = page.locator("[data-mime-type='application/vnd.jupyter.error']")
    checked.or_(failed).first.wait_for(timeout=RUN)
    assert failed.count() == 0, failed.first.inner_text()
    widths = page.locator(".jp-OutputArea-output img").evaluate_all("all => all.map((image) => image.naturalWidth)")
    assert len(widths) == 7 and min(widths) > 300
    solution = page.locator("details", has_text="Solution. Warm-up")
    hidden = solution.get_by_text("3 zeros, one for each weight")
    assert not hidden.is_visible()
    solution.locator("summary").click()
    hidden.wait_for(state="visible")
