import numpy as np

from whyresnets import store, sweeps


def test_the_numbers_do_not_depend_on_jobs_and_more_seeds_change_nothing(tiny, monkeypatch, tmp_path):
    results = []
    tiny = tiny.but(signals=True)
    for jobs, seeds in ((1, range(2)), (2, range(3)), (3, (7, 1, 0))):
        monkeypatch.setenv("WHYRESNETS_CACHE", str(tmp_path / str(jobs)))
        results.append(sweeps.run({"arm": (tiny, seeds)}, jobs=jobs)["arm"])
    one, two, mixed = results
    for name in set(one.arrays) - {"seconds"}:
        assert np.array_equal(one[name], two[name][:2]) and np.array_equal(one[name], mixed[name][[2, 1]])


def test_finished_runs_are_not_trained_twice(cache, tiny, monkeypatch):
    plan = {"arm": (tiny, range(2)), "same": (tiny, range(1))}
    assert len(sweeps.missing(plan)) == 2
    first = sweeps.run(plan, jobs=1)
    assert sweeps.missing(plan) == []
    monkeypatch.setattr(sweeps, "train", lambda *_: 1 / 0)
    again = sweeps.run(plan, jobs=1)
    assert np.array_equal(first["arm"]["curve"], again["arm"]["curve"])


def test_without_cache_nothing_is_read_or_kept(cache, tiny):
    store.save(cache, tiny, 0, {"train_loss": np.float32(99)})
    runs = sweeps.run({"arm": (tiny, range(1))}, jobs=1, cache=False)
    assert runs["arm"]["train_loss"][0] < 99
    assert len(list(cache.rglob("*.npz"))) == 1


def test_progress_names_the_chapter_and_counts_runs(cache, tiny, capsys):
    sweeps.run({"arm": (tiny, range(2))}, jobs=1, title="Degradation")
    shown = capsys.readouterr()
    assert "Degradation: run 2 of 2" in shown.err and "left" in shown.err and not shown.out
