from itertools import pairwise

from markdown_it import MarkdownIt

from whyresnets.report import Table

TABLE = Table(("a", "b|d"), [("12", "|x|"), ("1e3", "")], "A *note*.")


def test_a_table_is_aligned_text():
    assert str(TABLE) == repr(TABLE) == "a    b|d\n---  -----\n12   |x|\n1e3\nA *note*."
    assert str(Table(("a", "b"), [])) == "a    b\n---  ---"


def test_a_table_is_markdown_that_is_read_back_cell_by_cell():
    """Numbers stay as they were written, and no cell falls in two at a bar."""
    tokens = MarkdownIt("commonmark").enable("table").parse(TABLE._repr_markdown_())
    cells = [t.content for before, t in pairwise(tokens) if before.type in ("th_open", "td_open")]
    assert cells == ["a", "b|d", "12", "|x|", "1e3", ""]
    assert tokens[-2].content == TABLE.note and tokens[-3].type == "paragraph_open"
    assert Table(("a",), [("b",)])._repr_markdown_().count("\n") == 2
