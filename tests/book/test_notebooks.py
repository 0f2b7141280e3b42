"""The chapters as notebooks that are opened outside of the rendered book."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import notebooks
import pytest
import referring
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
HE = "https://arxiv.org/abs/1512.03385"
SPHINX = r"\{[a-z:]+\}`|^(?:`{3,}|:{3,})\{|^\([\w-]+\)=$|^:[a-z-]+:"  # roles, directives, targets, options


@pytest.fixture(scope="module")
def book() -> referring.Book:
    return referring.Book.read(ROOT)


@pytest.fixture
def placed(book) -> referring.Book:
    """The same, where its address is known."""
    return referring.Book("https://example.org/b/", book.titles, book.labels, book.figures, book.works)


@pytest.fixture
def text(book) -> notebooks.Text:
    return notebooks.Text(book, ROOT / "book")


@pytest.fixture
def repository(tmp_path) -> Path:
    """A book of one small chapter."""
    (tmp_path / "book").mkdir()
    (tmp_path / "_config.yml").write_text("html: {baseurl: ''}\nsphinx: {config: {}}\n")
    (tmp_path / "book" / "_toc.yml").write_text("root: a\nparts: []\n")
    (tmp_path / "book" / "references.bib").write_text("")
    cells = [new_markdown_cell("# A"), new_code_cell("answer = None")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "book" / "a.ipynb")
    return tmp_path


# --- Text ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_notebook_keeps_what_only_sphinx_understands(book, path):
    """And every solution is folded, every piece of code is there, every figure has its caption."""
    before = nbformat.read(path, 4)
    after = notebooks.shareable(before, book, path.parent)
    nbformat.validate(after)
    said, told = ("\n\n".join(c.source for c in n.cells if c.cell_type == "markdown") for n in (before, after))
    outside = re.sub(r"^(`{3,}).*?^\1$", "", told, flags=re.M | re.S)
    assert not re.search(SPHINX, outside, re.M) and "../src" not in told
    assert told.count("<summary>Solution. ") == said.count("{solution}")
    assert len(re.findall(r"^From `whyresnets/.*`:\n\n```python\n\S", told, re.M)) == said.count("{literalinclude}")
    figures = [c for c in before.cells if "figure" in c.metadata.get("mystnb", {})]
    assert len(re.findall(r"^\*Figure \d+\.\* \S", told, re.M)) == len(figures)
    assert [c.source for c in after.cells if c.cell_type == "code" and c.id != "check"] == [
        c.source for c in before.cells if c.cell_type == "code"
    ]


def test_included_code_is_the_code(text):
    options = ':language: python\n:start-at: "BLUE, "\n:end-at: "BLUE, "'
    shown = text(f"```{{literalinclude}} ../src/whyresnets/kinds.py\n{options}\n```")
    lines = (ROOT / "src/whyresnets/kinds.py").read_text().splitlines()
    line = next(line for line in lines if line.startswith("BLUE, "))
    assert shown == f"From `whyresnets/kinds.py`:\n\n```python\n{line}\n```"


EXERCISE = "````{exercise} Try\n:label: ex-a\n\nRun\n\n```python\n1\n```\n````"
SOLUTION = "```{solution} ex-a\n:class: dropdown\n\nIt is 1.\n```"
APART = "### Exercise. Try\n\nRun\n\n```python\n1\n```\n\n*(Its solution is at the end of this notebook.)*"


def test_solutions_stand_apart_and_folded(text):
    assert text(f"Do:\n\n{EXERCISE}\n\n{SOLUTION}") == f"Do:\n\n{APART}"
    assert text.solutions == ["<details>\n<summary>Solution. Try</summary>\n\nIt is 1.\n\n</details>"]


def test_paragraphs_lists_and_code_are_left_alone(text):
    source = "- a\n- b\n\nNext\n\n| a | b |\n|---|---|\n| 1 | `{ref}` |\n\n```text\n{doc}`larger`\n```\n\n$$\nx\n$$"
    assert text(source) == source


REFERENCES = [
    "{doc}`larger`",
    "{doc}`more <larger>`",
    "{ref}`HE1-2 <claim-HE1-2>`",
    "{ref}`glance`",
    "{numref}`Figure %s <fig-answer>`",
    "{numref}`fig-answer`",
]


@pytest.mark.parametrize("source", REFERENCES)
def test_a_reference_is_its_text_or_a_link_if_the_address_is_known(book, placed, source):
    alone = notebooks.Text(book, ROOT / "book")(source)
    linked = notebooks.Text(placed, ROOT / "book")(source)
    assert alone and not set(alone) & set("[]{}`<>")
    assert re.fullmatch(rf"\[{re.escape(alone)}\]\(https://example\.org/b/\w+\.html(?:#[\w-]+)?\)", linked)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("{ref}`HE1-2 <claim-HE1-2>`", "[HE1-2](https://example.org/b/ledger.html#claim-he1-2)"),
        ("{numref}`%s <fig-answer>`", "[1](https://example.org/b/intro.html#fig-answer)"),
        ("{cite:t}`he2016deep`", f"[He et al. (2016)]({HE})"),
        ("{cite:p}`he2016deep, yang2019mean`", f"([He et al., 2016]({HE}); Yang et al., 2019)"),
        ("{math}`x^2`", "$x^2$"),
        ("```{math}\nx\n```", "$$\nx\n$$"),
        ("```{note}\n{math}`x`\n```", "> **Note**\n>\n> $x$"),
        (":::{admonition} Look\nx\n:::", "> **Look**\n>\n> x"),
        ("```{dropdown} More\nx\n```", "<details>\n<summary>More</summary>\n\nx\n\n</details>"),
        ("(a-target)=\n## Title", "## Title"),
        ("% a comment\n\nText", "Text"),
        ("| a |\n|---|\n| {math}`x` |", "| a |\n|---|\n| $x$ |"),
    ],
)  # fmt: skip
def test_roles_and_directives_get_a_plain_form(placed, source, shown):
    assert notebooks.Text(placed, ROOT / "book")(source) == shown


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("{download}`x`", "no form for the role"),
        ("```{tableofcontents}\n```", "no form for {tableofcontents}"),
        ("{doc}`nowhere`", "leads to nothing"),
        ("{ref}`a <nowhere>`", "leads to nothing"),
        ("{numref}`nowhere`", "leads to nothing"),
        ("{cite:t}`nobody2000`", "leads to nothing"),
        ("[the page](larger.md)", "is not beside a notebook"),
        ("![Three words here](_static/puzzle.png)", "is not beside a notebook"),
        ("- a\n  ```{note}\n  x\n  ```", "set it apart"),
        ("```{solution} ex-none\nx\n```", "ex-none"),
        ('```{literalinclude} ../src/whyresnets/kinds.py\n:start-at: "never said"\n```', "never said"),
        ("```{literalinclude} ../src/no.py\n```", "no.py"),
    ],
)
def test_what_has_no_form_is_refused(text, source, says):
    with pytest.raises(ValueError, match=re.escape(says)):
        text(source)


# --- Cells --------------------------------------------------------------------------------------


def cells_of(book, *cells, wheel: str = "") -> list:
    return notebooks.shareable(new_notebook(cells=list(cells)), book, ROOT / "book", wheel).cells


def test_what_the_book_folds_jupyterlab_folds(book):
    hidden = [
        cells_of(book, new_markdown_cell("# A"), new_code_cell("1", metadata={"tags": [tag]}))[-1].metadata
        for tag in ("hide-input", "remove-input", "hide-output", "nbval-ignore-output")
    ]
    folded = [{"source_hidden": True}, {"source_hidden": True}, {"outputs_hidden": True}]
    assert hidden == [*({"jupyter": fold} for fold in folded), {}]


def test_progress_is_left_out_and_the_rest_stays(book):
    outputs = [new_output("stream", name=name, text=name) for name in ("stderr", "stdout")]
    (*_, cell) = cells_of(book, new_markdown_cell("# A"), new_code_cell("1", outputs=outputs))
    assert [output.name for output in cell.outputs] == ["stdout"]


def test_a_claim_in_brackets_leads_to_its_row_where_the_address_is_known(book, placed):
    """In the text and in tables that a cell shows, not in code."""
    shown = new_output("display_data", data={"text/markdown": "It is so. [HE1-1]", "text/plain": "It is so. [HE1-1]"})
    text, code = new_markdown_cell("# A\n\nSo [HE1-1].\n\n```text\n[HE1-1]\n```"), new_code_cell("1", outputs=[shown])
    row = "[[HE1-1]](https://example.org/b/evidence/degradation.html#evidence-he1-1)"
    first, *_, last = cells_of(placed, text, code)
    assert first.source == f"# A\n\nSo {row}.\n\n```text\n[HE1-1]\n```"
    assert last.outputs[0].data == {"text/markdown": f"It is so. {row}", "text/plain": "It is so. [HE1-1]"}
    first, *_, last = cells_of(book, text, code)
    assert first.source == text.source and last.outputs[0].data == shown.data


def test_the_first_cell_installs_the_library_where_it_has_an_address(book):
    (_, first) = cells_of(book, new_markdown_cell("# A"), wheel="https://example.org/w.whl")
    assert "%pip install" in first.source and "https://example.org/w.whl" in first.source


def test_the_first_cell_says_in_a_line_what_is_missing(book):
    """And what to do: here in a Python that has none of the library."""
    (_, first) = cells_of(book, new_markdown_cell("# A"))
    assert subprocess.run([sys.executable, "-c", first.source], capture_output=True).returncode == 0
    alone = subprocess.run([sys.executable, "-I", "-S", "-c", first.source], capture_output=True, text=True)
    last = alone.stderr.strip().splitlines()[-1]
    assert "ImportError: whyresnets, matplotlib, seaborn not found by this kernel" in last
    assert "make lab" in last and "%pip install" in last


def test_a_shareable_notebook_stays_as_it_is(book):
    """Sphinx's copies have the cell that installs already."""
    wheel = "https://example.org/w.whl"
    once = notebooks.shareable(new_notebook(cells=[new_markdown_cell("# A")]), book, ROOT / "book", wheel)
    assert [c.source for c in notebooks.shareable(once, book, ROOT / "book", wheel).cells] == [
        c.source for c in once.cells
    ]


