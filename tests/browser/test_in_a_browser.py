"""Every page as a reader meets it: from the disk, without a network, in light and dark, on a desk and on a phone."""

import io
import json
import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
from axe_playwright_python.sync_playwright import Axe
from built import OWN, PAGES, PAPER, PHONE, SITE, WIDE
from PIL import Image

from whyresnets.chapters import CHAPTERS

UNFOLD = """() => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  for (const hidden of document.querySelectorAll(".toggle-hidden")) hidden.classList.remove("toggle-hidden");
  for (const box of document.querySelectorAll(".explorable input[type=checkbox]:not(:checked)")) box.click();
}"""
NAMES = [chapter.name for chapter in CHAPTERS]
HEAVIEST = 3_000_000  # bytes of a page with all that it loads
LOOKS = [(scheme, size) for scheme in ("light", "dark") for size in (WIDE, PHONE)]
each_look = pytest.mark.parametrize(
    ("scheme", "size"), LOOKS, ids=lambda it: it if isinstance(it, str) else it["width"]
)


def test_the_book_was_built():
    assert set(NAMES) <= {Path(name).stem for name in OWN} and len(PAGES) > 30


# --- From the disk ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_from_the_disk_without_error_light_and_alone(browser, name):
    """No message on the console, no request that leaves the machine, under 3 MB with all that it loads."""
    context = browser.new_context(viewport=WIDE, offline=True)
    page, said, asked = context.new_page(), [], set()
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"failed: {request.url}"))
    page.on("request", lambda request: asked.add(request.url.split("#")[0].split("?")[0]))
    page.goto(f"file://{SITE}/{name}", wait_until="load")
    if name != "index.html":  # which leads on
        page.evaluate("window.MathJax && MathJax.startup && MathJax.startup.promise")
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_timeout(300)  # for what scripts load later
    context.close()
    assert said == []
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    files = [Path(unquote(urlparse(url).path)) for url in asked if url.startswith("file:")]
    assert sum(path.stat().st_size for path in files) < HEAVIEST


@pytest.mark.parametrize("name", PAGES)
def test_nothing_that_a_page_loads_is_elsewhere(name):
    """Scripts, styles, fonts, images and frames; links may lead out."""
    html = (SITE / name).read_text(encoding="utf-8")
    loads = re.findall(r'<(?:script|img|iframe|source|video|audio)[^>]*?\ssrc="([^"]+)"', html)
    loads += re.findall(r'<link(?![^>]*rel="(?:canonical|next|prev)")[^>]*?href="([^"]+)"', html)
    assert not [url for url in loads if re.match(r"(?:https?:)?//", url)]


def test_styles_load_nothing_from_elsewhere():
    for path in (SITE / "_static").rglob("*.css"):
        elsewhere = r"(?:url\(|@import)\s*['\"]?(?:https?:)?//"
        assert not re.search(elsewhere, path.read_text(encoding="utf-8")), path.name


