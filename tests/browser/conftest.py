"""A built book, a browser, and pages in it. `make browser` builds the one and runs these tests with the other."""

import functools
import http.server
import shutil
import threading

import pytest
from built import SITE, WIDE
from playwright.sync_api import sync_playwright

QUIET = (  # a browser that calls nobody by itself
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser():
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert found, "no Chromium here: install it (Debian: apt-get install chromium)"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address():
    """The book served on this machine: axe and the clipboard need that."""
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=SITE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def open_page(browser):
    """A function that opens an address in a fresh context and gives the page."""
    contexts = []

    def opened(url: str, size: dict = WIDE, scheme: str = "light", **options):
        context = browser.new_context(viewport=size, color_scheme=scheme, **options)
        contexts.append(context)
        page = context.new_page()
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def from_file(open_page):
    """The same for a page of the book, read from the disk."""
    return lambda name, **how: open_page(f"file://{SITE}/{name}", **how)
