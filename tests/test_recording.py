"""What a record is made of, and whether today's code still makes it."""

import shutil
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import changed

from whyresnets import data, recording, report, sweeps
from whyresnets.__main__ import main
from whyresnets.chapter import NotBuilt, Seeds
from whyresnets.chapters import CHAPTERS
from whyresnets.nets.architecture import Dense
from whyresnets.spec import SGD, Readings, Spec
from whyresnets.store import cache as cached
from whyresnets.store import provenance, records
from whyresnets.store.provenance import source_of
from whyresnets.training.descent import rate_at
from whyresnets.training.runs import Runs

NAME = "toy-laptop"

# --- Which runs a command asks for --------------------------------------------------------------


def test_claims_that_share_an_arm_ask_for_the_most_seeds(book):
    """TOY-2 is recorded, TOY-1 live: five seeds alone, twenty beside it."""
    one = recording.plan_of(book, book.claims[:1], "laptop", 1000, None)
    assert {arm: (spec, list(seeds)) for arm, (spec, seeds) in one.items()} == {
        arm: (spec, list(range(1000, 1005))) for arm, spec in book.specs().items()
    }
    for claims in (book.claims, book.claims[::-1]):
        both = recording.plan_of(book, claims, "laptop", 0, None)
        assert all(seeds == range(20) for _, seeds in both.values())
    assert all(seeds == range(3) for _, seeds in recording.plan_of(book, book.claims, "laptop", 0, 3).values())


def test_a_whole_record_has_the_arms_that_are_only_shown_too(toy, in_a_book):
    shown = replace(toy, laptop=(*toy.laptop, replace(toy.laptop[0], name="shown")), shown=("shown",))
    name, plan = recording.record_plan(shown, list(toy.claims), "laptop", 1000, None, whole=True)
    assert name == NAME and set(plan) == set(shown.specs()) and plan["shown"][1] == range(1000, 1020)
    _, plan = recording.record_plan(shown, list(toy.claims), "laptop", 0, None, whole=False)
    assert "shown" not in plan


def test_what_has_more_seeds_than_usual_keeps_them_and_none_is_replaced_by_fewer(toy, trained, in_a_book):
    more = trained["still"]
    records.write_record(NAME, [Runs(more.spec, (*more.seeds, *range(20, 40)), _twice(more.arrays))])
    _, plan = recording.record_plan(toy, list(toy.claims), "laptop", 0, None, whole=True)
    assert [len(seeds) for _, seeds in plan.values()] == [20, 20, 40]
    with pytest.raises(records.RecordDamaged, match="at least as many"):
        recording.record_plan(toy, list(toy.claims), "laptop", 0, 5, whole=True)


def _twice(arrays):
    return {name: values.repeat(2, axis=0) for name, values in arrays.items()}


def test_a_chapter_may_have_fewer_seeds_of_an_arm(toy, in_a_book):
    fewer = replace(toy, name="not recorded", seeds={"trained": Seeds(10, 5, 3), "still": Seeds(5, 0, 3)})
    for first_seed, counts in (
        (0, {"untrained": 20, "trained": 10, "still": 5}),
        (1000, {"untrained": 20, "trained": 5}),
    ):
        _, plan = recording.record_plan(fewer, list(toy.claims), "laptop", first_seed, None, whole=True)
        assert {arm: len(seeds) for arm, (_, seeds) in plan.items()} == counts
    _, grid = recording.grid_plan(fewer, "laptop")
    assert {len(seeds) for _, seeds in grid.values()} == {3}


def test_the_command_drops_what_no_arm_is_made_of(toy, trained, in_a_book, capsys):
    records.write_record(NAME, [Runs(toy.specs()["trained"].but(rate=0.7), (0,), _first(trained["trained"]))])
    known = len(records.record(NAME).about)
    assert main(["record", "toy", "--drop-unused"]) == 0
    assert f"{NAME}: 1 entries dropped" in capsys.readouterr().out
    assert len(records.record(NAME).about) == known - 1
    assert main(["record", "toy", "--drop-unused", "--grid"]) == 2


def _first(runs: Runs) -> dict[str, np.ndarray]:
    return {name: values[:1] for name, values in runs.arrays.items()}


def test_a_grid_has_seeds_of_its_own(toy, in_a_book):
    """Fewer where a run is long, twenty where they are trained together."""
    name, plan = recording.grid_plan(toy, "laptop")
    assert name == "toy-grid" and list(plan) == [f"trained at {rate:g}" for rate in (0.03, 0.1, 0.3, 1)]
    assert all(seeds == range(10000, 10005) for _, seeds in plan.values())
    long = toy.grid["trained"][0].but(steps=501)
    assert recording._tuning_seeds(long) == 3 and recording._tuning_seeds(long.but(data="cifar10", steps=400)) == 2
    with pytest.raises(NotBuilt, match="leave out --grid"):
        recording.grid_plan(toy, "paper")


