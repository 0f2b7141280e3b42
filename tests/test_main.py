import json
import re
from pathlib import Path

import pytest

from whyresnets import report, store, sweeps, training
from whyresnets.__main__ import SHORT, main
from whyresnets.chapters import CHAPTERS

KEYS = "id verdict printed_verdict effect low high threshold n control scale seconds versions hardware diverged"


def test_claims_lists_every_claim_with_its_source(capsys):
    assert main(["claims"]) == 0
    listed = capsys.readouterr().out
    assert all(claim.id in listed and claim.source in listed for chapter in CHAPTERS for claim in chapter.claims)


def test_claims_as_json(capsys):
    assert main(["claims", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["id"] for row in rows} == {claim.id for chapter in CHAPTERS for claim in chapter.claims}
    assert all(row["source"] and "printed_verdict" in row for row in rows)


def test_judge_at_smoke_scale_writes_what_the_contract_lists(cache, tmp_path, capsys):
    path = tmp_path / "verdicts.json"
    assert main(["judge", "HE1-1", "HE1-3", "--scale", "smoke", "--jobs", "1", "--json", str(path)]) == 0
    shown = capsys.readouterr()
    assert "its verdicts mean nothing" in shown.out
    assert "HE1-1" in shown.out and "to do" in shown.err and not re.search(r"run \d+ of", shown.out)
    rows = json.loads(path.read_text())
    assert [row["id"] for row in rows] == ["HE1-1", "HE1-3"]
    for row in rows:
        assert " ".join(row) == KEYS and set(row["control"]) == {"effect", "low", "high", "fails"}
        assert row["n"] == 5 and row["scale"] == "smoke" and row["printed_verdict"] is None
        assert row["low"] <= row["effect"] <= row["high"]


def test_every_claim_runs_at_smoke_scale(cache, capsys):
    assert main(["judge", "--all", "--scale", "smoke", "--seeds", "1", "--jobs", "1"]) == 0
    assert capsys.readouterr().out.count("too few seeds") == sum(len(chapter.claims) for chapter in CHAPTERS)


def test_first_seed_and_seeds_choose_the_seeds(cache):
    assert main(["judge", "HE1-3", "--scale", "smoke", "--seeds", "2", "--first-seed", "1000", "--jobs", "1"]) == 0
    assert {path.name for path in cache.rglob("*.npz")} == {"1000.npz", "1001.npz"}


def test_no_cache_leaves_the_cache_alone(cache):
    assert main(["judge", "HE1-3", "--scale", "smoke", "--seeds", "1", "--jobs", "1", "--no-cache"]) == 0
    assert not list(cache.rglob("*.npz"))


def test_a_record_is_never_replaced_by_fewer_seeds(cache, capsys):
    """Three smoke runs, handed to the laptop record's writer as `record HE1-3 --seeds 3` would."""
    before = report.ledger(CHAPTERS)
    recorded = CHAPTERS[0].recorded()["plain, BN, zero padding"].first(3)
    with pytest.raises(store.RecordDamaged, match="at least as many"):
        store.write_record("degradation-laptop", [recorded])
    assert report.ledger(CHAPTERS) == before


def test_bad_input_leaves_no_empty_file_behind(tmp_path):
    assert main(["judge", "OP-1", "--scale", "paper", "--json", str(tmp_path / "v.json")]) == 2
    assert not list(tmp_path.iterdir())


def test_recorded_claims_are_judged_with_as_many_seeds_as_their_record():
    by_id = {claim.id: claim for claim in CHAPTERS[0].claims}
    assert report.seeds_to_judge(by_id["HE1-1"], "laptop") == 5
    assert report.seeds_to_judge(by_id["HE1-2b"], "laptop") == 20
    assert report.seeds_to_judge(by_id["HE1-2b"], "smoke") == 5


def test_an_interrupted_judge_says_that_nothing_is_lost(cache, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("whyresnets.sweeps.run", interrupt)
    assert main(["judge", "HE1-3", "--scale", "smoke"]) == 2
    assert "finished runs are kept" in capsys.readouterr().err
    assert main(["judge", "HE1-3", "--scale", "smoke", "--no-cache"]) == 2
    assert "nothing was kept" in capsys.readouterr().err


def test_json_replaces_the_whole_file_or_leaves_the_old_one(cache, tmp_path, monkeypatch, capsys):
    path = tmp_path / "verdicts.json"
    judge = ["judge", "HE1-3", "--scale", "smoke", "--seeds", "1", "--jobs", "1", "--json", str(path)]
    assert main(judge) == 0 and json.loads(path.read_text())[0]["id"] == "HE1-3"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert main(judge) == 2
    assert "No space left" in capsys.readouterr().err and path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["verdicts.json"]


def test_confirm_runs_what_other_code_made_again_and_marks_it(cache, tmp_path, monkeypatch, capsys):
    """A record of two entries, one of them with a bit that today's code does not give."""
    monkeypatch.setattr(store, "RECORDS", tmp_path)
    specs = CHAPTERS[0].arms("smoke")
    plan = {arm: (specs[arm], range(2)) for arm in ("plain-20", "residual-20")}
    runs = sweeps.run(plan, jobs=1)
    runs["plain-20"]["curve"][0, 0] += 1e-6
    with monkeypatch.context() as earlier:
        earlier.setattr(store, "source_hash", lambda *_: "earlier")
        store.write_record("degradation-laptop", list(runs.values()))
    assert len(store.record("degradation-laptop").stale) == 2
    assert main(["record", "--confirm", "--jobs", "1"]) == 1
    assert "1 of 2 entries made by other code came out bit for bit alike" in capsys.readouterr().out
    record = store.record("degradation-laptop")
    assert record.stale == [record.entries[specs["plain-20"], 0]]
    assert record.confirmed == [record.entries[specs["residual-20"], 0]]
    assert main(["record", "--confirm"]) == 1  # what differs is tried again, and differs again


def an_earlier_tree(folder: Path) -> tuple[Path, str]:
    """A checkout of this package in which one decisive line is written differently, and its source hash."""
    import os
    import shutil
    import subprocess
    import sys

    shutil.copytree(Path(store.__file__).parent, folder / "src" / "whyresnets")
    training = folder / "src" / "whyresnets" / "training.py"
    line = "    if step < warm:\n"
    assert training.read_text().count(line) == 1
    training.write_text(training.read_text().replace(line, "    if warm > step:\n"))
    command = [sys.executable, "-c", "from whyresnets import store; print(store.source_hash())"]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    said = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    return folder, said.stdout.strip()


def test_confirm_against_earlier_code_serves_another_processor(cache, tmp_path, monkeypatch, capsys):
    """The record's own bits are those of another processor: today's code is compared with the code that made it."""
    monkeypatch.setattr("whyresnets.__main__.SHORT", 1)  # of the two steps of these runs
    tree, earlier_source = an_earlier_tree(tmp_path / "earlier")
    assert earlier_source != store.source_hash()
    (tmp_path / "records").mkdir()
    monkeypatch.setattr(store, "RECORDS", tmp_path / "records")
    specs = CHAPTERS[0].arms("smoke")
    runs = sweeps.run({arm: (specs[arm], range(2)) for arm in ("plain-20", "residual-20")}, jobs=1)
    for arm in runs:
        runs[arm]["curve"][0, 0] += 1e-6  # as another processor rounds
    with monkeypatch.context() as earlier:
        earlier.setattr(store, "source_hash", lambda *_: earlier_source)
        store.write_record("degradation-laptop", list(runs.values()))
    assert main(["record", "--confirm", "--jobs", "1"]) == 1  # bit for bit it does not come out here
    assert main(["record", "--confirm", "--against", str(tree), "--jobs", "1"]) == 0
    assert "2 of 2 entries" in capsys.readouterr().out
    record = store.record("degradation-laptop")
    assert record.stale == [] and all(about["confirmed"]["steps"] == 1 for about in record.about.values())
    assert "repeats a seed bit for bit beside it, in runs of 1 steps at most" in str(report.provenance(CHAPTERS[0]))

    def one_bit(tree, source, plan, *_):
        found = sweeps.run(plan, jobs=1)
        next(iter(found.values()))["train_loss"][0] += 1e-6
        return found

    with monkeypatch.context() as later:
        later.setattr(store, "source_hash", lambda *_: "later")
        later.setattr(sweeps, "run_by", one_bit)
        assert main(["record", "--confirm", "--against", str(tree), "--jobs", "1"]) == 1
        assert "1 of 2 entries" in capsys.readouterr().out


def test_versions_are_compared_in_short_runs_that_pass_through_the_whole_schedule():
    long = training.Spec(steps=500, family="dense", widths=(4,), watch=(0, 10, 100, 500))
    cut = long.cut(SHORT)
    assert cut.but(steps=500, watch=long.watch) == long and (cut.steps, cut.watch) == (25, (0, 10, 25))
    rates = [training.rate_at(cut, step) for step in range(cut.steps)]
    assert rates[0] < max(rates) == cut.rate and rates[-1] < 0.02 * cut.rate  # warm-up, and down to nearly nothing
    assert cut.steps > 1400 // cut.batch  # into the second epoch of digits
    assert cut.cut(SHORT) == cut and long.but(steps=0, watch=(0,)).cut(SHORT).watch == (0,)


def test_confirm_against_code_that_never_vouched_for_a_record_names_it_and_marks_nothing(
    cache, tmp_path, monkeypatch, capsys
):
    tree, _ = an_earlier_tree(tmp_path / "earlier")
    (tmp_path / "records").mkdir()
    monkeypatch.setattr(store, "RECORDS", tmp_path / "records")
    runs = sweeps.run({"a": (CHAPTERS[0].arms("smoke")["plain-20"], range(1))}, jobs=1)
    with monkeypatch.context() as earlier:
        earlier.setattr(store, "source_hash", lambda *_: "another")
        store.write_record("degradation-laptop", list(runs.values()))
    assert main(["record", "--confirm", "--against", str(tree), "--jobs", "1"]) == 1
    said = capsys.readouterr().out
    assert "degradation-laptop: not compared" in said and "the code that last vouched" in said
    assert len(store.record("degradation-laptop").stale) == 1
    assert main(["record", "--confirm", "--against", str(tmp_path)]) == 2
    assert "no src/whyresnets there" in capsys.readouterr().err
    assert main(["record", "--all", "--against", str(tree)]) == 2
    key = next(iter(store.record("degradation-laptop").about))
    other = sweeps.run({"a": (CHAPTERS[0].arms("smoke")["plain-56"], range(1))}, jobs=1)
    with monkeypatch.context() as earlier:
        earlier.setattr(store, "source_hash", lambda *_: "a third")
        store.write_record("degradation-laptop", list(other.values()))
    assert key in store.record("degradation-laptop").about
    assert main(["record", "--confirm", "--against", str(tree), "--jobs", "1"]) == 2
    assert "several versions" in capsys.readouterr().err
    assert len(store.record("degradation-laptop").stale) == 2