# --- Files --------------------------------------------------------------------------------------


def test_answers_of_a_reader_are_never_overwritten(repository, monkeypatch, capsys):
    monkeypatch.chdir(repository)
    notebooks.main(["out"])
    mine = json.loads(Path("out/a.ipynb").read_text())
    mine["cells"][-1]["outputs"] = [dict(new_output("stream", name="stdout", text="1"))]
    Path("out/a.ipynb").write_text(json.dumps(mine))
    notebooks.main(["out"])
    assert nbformat.read("out/a.ipynb", 4).cells[-1].outputs == [] and capsys.readouterr().out == ""
    mine["cells"][-1]["source"] = "answer = 3"
    Path("out/a.ipynb").write_text(json.dumps(mine))
    notebooks.main(["out"])
    assert nbformat.read("out/a.ipynb", 4).cells[-1].source == "answer = 3"
    assert capsys.readouterr().out.startswith("Kept, because you changed it: a.ipynb.")


def test_a_notebook_of_another_origin_is_kept(repository, monkeypatch):
    monkeypatch.chdir(repository)
    Path("out").mkdir()
    shutil.copy("book/a.ipynb", "out/a.ipynb")
    assert notebooks.write(repository, Path("out")) == ["a.ipynb"]


def test_bad_arguments_and_bad_pages_get_one_line(repository, monkeypatch):
    monkeypatch.chdir(repository)
    with pytest.raises(SystemExit, match="name one folder"):
        notebooks.main([])
    nbformat.write(new_notebook(cells=[new_markdown_cell("# A\n\n{doc}`b`")]), "book/a.ipynb")
    with pytest.raises(SystemExit, match=r"a\.ipynb: .*leads to nothing"):
        notebooks.main(["out"])
    monkeypatch.chdir(repository / "book")
    with pytest.raises(SystemExit, match="root of the repository"):
        notebooks.main(["out"])


def test_make_clean_leaves_the_notebooks_of_a_reader(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("_build/notebooks/a.ipynb", "_build/html/a.html", "_build/.doctrees/a", "build/a"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    for _ in range(2):  # the second time there is nothing
        subprocess.run(["make", "clean"], cwd=tmp_path, check=True, capture_output=True)
        assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"Makefile", "a.ipynb"}


@pytest.mark.slow  # a chapter's live run
def test_a_chapter_runs_in_an_empty_folder(book, tmp_path):
    path = ROOT / "book" / "singularities.ipynb"
    nbformat.write(notebooks.shareable(nbformat.read(path, 4), book, path.parent), tmp_path / path.name)
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", path.name]
    settings = os.environ | {"WHYRESNETS_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=settings)
    assert done.returncode == 0, done.stderr
    ran = [cell for cell in nbformat.read(tmp_path / path.name, 4).cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in ran)
    assert any("image/png" in output.get("data", {}) for cell in ran for output in cell.outputs)
