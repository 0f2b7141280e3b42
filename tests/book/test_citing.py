"""How chapters are cited."""

from pathlib import Path

import citing

from whyresnets.chapters import CHAPTERS

ROOT = Path(__file__).parents[2]

BOOK = {"authors": [{"name": "A and B"}], "date-released": "2031-01-02", "version": "9.8.7", "title": "T"}


def test_a_citation_names_author_year_version_and_place():
    text = citing.citation(BOOK, "https://example.org/", 3, "Chapter title", "some_page.html")
    said = 'A and B (2031). "Chapter title." Chapter 3 of T, version 9.8.7. https://example.org/some_page.html'
    assert f"```text\n{said}\n```" in text
    assert "@incollection{whyresnets-some_page," in text
    for line in ("chapter   = {3}", "year      = {2031}", "note      = {Version 9.8.7}", "booktitle = {T}"):
        assert f"  {line}" in text
    assert "url" not in citing.citation(BOOK, "", 3, "Chapter title", "some_page.html")


def test_a_development_version_is_called_so():
    text = citing.citation(BOOK | {"version": "9.9.0.dev3"})
    assert "T, development version 9.9.0.dev3." in text and "{Development version 9.9.0.dev3}" in text


def test_chapters_are_numbered_as_in_the_table_of_contents():
    cited, order = citing.citations(ROOT), [name for name in citing.listed(ROOT) if name in {c.name for c in CHAPTERS}]
    assert len(order) == len(CHAPTERS)
    for number, name in enumerate(order, 1):
        assert f"Chapter {number} of" in cited[name]