def test_a_compact_chapter_keeps_few_steps_but_of_what_it_wants_whole(toy, trained, in_a_book):
    compact = replace(toy, compact=True, whole=("trained",), unread=("eval_loss",))
    recording.keep(compact, "toy-new", trained, "laptop", False, "a machine")
    kept = {arm: records.record("toy-new").runs(runs.spec) for arm, runs in trained.items()}
    assert [kept[arm]["curve"].shape[1] for arm in ("trained", "still")] == [30, 12]
    assert all("eval_loss" not in runs.arrays for runs in kept.values())
    assert {about["hardware"] for about in records.record("toy-new").about.values()} == {"a machine"}


@pytest.fixture
def long(toy, in_a_book) -> Callable:
    """Records the toy chapter's arms run by run, as at paper scale, in an empty record; which runs were added."""

    def record(seeds: int) -> list[tuple[str, int]]:
        plan = {arm: (spec, range(seeds)) for arm, spec in toy.specs().items()}
        return list(recording.one_by_one(toy, "toy-paper", plan, "paper", False, 1, sweeps.Workers()))

    return record


def test_long_runs_are_recorded_one_by_one_and_never_again(toy, trained, long, monkeypatch):
    arms = list(toy.specs())
    assert long(1) == [(arm, 0) for arm in arms]
    shutil.rmtree(cached.cache_folder())  # a machine that forgets
    assert long(3) == [(arm, seed) for seed in (1, 2) for arm in arms] and long(3) == []
    for runs in trained.values():
        found = records.record("toy-paper").runs(runs.spec)
        assert found.seeds == (0, 1, 2) and records.record("toy-paper").runs(runs.spec, 1).seeds == (1, 2)
        assert np.array_equal(found["train_loss"], runs.first(3)["train_loss"].astype(np.float32))
        assert len(found["curve"]) == 3


def test_what_other_code_recorded_is_run_again(toy, long):
    arms = list(toy.specs())
    assert len(long(1)) == len(arms)
    path = records.RECORDS / "toy-paper.json"
    path.write_text(path.read_text().replace(source_of(toy.specs()[arms[0]]), "0" * 16))
    again = long(1)
    assert (arms[0], 0) in again and not records.record("toy-paper").stale
    assert [len(about["seeds"]) for about in records.record("toy-paper").about.values()] == [1] * len(arms)


def test_a_kill_loses_no_run_that_ended(toy, long, monkeypatch):
    run, count = sweeps.run, iter(range(9))

    def killed(*arguments):
        if next(count) == 2:
            raise KeyboardInterrupt
        return run(*arguments)

    monkeypatch.setattr(sweeps, "run", killed)
    with pytest.raises(KeyboardInterrupt):
        long(1)
    arms = list(toy.specs())
    assert [len(about["seeds"]) for about in records.record("toy-paper").about.values()] == [1, 1]
    assert long(1) == [(arm, 0) for arm in arms[2:]]


def test_the_command_records_the_arms_that_were_named(in_a_book, book, monkeypatch, capsys):
    monkeypatch.setattr("whyresnets.__main__.CHAPTERS", (replace(book, larger=book.larger | {"paper": book.laptop}),))
    here = ["record", "toy", "--scale", "paper", "--seeds", "1", "--jobs", "1", "--device", "cpu"]
    assert main([*here, "--arm", "still"]) == 0
    assert capsys.readouterr().out == "recorded still, seed 0\n"
    assert main([*here, "--arm", "stil"]) == 2 and "did you mean still" in capsys.readouterr().err


# --- Two versions of the code -------------------------------------------------------------------


@contextmanager
def code(name: str):
    """Within it, runs are those of code that has this source hash, and gives the same numbers as today's."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (provenance, records, cached):
            patch.setattr(module, "source_of", lambda _: name)
        yield


@pytest.fixture
def confirm(capsys):
    """Called with arguments: what `record --confirm` answers, and says."""

    def run(*arguments) -> tuple[int, str]:
        status = main(["record", "--confirm", "--jobs", "1", *map(str, arguments)])
        return status, capsys.readouterr().out

    return run


def one_bit_off(runs: Runs) -> Runs:
    return changed(runs, "train_loss", np.nextafter(runs["train_loss"][0], np.float32(9)), 0)


def test_confirm_runs_what_other_code_made_again_and_marks_it(trained, in_a_book, confirm):
    """Three entries, one of them with a bit that today's code does not give; what differs is tried again."""
    with code("earlier"):
        records.write_record(NAME, [one_bit_off(trained["trained"]), trained["still"], trained["untrained"]])
    assert len(records.record(NAME).stale) == 3
    for compared in ("2 of 3", "0 of 1"):
        said = f"{NAME}: {compared} entries made by other code came out bit for bit alike, compared with the record\n"
        assert confirm() == (1, said)
        record = records.record(NAME)
        assert [record.specs[key] for key in record.stale] == [trained["trained"].spec]
        assert len(record.confirmed) == 2
    assert confirm("--seeds", 20)[0] == 1


