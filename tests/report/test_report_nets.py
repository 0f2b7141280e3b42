from dataclasses import replace

import numpy as np
from made import changed, gone

from whyresnets import report
from whyresnets.claims.quantities import training_loss
from whyresnets.claims.verdicts import unseen
from whyresnets.stats import loss_band, wilson_interval
from whyresnets.store import records
from whyresnets.training.runs import Runs


def test_both_modes_counts_the_seeds_that_train(trained):
    whole, none = report.both_modes(trained, ["trained", "still"]).rows
    share = wilson_interval(20, 20)
    assert whole[1] == f"20 of 20 [{share.low:.2f}, 1.00]" and none[1].startswith("0 of 20 [0.00, ")
    assert whole[2] == f"{trained['trained']['train_loss'].mean():.3f}"
    assert whole[3] == f"{np.median(trained['trained']['eval_loss']):.3f}"
    assert report.both_modes(trained, ["still"], bar=9.0).rows[0][1].startswith("20 of 20")


def test_a_probe_is_judged_against_the_band_for_a_new_seed(book, trained):
    """Its own seed is left out of the band."""
    one = {"trained": trained["trained"].first(1)}
    others = unseen(trained["trained"], one["trained"])
    low, high = loss_band(training_loss(others))
    (row,) = report.probes(book, one).rows
    assert others.seeds == tuple(range(1, 20)) and row[2] == f"{low:.3g} to {high:.3g}" and row[3] == "inside"
    for word, runs in {"outside": changed(one["trained"], "train_loss", 9.0), "diverged": gone(one["trained"])}.items():
        assert report.probes(book, {"trained": runs}).rows[0][3] == word


def test_the_time_of_a_run_is_that_of_all_its_arms(live):
    rows = dict(report.run_time(live | {"still": gone(live["still"])}).rows)
    assert rows["training runs"] == "15, of which 5 diverged" and "torch" in rows["versions"]
    assert (
        dict(report.run_time(live).rows)["time"] == f"{sum(r['seconds'].sum() for r in live.values()):.0f} core-seconds"
    )


def test_pace_is_seeds_a_core_minute(trained):
    minute = changed(trained["trained"], "seconds", 0.5)
    (row,) = report.pace({"trained": minute}, ["trained"]).rows
    assert row == ("trained", "30", "none", "20", "120")


def test_the_best_rate_of_a_grid_is_bold(toy, trained, tmp_path, monkeypatch):
    """A rate that was not recorded has an empty cell; one grid, one row."""
    monkeypatch.setattr(records, "RECORDS", tmp_path)
    specs = toy.grid["trained"]
    losses = dict(zip(specs, (1.5, 0.75, 0.25), strict=False))
    base = trained["trained"].first(3)
    sweep = [Runs(s, (10000, 10001, 10002), changed(base, "train_loss", loss).arrays) for s, loss in losses.items()]
    records.write_record("toy-grid", sweep)
    table = report.best_rates(toy)
    assert table.head == ("arm", "0.03", "0.1", "0.3", "1")
    assert table.rows == [("trained", "1.50", "0.75", "**0.25**", "")] and "over 3 tuning seeds" in table.note
    worst = replace(toy, tuned_by=lambda runs: -training_loss(runs))
    assert report.best_rates(worst).rows == [("trained", "**-1.50**", "-0.75", "-0.25", "")]
    assert report.best_rates(toy, "workstation").rows == [(report.NOT_RUN,)]
