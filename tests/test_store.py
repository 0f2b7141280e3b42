import pickle

import numpy as np
import pytest

from whyresnets import store
from whyresnets.training import Runs


@pytest.fixture
def records(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "RECORDS", tmp_path)
    return tmp_path


def test_a_kept_run_comes_back_bit_for_bit(cache, tiny):
    readings = {"curve": np.float32([1.5, np.nan]), "train_loss": np.float32(0.1)}
    assert store.find(cache, tiny, 0) is None
    store.save(cache, tiny, 0, readings)
    found = store.find(cache, tiny, 0)
    assert set(found) == set(readings) and all(found[n].tobytes() == readings[n].tobytes() for n in readings)
    assert store.find(cache, tiny, 1) is None and store.find(cache, tiny.but(depth=14), 0) is None


def test_nothing_half_written_is_left_behind(cache, tiny):
    store.save(cache, tiny, 0, {"train_loss": np.float32(1)})
    assert [p.name for p in cache.rglob("*") if p.is_file()] == ["0.npz"]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "foreign", "pickle"])
def test_a_damaged_file_is_set_aside_with_one_line(cache, tiny, damage, capsys):
    store.save(cache, tiny, 0, {"train_loss": np.arange(1000.0)})
    (path,) = cache.rglob("*.npz")
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "truncated": whole[:middle],
            "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "foreign": b"not an array",
            "pickle": pickle.dumps({"train_loss": 1}),
        }[damage]
    )
    assert store.find(cache, tiny, 0) is None
    assert capsys.readouterr().err.count("\n") == 1
    assert not path.exists() and path.with_suffix(".damaged").exists()


def test_the_source_hash_ignores_comments_and_docstrings_only(tmp_path, monkeypatch):
    source = {
        name: f'"""Doc."""\n\n\ndef f(x):\n    """Doc of {name}."""\n    return x + 1\n' for name in store.DECISIVE
    }

    def hashed(**changed):
        for name, text in (source | changed).items():
            (tmp_path / f"{name}.py").write_text(text)
        return store.source_hash.__wrapped__()

    monkeypatch.setattr(store, "__file__", str(tmp_path / "store.py"))
    same = hashed()
    assert hashed(models='"""Other."""\n# why\ndef f(x):\n    return x + 1\n') == same
    assert hashed(models=source["models"].replace("+ 1", "+ 2")) != same


def test_a_record_keeps_seeds_arrays_and_provenance(records, tiny):
    arrays = {"train_loss": np.float32([1, 2]), "seconds": np.float32([3, 4])}
    store.write_record("chapter-laptop", [Runs(tiny, (0, 1), arrays)])
    store.write_record(
        "chapter-laptop", [Runs(tiny, (1000,), {"train_loss": np.float32([3]), "seconds": np.float32([1])})]
    )
    record = store.record("chapter-laptop")
    assert record.runs(tiny).seeds == (0, 1) and record.runs(tiny)["train_loss"].tolist() == [1, 2]
    assert record.runs(tiny, 1000)["train_loss"].tolist() == [3]
    assert record.runs(tiny.but(depth=14)) is None and store.record("other-laptop") is None
    about = record.about[f"{tiny.question}-0"]
    assert {"spec", "seeds", "date", "source", "versions", "hardware"} <= set(about) and about["seconds"] == 7
    assert record.stale == []


def test_a_record_of_other_code_is_shown_as_stale(records, tiny, monkeypatch):
    arrays = {"train_loss": np.float32([1]), "seconds": np.float32([1])}
    store.write_record("chapter-laptop", [Runs(tiny, (0,), arrays)])
    monkeypatch.setattr(store, "source_hash", lambda: "other")
    assert len(store.record("chapter-laptop").stale) == 1