@pytest.mark.parametrize("name", OWN)
def test_every_link_inside_the_book_leads_somewhere(name):
    html = (SITE / name).read_text(encoding="utf-8")
    for target in set(re.findall(r'<a [^>]*?href="([^"]+)"', html)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        page = (SITE / name).parent / unquote(path) if path else SITE / name
        assert page.exists(), target
        if anchor and page.suffix == ".html":
            assert f'id="{unquote(anchor)}"' in page.read_text(encoding="utf-8"), target


def test_search_finds_skipinit_from_the_disk(from_file):
    page = from_file("search.html?q=SkipInit")
    found = page.locator("#search-results li a")
    found.first.wait_for()
    assert "identity_bias.html" in " ".join(link.get_attribute("href") for link in found.all())


def test_the_search_field_opens_with_the_keyboard_and_searches(from_file):
    page = from_file("intro.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("overfitting")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"search\.html\?q=overfitting"))
    found = page.locator("#search-results li a")
    found.first.wait_for()
    assert "degradation.html" in " ".join(link.get_attribute("href") for link in found.all())


# --- Mathematics and figures --------------------------------------------------------------------


@pytest.mark.parametrize("name", [*NAMES, "notation"])
def test_mathematics_is_rendered(from_file, name):
    page = from_file(f"{name}.html")
    page.wait_for_function("window.MathJax && MathJax.startup && MathJax.startup.promise")
    page.evaluate("MathJax.startup.promise")
    formulas = page.locator(".math").count()
    assert formulas > 5 and page.locator("mjx-container").count() >= formulas
    assert page.locator("mjx-merror").count() == 0
    assert "\\(" not in page.locator("article").inner_text() and "$$" not in page.locator("article").inner_text()


@pytest.mark.parametrize("name", ["intro", *NAMES, "assignment"])
@each_look
def test_figures_are_there_opaque_and_not_clipped(from_file, name, scheme, size):
    page = from_file(f"{name}.html", size=size, scheme=scheme)
    figures = page.locator("figure img")
    assert figures.count() >= 1
    for image in figures.all():
        shown = image.evaluate(
            """async (image) => { await image.decode(); const box = image.getBoundingClientRect();
               const frame = image.closest("a"); const room = frame.getBoundingClientRect();
               return {natural: image.naturalWidth, width: box.width, ratio: box.width / box.height,
                       whole: image.naturalWidth / image.naturalHeight, room: room.width, right: room.right,
                       scrolls: frame.scrollWidth - frame.clientWidth}; }"""
        )
        assert shown["natural"] > 300 and shown["ratio"] == pytest.approx(shown["whole"], rel=0.05)
        assert shown["right"] <= size["width"]  # the frame is on the page
        assert shown["width"] <= shown["room"] + 1 or shown["scrolls"] > 0  # and holds the figure, or scrolls
        assert shown["width"] >= min(0.55 * shown["natural"], 600)  # its letters keep their size
        alt = image.get_attribute("alt")
        assert len(alt.split()) >= 12


@pytest.mark.parametrize("name", ["intro", "degradation"])
def test_figures_keep_their_light_ground_in_dark_mode(from_file, name):
    page = from_file(f"{name}.html", scheme="dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    image = page.locator("figure img").first
    picture = Image.open(io.BytesIO(image.screenshot())).convert("L")
    corner = picture.getpixel((4, 4))
    darkest, _ = picture.getextrema()
    assert corner > 170 and corner - darkest > 120  # ground and ink


# --- What a reader does -------------------------------------------------------------------------


def test_solutions_unfold(from_file):
    page = from_file("degradation.html")
    solution = page.locator(".solution.dropdown").first
    text = solution.locator("p").last
    assert not text.is_visible()
    solution.locator(".toggle-button").first.click()
    text.wait_for(state="visible")


def test_the_ledger_at_a_glance_unfolds_and_leads_to_a_claim(from_file):
    page = from_file("intro.html")
    link = page.get_by_role("link", name="HE1-2", exact=True)
    page.locator("details > summary", has_text="Degradation").click()
    link.click()
    page.wait_for_url(re.compile(r"ledger\.html#claim-he1-2$"))
    assert page.locator("#claim-he1-2").count() == 1


@pytest.mark.parametrize("name", ["cite", *NAMES])
def test_citations_copy(open_page, address, name):
    page = open_page(f"{address}/{name}.html", permissions=["clipboard-read", "clipboard-write"])
    for kind, begins in (("text", "The Why Residual Networks Train contributors (20"), ("bibtex", "@")):
        block = page.locator(f".highlight-{kind}").last
        block.hover()
        block.locator("button.copybtn").click()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied.strip() == block.locator("pre").inner_text().strip() and copied.startswith(begins)


def test_the_slider_answers_to_mouse_and_keyboard(from_file):
    page = from_file("degradation.html")
    figure = page.locator(".explorable")
    shown = figure.locator(".frame:visible")
    assert shown.count() == 1 and shown.get_attribute("data-value") == "20"
    slider = figure.get_by_role("slider", name="layers")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert shown.get_attribute("data-value") == "56" and slider.get_attribute("aria-valuetext") == "56"
    assert "Plain: 0 of 10 seeds train" in shown.inner_text()
    page.keyboard.press("Home")
    assert shown.get_attribute("data-value") == "8"
    slider.fill("1")
    start, other = (
        figure.locator(f'.frame.now g[data-arm="{kind}"]') for kind in ("plain, Dirac start", "permuted shortcut")
    )
    assert not start.is_visible() and not other.is_visible()
    figure.get_by_role("checkbox", name="plain, identity kernels").check()
    assert start.is_visible() and not other.is_visible()


def test_without_scripts_all_depths_are_shown(open_page):
    page = open_page(f"file://{SITE}/degradation.html", java_script_enabled=False)
    assert page.locator(".explorable .frame:visible").count() == 3
    assert not page.locator(".explorable input[type=range]").is_visible()


def test_a_notebook_can_be_downloaded(open_page, address):
    page = open_page(f"{address}/degradation.html", accept_downloads=True)
    page.get_by_role("button", name="Download this page").click()
    link = page.locator(".dropdown-download-buttons a", has_text=".ipynb")
    link.evaluate("(link) => { link.download = ''; }")  # or the browser shows it
    with page.expect_download() as coming:
        link.click()
    notebook = json.loads(Path(coming.value.path()).read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4 and len(notebook["cells"]) > 20


def test_a_phone_finds_its_way(from_file):
    page = from_file("intro.html", size=PHONE)
    page.locator(".primary-toggle:visible").first.click()
    link = page.locator(":is(dialog, .bd-sidebar-primary) a:visible", has_text="Identity bias").first
    link.wait_for(state="visible")
    link.click()
    page.wait_for_url(re.compile(r"identity_bias\.html$"))
    assert page.locator("article h1").is_visible()


@pytest.mark.parametrize("name", OWN)
def test_no_page_is_wider_than_a_phone(from_file, name):
    page = from_file(name, size=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


# --- On paper -----------------------------------------------------------------------------------

HIDDEN = """() => [...document.querySelectorAll("article :is(details, .solution) *, article .frame")]
  .filter((part) => !part.closest("summary, button, svg, mjx-container"))
  .filter((part) => !part.checkVisibility({opacityProperty: true, visibilityProperty: true}))
  .map((part) => part.outerHTML.slice(0, 200))"""
CUT_OFF = """() => [...document.querySelectorAll("article :is(pre, table, img, svg, mjx-container, .cell_output)")]
  .filter((part) => part.matches("pre, .cell_output") && part.scrollWidth > part.clientWidth + 1
    || part.getBoundingClientRect().right > document.querySelector("article").getBoundingClientRect().right + 1)
  .map((part) => part.outerHTML.slice(0, 200))"""
STATE = """() => [document.documentElement.dataset.theme, document.querySelectorAll("article details[open]").length,
  document.querySelectorAll("article .toggle-hidden").length]"""
SHADES = """() => [document.body, ...document.querySelectorAll("article, article :is(pre, p)")]
  .map((part) => getComputedStyle(part)).map((look) => [look.backgroundColor, look.color])"""
THEME = "(theme) => document.documentElement.dataset.theme == theme"


def lightness(colour: str) -> float:
    """Of a colour as CSS says it, from 0 to 1, on white paper."""
    red, green, blue, alpha, *_ = *map(float, re.findall(r"[\d.]+", colour)), 1.0
    return 1 - alpha * (1 - (red + green + blue) / 3 / 255)


@pytest.mark.parametrize("name", [name for name in OWN if name != "search.html"])  # which has no text
def test_a_page_is_printed_whole_and_light_and_is_then_as_it_was(from_file, name):
    """Folds are open, lines of code and tables end on the paper, nothing leads elsewhere; also from dark mode."""
    page = from_file(name, scheme="dark")
    page.evaluate("window.MathJax && MathJax.startup && MathJax.startup.promise")
    before = page.evaluate(STATE)
    assert before[:2] == ["dark", 0]
    page.set_viewport_size(PAPER)
    page.emulate_media(media="print", color_scheme="dark")
    page.wait_for_function(THEME, arg="light", timeout=3000)
    assert page.evaluate(HIDDEN) == [] and page.evaluate(CUT_OFF) == []
    for ground, ink in page.evaluate(SHADES):
        assert lightness(ground) > 0.9 and lightness(ink) < 0.5
    led = ".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .prev-next-footer, #jb-print-toc, nav"
    assert page.locator(f":is({led}):visible").count() == 0
    page.emulate_media(media="screen", color_scheme="dark")
    page.wait_for_function(THEME, arg="dark", timeout=3000)
    assert page.evaluate(STATE) == before


def test_the_print_command_opens_and_shuts_folds_too(from_file):
    page = from_file("intro.html", scheme="dark")
    page.evaluate(f"addEventListener('beforeprint', () => {{ window.seen = ({STATE})(); }})")
    page.pdf()
    light, unfolded, _ = page.evaluate("window.seen")
    assert light == "light" and unfolded == page.locator("article details").count() > 4
    assert page.evaluate(STATE)[:2] == ["dark", 0]


def test_without_scripts_folds_are_printed_open(open_page):
    page = open_page(f"file://{SITE}/intro.html", java_script_enabled=False)
    tables = page.locator("article details table")
    assert not tables.first.is_visible()
    page.emulate_media(media="print")
    assert all(table.is_visible() for table in tables.all())


# --- Who hears the page, or has no mouse --------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in PAGES if name != "index.html"])  # which leads on
@each_look
def test_axe_finds_nothing_serious(open_page, address, name, scheme, size):
    """With every fold and solution open and every net of the slider drawn."""
    page = open_page(f"{address}/{name}", size=size, scheme=scheme)
    page.evaluate(UNFOLD)
    page.wait_for_timeout(500)  # folds fade in
    found = Axe().run(page).response["violations"]
    assert not [
        (violation["id"], node["html"][:200])
        for violation in found
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("name", [name for name in OWN if name != "search.html"])  # which has no text
def test_headings_go_down_by_one_and_every_image_has_words(from_file, name):
    page = from_file(name)
    levels = page.eval_on_selector_all("article :is(h1,h2,h3,h4,h5)", "all => all.map((h) => Number(h.tagName[1]))")
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert page.locator("article img:not([alt]), article img[alt='']").count() == 0
    assert page.locator("article figure:not(:has(figcaption))").count() == 0


def test_the_first_key_press_offers_to_skip_to_the_text(from_file):
    page = from_file("degradation.html")
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.innerText")
    assert "skip to main" in focused.lower()


def test_unfolding_shows_what_axe_is_to_see(from_file):
    page = from_file("degradation.html")
    page.evaluate(UNFOLD)
    assert page.locator(".solution.dropdown p").last.is_visible()
    assert page.locator('.frame.now g[data-arm="plain, Dirac start"]').is_visible()
