"""A version stands for one ledger: no printed word changes without a new version and a line of the changelog."""

import json
import subprocess
from pathlib import Path

import pages
import pytest
import versioning
import yaml

from whyresnets import __version__
from whyresnets.chapters import CHAPTERS

ROOT = Path(__file__).parents[2]
LOG = """# Changelog

## Verdicts that changed

| claim | old word | new word | why | version, commit |
| --- | --- | --- | --- | --- |
{rows}

## 1.1 - 2031-02-01

## 1.0 - 2031-01-01
"""
OLD = {"A-1": "supported", "A-2": "refuted", "A-2, paper": "undecided", "A-3": "not run yet"}
NEW = OLD | {"A-1": "conditional", "A-3": "void", "A-4": "supported"}
TWO = {"1.0": {"date": "2031-01-01", "words": OLD}, "1.1": {"date": "2031-02-01", "words": NEW}}
TOLD = LOG.format(rows="| A-1 | supported | conditional | a better control | 1.1, abc |")


def test_the_printed_words_are_those_of_this_version_and_the_changelog_tells_every_change():
    """If this fails: its message says what to do."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    wrong = versioning.objections(__version__, versioning.printed(), versioning.kept(ROOT), changelog)
    assert not wrong, "\n".join(wrong)


def test_every_claim_of_the_book_has_its_word_at_every_scale():
    words = versioning.printed()
    for chapter in CHAPTERS:
        for claim in chapter.claims:
            assert words[claim.id] == chapter.printed(claim).word
            for scale in chapter.larger:
                verdict = chapter.printed(claim, scale)
                assert words.get(f"{claim.id}, {scale}") == (verdict.word if verdict else None)


def test_nothing_is_wrong_where_the_changelog_tells_what_changed():
    """New claims, and words of claims that had not been run, need no line."""
    assert versioning.objections("1.1", NEW, TWO, TOLD) == []


@pytest.mark.parametrize(
    "today, says",
    [
        (NEW | {"A-2": "void"}, "(A-2 was refuted, is void)"),
        (NEW | {"A-2, paper": "refuted"}, "(A-2, paper was undecided, is refuted)"),
        (NEW | {"A-5": "refuted"}, "(A-5 was not there, is refuted)"),
        ({claim: word for claim, word in NEW.items() if claim != "A-4"}, "(A-4 was supported, is withdrawn)"),
    ],
)
def test_a_word_that_changed_needs_a_new_version(today, says):
    (wrong,) = versioning.objections("1.1", today, TWO, TOLD)
    assert f"version 1.1 was printed with other words {says}: raise __version__ in src/whyresnets/__init__.py" in wrong


@pytest.mark.parametrize("version", ["1.0", "1.2"])
def test_a_version_that_is_not_the_last_is_refused(version):
    (wrong,) = versioning.objections(version, NEW, TWO, TOLD)
    assert f"version {version} is not the last of book/versions.json, 1.1: raise" in wrong


@pytest.mark.parametrize(
    "row",
    [
        "",
        "| A-2 | supported | conditional | another claim | 1.1 |",
        "| A-1 | refuted | conditional | another old word | 1.1 |",
        "| A-1 | supported | void | another new word | 1.1 |",
        "| A-1 | supported | conditional | another version | 1.0 |",
        "| A-1 | supported | conditional | another version | 1.10 |",
        "\n## Elsewhere\n\n| A-1 | supported | conditional | under another heading | 1.1 |",
    ],
)
def test_a_word_that_changed_needs_its_line_in_the_changelog(row):
    (wrong,) = versioning.objections("1.1", NEW, TWO, LOG.format(rows=row))
    assert wrong.endswith('lacks a line under "Verdicts that changed": | A-1 | supported | conditional | why | 1.1 |')


def test_a_claim_that_is_gone_was_withdrawn():
    less = {"1.0": TWO["1.0"], "1.1": {"date": "2031-02-01", "words": {"A-1": "supported"}}}
    wrong = versioning.objections("1.1", {"A-1": "supported"}, less, LOG.format(rows=""))
    assert [line.split("| ", 1)[1] for line in wrong] == [
        "A-2 | refuted | withdrawn | why | 1.1 |",
        "A-2, paper | undecided | withdrawn | why | 1.1 |",
    ]


def test_every_version_heads_a_section_with_its_date():
    (wrong,) = versioning.objections("1.1", NEW, TWO, TOLD.replace("2031-01-01", "2031-01-02"))
    assert wrong == "CHANGELOG.md lacks a section of version 1.0: ## 1.0 - 2031-01-01"


def test_a_new_version_is_added_with_its_words_and_an_old_one_is_never_changed(monkeypatch):
    monkeypatch.setattr(versioning, "__version__", "1.2")
    added = versioning.with_today(TWO)
    assert list(added) == ["1.0", "1.1", "1.2"] and added["1.2"]["words"] == versioning.printed()
    assert {name: added[name] for name in TWO} == TWO
    monkeypatch.setattr(versioning, "__version__", "1.1")
    assert versioning.with_today(TWO) == TWO
    assert json.loads(versioning.as_json(TWO)) == TWO


def test_the_citation_has_the_version_and_its_date():
    about = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert about["version"] == __version__ and str(about["date-released"]) == versioning.kept(ROOT)[__version__]["date"]
    text = versioning.cited("title: T\nversion: 9.9\ndate-released: 2001-01-01\n", versioning.kept(ROOT))
    assert text == f"title: T\nversion: {__version__}\ndate-released: {about['date-released']}\n"


def test_pages_write_the_versions_and_the_citation():
    wanted = pages.today(ROOT)
    assert {ROOT / "CITATION.cff", ROOT / "book" / "versions.json"} <= set(wanted)


def test_the_versions_of_the_last_commit_are_all_there_and_unchanged():
    """Where there is a history: what was once printed stays as it was."""
    asked = ["git", "show", "HEAD:book/versions.json"]
    shown = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    if shown.returncode:
        pytest.skip("there is no history here, or no such file in it yet")
    now = versioning.kept(ROOT)
    assert {name: now.get(name) for name in json.loads(shown.stdout)} == json.loads(shown.stdout)