def test_nothing_is_run_where_all_is_of_todays_code(in_a_book, confirm):
    before = (in_a_book / f"{NAME}.json").read_bytes()
    assert confirm() == (0, "") and (in_a_book / f"{NAME}.json").read_bytes() == before


@pytest.fixture
def elsewhere(toy, trained, in_a_book, tmp_path, capsys) -> Path:
    """A record of earlier code on another processor, whose bits do not come out here; and its rehearsal here."""
    with code("earlier"):
        records.write_record(NAME, [one_bit_off(runs) for runs in trained.values()])
        assert main(["record", "--rehearse", str(tmp_path / "rehearsal.1"), "--jobs", "1"]) == 0
    assert f"rehearsed 3 entries in {tmp_path / 'rehearsal.1.json'}" in capsys.readouterr().out
    return tmp_path / "rehearsal.1"


def test_a_rehearsal_is_a_record_of_short_runs(trained, elsewhere):
    found = records.read(elsewhere.with_name("rehearsal.1.json"))
    assert set(found.specs.values()) == {runs.spec.cut(recording.SHORT) for runs in trained.values()}
    assert all((about["seeds"], about["source"]) == ([0], "earlier") for about in found.about.values())
    cut = found.runs(trained["trained"].spec.cut(recording.SHORT))
    assert cut["curve"].shape == (1, 25) and elsewhere.with_name("rehearsal.1.npz").exists()


def test_confirm_against_a_rehearsal_serves_another_processor(toy, elsewhere, confirm):
    """Today's code is compared with the code that made the record, both on this machine."""
    assert confirm()[0] == 1
    said = f"{NAME}: 3 of 3 entries made by other code came out bit for bit alike, compared with the rehearsal\n"
    assert confirm("--against", elsewhere) == (0, said)
    marks = [about["confirmed"] for about in records.record(NAME).about.values()]
    assert {mark["steps"] for mark in marks} == {0, 25} and {mark["against"] for mark in marks} == {"earlier"}
    assert records.record(NAME).stale == [] and "in runs of 25 steps at most" in str(report.provenance(toy))


def test_confirm_against_code_that_did_not_vouch_last_names_it_and_marks_nothing(elsewhere, confirm):
    """Once today's code has vouched, the earlier code's rehearsal proves nothing about what comes later."""
    assert confirm("--against", elsewhere)[0] == 0
    before = (records.RECORDS / f"{NAME}.json").read_bytes()
    with code("later"):
        status, said = confirm("--against", elsewhere)
    assert status == 1 and said.startswith(f"{NAME}: 3 entries not compared: ") and "last vouched" in said
    assert (records.RECORDS / f"{NAME}.json").read_bytes() == before


def test_one_bit_that_differs_from_the_rehearsal_is_found(trained, elsewhere, confirm):
    path = elsewhere.with_name("rehearsal.1.json")
    found = records.read(path)
    key = found.entries[trained["trained"].spec.cut(recording.SHORT), 0]
    curve = found.arrays[f"{key}/curve"].copy()
    curve[0, 0] = np.nextafter(curve[0, 0], np.float32(9))
    records.write(path, replace(found, arrays={**found.arrays, f"{key}/curve": curve}))
    status, said = confirm("--against", elsewhere)
    assert status == 1 and "2 of 3 entries" in said and len(records.record(NAME).stale) == 1


def test_what_lacks_its_data_is_named_and_neither_rehearsed_nor_compared(toy, trained, in_a_book, confirm, monkeypatch):
    load = data.load

    def elsewhere(name):  # in the place of `load`, which remembers what an earlier test may have found
        if name == "cifar10":
            raise data.DataMissing
        return load(name)

    monkeypatch.setattr(data, "load", elsewhere)
    far = trained["still"]
    with code("earlier"):
        records.write_record(NAME, [Runs(far.spec.but(data="cifar10"), far.seeds, far.arrays)])
        found, left = recording.rehearse([toy], 1, sweeps.HERE)
    assert left == {NAME: 1} and len(found.about) == 3
    assert confirm() == (1, f"{NAME}: 1 entries not compared: their data are not at hand\n")


def test_versions_are_compared_in_short_runs_that_pass_through_the_whole_schedule():
    long = Spec(Dense(5, width=4), optimiser=SGD(steps=500), readings=Readings(watch=(0, 10, 100, 500)))
    cut = long.cut(recording.SHORT)
    assert cut.but(steps=500, watch=long.readings.watch) == long and cut.readings.watch == (0, 10, 25)
    rates = [rate_at(cut.optimiser, step) for step in range(25)]
    assert rates[0] < max(rates) == cut.optimiser.rate and rates[-1] < 0.02 * cut.optimiser.rate
    assert cut.optimiser.steps > 1400 // cut.task.batch  # into the second epoch of digits


def test_a_short_run_is_decided_by_the_code_of_the_whole_one():
    for chapter in CHAPTERS:
        for spec in chapter.specs().values():
            assert source_of(spec.cut(recording.SHORT)) == source_of(spec)
