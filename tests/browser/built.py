"""The built book, its pages, and the screens on which they are looked at."""

from pathlib import Path

SITE = Path(__file__).parents[2] / "_build" / "html"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts)
WRITTEN = [name for name in PAGES if "/" not in name or name.startswith("evidence/")]
OWN = [name for name in WRITTEN if name not in ("index.html", "genindex.html", "py-modindex.html")]
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PAPER = {"width": 680, "height": 1009}  # A4 within margins of 15 mm, in pixels of CSS
