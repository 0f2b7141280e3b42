"""Computed parts, filled into the pages."""

import shutil
from pathlib import Path

import pages
import pytest
from PIL import Image

from whyresnets import data, figures
from whyresnets.chapters import CHAPTERS
from whyresnets.kinds import BLUE

ROOT = Path(__file__).parents[2]


def test_parts_are_filled_once_and_the_rest_is_left_alone():
    text = f"before\n{pages.BEGIN.format('a')}\nold\n{pages.END}\nafter\n{pages.BEGIN.format('b')}\n{pages.END}\n"
    once = pages.filled(text, {"a": "1\n2", "b": "\\g<0>"})
    assert once == text.replace("old\n", "1\n2\n").replace(" b -->\n", " b -->\n\\g<0>\n")
    assert pages.filled(once, {"a": "1\n2", "b": "\\g<0>"}) == once


def test_a_part_that_there_is_not_is_refused():
    with pytest.raises(KeyError):
        pages.filled(f"{pages.BEGIN.format('nothing')}\n{pages.END}", {"a": ""})


@pytest.mark.parametrize("broken", [pages.BEGIN.format("a"), pages.END, f"{pages.END}\n{pages.BEGIN.format('a')}"])
def test_a_part_without_beginning_or_end_is_refused_and_nothing_is_lost(broken):
    whole = f"{pages.BEGIN.format('a')}\nold\n{pages.END}\n"
    for text in (broken, f"{broken}\nprose\n{whole}", f"{whole}prose\n{broken}"):
        with pytest.raises(ValueError, match="begins and does not end"):
            pages.filled(text, {"a": "new"})


def test_every_part_stands_in_some_page():
    texts = "\n".join(pages.today(ROOT).values())
    assert all(pages.BEGIN.format(name) in texts for name in pages.parts(ROOT))


@pytest.fixture
def copied(tmp_path, monkeypatch) -> Path:
    """A copy of what the pages are made of, in which we stand."""
    for name in ("_config.yml", "CITATION.cff", "README.md", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "book", tmp_path / "book", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_out_of_date_is_written_and_named_and_nothing_else(copied, capsys):
    """A page, a notebook, an evidence page and the CSV, the picture of the README and that of the data."""
    known = {name: (copied / "book" / name).read_text(encoding="utf-8") for name in ("ledger.md", "cite.md")}
    intro = (copied / "book" / "intro.ipynb").read_text(encoding="utf-8")
    (copied / "book" / "ledger.md").write_text(
        pages.filled(known["ledger.md"], dict.fromkeys(pages.parts(ROOT), "old"))
    )
    (copied / "book" / "intro.ipynb").write_text(intro.replace("claims stand in the ledger", "claims sat in it"))
    (copied / "book" / "ledger.csv").unlink()
    shutil.rmtree(copied / "book" / "evidence")
    for picture in ("puzzle.png", "mnist1d.png"):
        (copied / "book" / "_static" / picture).unlink()
    pages.main()
    said = capsys.readouterr().out.splitlines()
    evidence = sorted(f"evidence/{chapter.name}.md" for chapter in CHAPTERS)
    assert sorted(said) == [f"written: book/{name}" for name in (*evidence, "intro.ipynb", "ledger.csv", "ledger.md")]
    for name in evidence:
        assert (copied / "book" / name).read_bytes() == (ROOT / "book" / name).read_bytes()
    assert {name: (copied / "book" / name).read_text(encoding="utf-8") for name in known} == known
    assert (copied / "book" / "intro.ipynb").read_text(encoding="utf-8") == intro
    assert (copied / "book" / "ledger.csv").read_bytes() == (ROOT / "book" / "ledger.csv").read_bytes()
    for picture in ("puzzle.png", "mnist1d.png"):
        with Image.open(copied / "book" / "_static" / picture) as drawn:
            assert drawn.width > 600 and len(set(drawn.convert("L").tobytes())) > 50  # lines, not an empty page


def test_the_picture_of_the_readme_shows_both_rules_at_both_depths(tmp_path, monkeypatch):
    drawn = []

    def loss_curves(panels, live, recorded):
        drawn.append((panels, live, recorded))
        return figure

    figure = figures.loss_curves({"a": {"20 layers": "plain-20"}}, {}, pages.CHAPTER.recorded())
    monkeypatch.setattr(figures, "loss_curves", loss_curves)
    pages.draw_puzzle(tmp_path / "puzzle.png")
    ((panels, live, recorded),) = drawn
    assert panels == {
        "Plain": {"20 layers": "plain-20", "56 layers": "plain-56"},
        "Residual": {"20 layers": "residual-20", "56 layers": "residual-56"},
    }
    assert live == {} and {arm for arms in panels.values() for arm in arms.values()} <= set(recorded)
    assert (tmp_path / "puzzle.png").exists()


def test_the_picture_of_the_data_shows_an_input_of_each_class_as_a_network_gets_it():
    known, figure = data.load("mnist1d"), pages.ten_inputs()
    assert [axis.get_title(loc="left") for axis in figure.axes] == [str(label) for label in range(10)]
    for label, axis in enumerate(figure.axes):
        (line,) = axis.get_lines()
        values, places = line.get_data()
        assert list(places) == list(range(1, 41)) and line.get_color() == BLUE
        assert axis.get_ylim()[0] > axis.get_ylim()[1]  # downwards, as the page says
        at = [i for i, x in enumerate(known.x_train[:, 0].numpy()) if (x == values).all()]
        assert [known.y_train[i].item() for i in at] == [label]


def test_the_table_of_the_data_names_the_chapters_that_are_trained_on_each():
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in pages.trained_on().splitlines()[2:]]
    assert [row[0] for row in rows] == [f"`{name}`" for name in data.DATASETS]
    at = {row[0].strip("`"): row[1:] for row in rows}
    for scale, column in (("laptop", 0), ("paper", 1)):
        trained = {spec.task.data for spec in pages.CHAPTER.specs(scale).values()}
        assert {name for name in at if "`degradation`" in at[name][column]} == trained
    assert at["fashion_mnist"] == ["none", "none"]
