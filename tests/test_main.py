import json
import re

import pytest

from whyresnets import report, store
from whyresnets.__main__ import CHAPTERS, main

KEYS = "id verdict printed_verdict effect low high threshold n control scale seconds versions diverged"


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


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["judge"], "--all"),
        (["judge", "HE1-11"], "did you mean HE1-1"),
        (["judge", "HE1-1", "--seeds", "0"], "at least 1"),
        (["judge", "HE1-1", "--jobs", "0"], "at least 1"),
        (["judge", "HE1-1", "--first-seed", "-1"], "0 or more"),
        (["judge", "HE1-1", "--device", "cuda"], "--device cpu"),
        (["judge", "HE1-1", "--json", "/nowhere/at/all.json"], "can be written"),
        (["judge", "HE1-1", "--scale", "paper"], "not built yet"),
        (["judge", "HE1-1", "--scale", "workstation"], "not built yet"),
        (["judge", "HE1-1", "--backend", "dask"], "not built yet"),
        (["judge", "HE1-1", "--scheduler", "tcp://localhost:1"], "not built yet"),
        (["judge", "--live", "HE1-1"], "leave out claims"),
        (["judge", "--live", "--seeds", "3"], "leave out claims"),
        (["judge", "--live", "--scale", "smoke"], "leave out --scale"),
        (["record", "HE1-99"], "did you mean"),
        (["record", "--grid", "HE1-1"], "leave out claims"),
        (["bench"], "not built yet"),
    ],
)
def test_bad_input_gives_one_clear_line_and_status_2(arguments, says, cache, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert says in shown.err and shown.err.count("\n") == 1 and not shown.out


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["judge", "HE1-1", "--scale", "huge"]])
def test_unknown_commands_and_choices_end_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2 and "usage" in capsys.readouterr().err


def test_a_record_is_never_replaced_by_fewer_seeds(cache, capsys):
    """Three smoke runs, handed to the laptop record's writer as `record HE1-3 --seeds 3` would."""
    before = report.ledger(CHAPTERS)
    recorded = CHAPTERS[0].recorded()["plain, BN, zero padding"].first(3)
    with pytest.raises(store.RecordDamaged, match="at least as many"):
        store.write_record("degradation-laptop", [recorded])
    assert report.ledger(CHAPTERS) == before


def test_a_damaged_record_gives_one_clear_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "degradation-laptop.json").write_text("{}")
    (tmp_path / "degradation-laptop.npz").write_bytes(b"PK nonsense")
    monkeypatch.setattr(store, "RECORDS", tmp_path)
    assert main(["claims"]) == 2
    assert "restore it from the repository" in capsys.readouterr().err


def test_bad_input_leaves_no_empty_file_behind(tmp_path):
    assert main(["judge", "HE1-1", "--scale", "paper", "--json", str(tmp_path / "v.json")]) == 2
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
