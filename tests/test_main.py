import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from made import changed

import whyresnets
from whyresnets import bench, report, sweeps
from whyresnets.__main__ import main
from whyresnets.chapters import CHAPTERS
from whyresnets.store import records

KEYS = (
    "id verdict reason printed_verdict effect low high threshold n control assay horizon scale run_at "
    "seconds versions hardware diverged"
)
SMOKE = ["--scale", "smoke", "--seeds", "1", "--jobs", "1"]


def test_claims_lists_every_claim_with_its_source(capsys):
    """Of the book itself."""
    assert main(["claims"]) == 0
    listed = capsys.readouterr().out
    assert all(claim.id in listed and claim.source in listed for chapter in CHAPTERS for claim in chapter.claims)


def test_claims_as_json(toy, in_a_book, capsys):
    assert main(["claims", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    (claim,) = toy.claims
    assert (row["id"], row["chapter"], row["source"]) == (claim.id, "toy", claim.source)
    assert row["predicts"] == ["training loss: untrained - trained > 0.5 nats"]
    assert (row["printed_verdict"], row["reason"], row["recorded_with_other_code"]) == ("supported", "", False)


def test_the_version_is_the_packages(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0 and capsys.readouterr().out == f"whyresnets {whyresnets.__version__}\n"


def test_judge_trains_what_is_missing_and_compares_with_the_record(trained, in_a_book, tmp_path, capsys):
    """In an empty cache; then, from the cache, against a record that says otherwise."""
    path = tmp_path / "verdicts.json"
    judge = ["judge", "TOY-1", "--jobs", "1", "--json", str(path)]
    assert main(judge) == 0
    shown = capsys.readouterr()
    seconds = sum(5 * sweeps.core_seconds(runs.spec) for runs in trained.values())
    cost = f"about {seconds:.0f} core-seconds, {seconds / 60:.1f} minutes with 1 at a time"
    assert f"15 runs asked for, 15 to do on the cpu, {cost}" in shown.err
    assert "100%" in shown.err
    assert "Your run agrees with the book" in shown.out and not re.search(r"run \d+ of", shown.out)
    (row,) = json.loads(path.read_text())
    assert " ".join(row) == KEYS and set(row["control"]) == {"effect", "low", "high", "fails"}
    assert (row["verdict"], row["printed_verdict"], row["n"], row["run_at"]) == ("supported", "supported", 5, "laptop")
    assert (row["assay"], row["horizon"], row["scale"]) == (None, {"30": "supported"}, "digits")
    assert row["low"] <= row["effect"] <= row["high"] and row["control"]["fails"]
    found = records.record("toy-laptop")
    runs = {spec.optimiser.rate: found.runs(spec) for spec in found.specs.values()}
    records.write_record("toy-laptop", [changed(runs[0.3], "train_loss", 9.0), changed(runs[1e-6], "train_loss", 0.0)])
    assert main(judge) == 1
    shown = capsys.readouterr()
    assert "15 runs asked for, 0 to do" in shown.err and "Your run differs from the book" in shown.out


def test_judge_live_lists_what_it_did_not_judge(book, in_a_book, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("whyresnets.__main__.CHAPTERS", (book,))
    path = tmp_path / "verdicts.json"
    assert main(["judge", "--live", "--jobs", "1", "--json", str(path)]) == 0
    assert [row["id"] for row in json.loads(path.read_text())] == ["TOY-1"]
    assert re.search(r"TOY-2 .* not re-run +conditional: fails when: a tiny rate", capsys.readouterr().out)


def test_smoke_scale_is_compared_with_nothing(in_a_book, capsys):
    assert main(["judge", "toy", *SMOKE]) == 0
    said = capsys.readouterr().out
    assert "too few seeds" in said and report.SMOKE in said


@pytest.mark.slow
def test_every_claim_of_the_book_runs_at_smoke_scale(cache, capsys):
    assert main(["judge", "--all", *SMOKE]) == 0
    assert capsys.readouterr().out.count("too few seeds") == sum(len(chapter.claims) for chapter in CHAPTERS)


def strictly(text: str):
    """JSON as the standard has it: without NaN and infinities."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("out", ["-", "/dev/stdout"])
def test_json_on_standard_output_stands_there_alone(in_a_book, capsys, monkeypatch, tmp_path, out):
    """The table goes to standard error then, and so does what a library prints on the way; no file is made."""
    monkeypatch.chdir(tmp_path)
    run = sweeps.run
    monkeypatch.setattr("whyresnets.sweeps.run", lambda *asked: print("a library says something") or run(*asked))
    assert main(["judge", "TOY-1", *SMOKE, "--json", out]) == 0
    said = capsys.readouterr()
    (row,) = strictly(said.out)
    assert " ".join(row) == KEYS and row["id"] == "TOY-1"
    assert report.SMOKE in said.err and "a library says something" in said.err
    assert not (tmp_path / "-").exists()
    assert main(["judge", "TOY-1", *SMOKE, "--json", "./-"]) == 0  # as with other commands
    said = capsys.readouterr()
    assert report.SMOKE in said.out and strictly((tmp_path / "-").read_text())[0]["id"] == "TOY-1"


@pytest.mark.parametrize("asked", [["--json"], ["--json", "-"], ["--json=-"]])
def test_claims_as_json_stand_alone_too(in_a_book, asked, capsys):
    assert main(["claims", *asked]) == 0
    said = capsys.readouterr()
    assert [row["id"] for row in strictly(said.out)] == ["TOY-1"] and not said.err


def test_claims_in_a_file_are_listed_beside_it(in_a_book, tmp_path, capsys):
    path = tmp_path / "claims.json"
    assert main(["claims", "--json", str(path)]) == 0
    assert strictly(path.read_text())[0]["id"] == "TOY-1" and capsys.readouterr().out.startswith("TOY-1 ")


def test_measurements_on_standard_output_stand_there_alone(monkeypatch, capsys):
    found = SimpleNamespace(tables=["a table"], as_json=lambda: {"growth": float("nan"), "shares": (float("inf"), 1.5)})
    monkeypatch.setattr(bench, "measured", lambda device, say: say("a workload") or found)
    assert main(["bench", "--json", "-"]) == 0
    said = capsys.readouterr()
    assert strictly(said.out) == {"growth": None, "shares": [None, 1.5]}
    assert "a table" in said.err and "a workload" in said.err


def test_first_seed_and_seeds_choose_the_seeds(in_a_book, cache):
    choice = ["--scale", "smoke", "--seeds", "2", "--first-seed", "1000", "--jobs", "1"]
    assert main(["judge", "--all", *choice]) == 0
    assert {path.name for path in cache.rglob("*.npz")} == {"1000.npz", "1001.npz"}


def test_no_cache_leaves_the_cache_alone(in_a_book, cache):
    assert main(["judge", "TOY-1", *SMOKE, "--no-cache"]) == 0
    assert not list(cache.rglob("*.npz"))


def test_json_replaces_the_whole_file_or_leaves_the_old_one(in_a_book, tmp_path, monkeypatch, capsys):
    path = tmp_path / "verdicts.json"
    judge = ["judge", "TOY-1", *SMOKE, "--json", str(path)]
    assert main(judge) == 0 and json.loads(path.read_text())[0]["id"] == "TOY-1"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert main(judge) == 2
    assert "No space left" in capsys.readouterr().err and path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["verdicts.json"]


def test_json_goes_where_a_link_leads(in_a_book, tmp_path):
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    assert main(["judge", "TOY-1", *SMOKE, "--json", str(tmp_path / "link.json")]) == 0
    assert (tmp_path / "link.json").is_symlink() and json.loads((tmp_path / "real.json").read_text())


def test_an_interrupted_judge_says_that_nothing_is_lost(in_a_book, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("whyresnets.sweeps.run", interrupt)
    assert main(["judge", "TOY-1", *SMOKE]) == 2
    assert "finished runs are kept" in capsys.readouterr().err
    assert main(["judge", "TOY-1", *SMOKE, "--no-cache"]) == 2
    assert "nothing was kept" in capsys.readouterr().err


def test_when_the_minutes_are_over_the_same_command_goes_on(in_a_book, capsys):
    assert main(["judge", "TOY-1", *SMOKE, "--minutes", "1e-9"]) == 2
    assert "1e-09 minutes are over; finished runs are kept" in capsys.readouterr().err
    assert main(["judge", "TOY-1", *SMOKE]) == 0


def test_a_mistake_of_ours_shows_all_of_itself_and_never_says_that_a_verdict_differs(in_a_book, capsys, monkeypatch):
    monkeypatch.setattr(report, "judged", lambda *_: 1 / 0)
    assert main(["judge", "TOY-1", *SMOKE]) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_record_adds_seeds_and_refuses_to_lose_some(trained, in_a_book, capsys):
    """The toy chapter's record, made anew: bit for bit what the fixture trained."""
    record = ["record", "TOY-1", "--jobs", "1"]
    for path in in_a_book.iterdir():
        path.unlink()
    assert main([*record, "--seeds", "2"]) == main([*record, "--seeds", "2", "--first-seed", "1000"]) == 0
    assert f"recorded 3 arms in {in_a_book / 'toy-laptop.json'}" in capsys.readouterr().out
    found = records.record("toy-laptop")
    for runs in trained.values():
        assert np.array_equal(found.runs(runs.spec)["curve"], runs.first(2)["curve"])
        assert found.runs(runs.spec, 1000).seeds == (1000, 1001)
    before = (in_a_book / "toy-laptop.npz").read_bytes()
    assert main([*record, "--seeds", "1"]) == 2
    assert "holds 2 seeds of an arm: record at least as many" in capsys.readouterr().err
    assert (in_a_book / "toy-laptop.npz").read_bytes() == before


def test_record_of_a_grid_has_every_rate(toy, in_a_book, monkeypatch):
    (arm,) = toy.grid
    short = replace(toy, grid={arm: tuple(spec.but(steps=1) for spec in toy.grid[arm])})
    monkeypatch.setattr("whyresnets.__main__.CHAPTERS", (short,))
    assert main(["record", "toy", "--grid", "--jobs", "1"]) == 0
    table = report.best_rates(short)
    assert table.head == ("arm", "0.03", "0.1", "0.3", "1") and all(table.rows[0]) and "over 5 tuning" in table.note
