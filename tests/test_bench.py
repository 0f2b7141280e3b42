import json
import statistics

import pytest
import torch

from whyresnets import bench, sweeps
from whyresnets.__main__ import main
from whyresnets.bench import Workload
from whyresnets.nets.architecture import Conv, Dense
from whyresnets.nets.dense import DenseNet
from whyresnets.spec import SGD, Spec, Task, from_flat
from whyresnets.training.start import begin

TINY = Spec(Conv(8, "residual", (2, 4, 6)), Task(batch=16), SGD(steps=2))
BLOCKS = Spec(Dense(5, "residual", 6), Task("mnist1d", batch=16), SGD(steps=2))
LINE = TINY.but(data="mnist1d")
PICTURES = TINY.but(data="cifar10", augment=True)


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    """The bench changes how many threads torch has; here it times small things on one core."""
    monkeypatch.setattr(sweeps, "cores", lambda: 1)
    monkeypatch.setitem(bench.MATRIX, "cpu", 64)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def same_weights(spec, net, params) -> torch.nn.Module:
    """The plain loop's network with the weights of ours."""
    plain = bench.plain_net(spec, bench.dataset(spec.task.data).x_train.shape[1:])
    if isinstance(net, DenseNet):
        _, stem, *blocks, last, _, head = plain
        stem.weight.data = params["stem.weight"].clone()
        head.weight.data, head.bias.data = params["head.weight"].clone(), params["head.bias"].clone()
        norms = [block.norm for block in blocks] + [last]
        for name, norm in zip([unit[0] for unit in net.units] + ["last"], norms, strict=True):
            norm.weight.data, norm.bias.data = params[f"{name}.scale"].clone(), params[f"{name}.shift"].clone()
        for (name, *_), block in zip(net.units, blocks, strict=True):
            block.linear.weight.data = params[f"{name}.weight"].clone()
        return plain
    layers = {"stem": plain.stem} | {
        f"{name}.{half}": layer
        for (name, *_), unit in zip(net.units, plain.units, strict=True)
        for half, layer in zip("ab", unit, strict=True)
    }
    for name, (convolution, norm) in layers.items():
        convolution.weight.data = params[f"{name}.weight"].clone().view_as(convolution.weight)
        norm.weight.data, norm.bias.data = params[f"{name}.scale"].clone(), params[f"{name}.shift"].clone()
    plain.head.weight.data, plain.head.bias.data = params["head.weight"].clone(), params["head.bias"].clone()
    return plain


@pytest.mark.parametrize("spec", [TINY, PICTURES, BLOCKS, LINE], ids=["digits", "pictures", "blocks", "line"])
def test_both_sides_train_the_same_network(spec):
    """Same weights in, same logits and same gradients out."""
    start = begin(spec, 0, bench.dataset(spec.task.data))
    plain = same_weights(spec, start.net, start.params)
    x, y = (part[:16] for part in start.train_set)
    params = {name: p.detach().requires_grad_() for name, p in start.params.items()}
    ours, theirs = start.net.logits(params, x, running=start.running), plain(x)
    torch.testing.assert_close(ours, theirs)
    torch.nn.functional.cross_entropy(ours, y).backward()
    torch.nn.functional.cross_entropy(theirs, y).backward()
    gradient = next(plain.parameters()).grad
    torch.testing.assert_close(params["stem.weight"].grad.view_as(gradient), gradient)
    assert sum(p.numel() for p in params.values()) == sum(p.numel() for p in plain.parameters())


def test_both_sides_are_shown_the_same_pictures():
    pictures, ours = bench.Pictures(*bench.noise(), augment=False), bench.dataset("cifar10")
    assert len(pictures) == len(ours.x_train)
    for i in (0, 7, 2047):
        torch.testing.assert_close(pictures[i][0], ours.x_train[i])
        assert pictures[i][1] == ours.y_train[i]
    augmented = bench.Pictures(*bench.noise(), augment=True)
    assert augmented[0][0].shape == (3, 32, 32) and not torch.equal(augmented[0][0], augmented[0][0])


def test_the_plain_loop_learns():
    """It is a real training loop: on digits its loss falls."""
    torch.manual_seed(0)
    spec = TINY.but(steps=30, rate=0.1)
    loop = bench.plain(spec)
    losses = [loop() for _ in range(2)]
    assert len(losses[0]) == 30 and sum(losses[1]) < sum(losses[0])


def test_gflop_is_what_one_counts_by_hand():
    """Two a multiply-add; three products a convolution, two for the first one, whose input needs no gradient."""
    side, batch, count = {1: 8, 2: 4, 3: 2}, TINY.task.batch, 0
    layers = [(1, 2, 1)] + [(2, 2, 1)] * 2 + [(2, 4, 2), (4, 4, 2)] + [(4, 6, 3), (6, 6, 3)]
    for i, (before, width, stage) in enumerate(layers):
        count += 2 * batch * 9 * before * width * side[stage] ** 2 * (2 if i == 0 else 3)
    count += 2 * batch * 6 * 10 * 3  # the linear layer
    assert bench.work(TINY) == pytest.approx(2 * count / 1e9, rel=1e-12)


def test_the_shares_of_the_time_are_shares():
    shares = bench.shares(PICTURES.but(widths=(16, 16, 16)))
    assert set(shares) == {*bench.KINDS, bench.REST}
    assert sum(shares.values()) == pytest.approx(1) and all(share > 0 for share in shares.values())


def test_the_ceiling_is_a_product_of_matrices(monkeypatch):
    """By a clock that says two seconds: side cubed multiply-adds, two operations each."""
    monkeypatch.setattr(bench, "_seconds", lambda act: 2.0)
    monkeypatch.setitem(bench.MATRIX, "cpu", 100)
    assert bench.ceiling() == pytest.approx(1e-3)


def test_throughput_is_whole_jobs_an_hour_of_all_processes(monkeypatch):
    """By a clock that says two seconds: a tenth of a job, once by the plain loop, by three processes of ours."""
    monkeypatch.setattr(bench, "_seconds", lambda act: 2.0)
    result = bench.throughput(Workload("tiny", TINY, job=20, seeds=3), rounds=2)
    assert result.plain == [180.0] * 2 and result.ours == [540.0] * 2 and result.ratio == 3


def test_growth_is_the_slope_of_the_logarithms(monkeypatch):
    """By a clock that says the square of what grows."""
    monkeypatch.setattr(bench, "GROWTH", {"width": ((2, 4, 8), lambda width: [(BLOCKS.but(width=width), 0)])})
    monkeypatch.setattr(bench, "_seconds_a_step", lambda part, *_: part[0][0].net.width ** 2 / 1000)
    assert bench.grown(bench.growth()).rows == [("width", "2, 4, 8", "4, 16, 64", "2.00")]


def test_a_step_is_timed_and_a_process_takes_memory():
    part = [(BLOCKS, seed) for seed in range(2)]
    assert 0 < bench._seconds_a_step(part, steps=2, rounds=1) < 1
    assert 50 < bench.peak_megabytes(part) < 2000


def test_bench_prints_both_tables_and_writes_what_it_measured(tmp_path, capsys, monkeypatch):
    """Jobs of 20 steps: ten times what was timed, by both sides in as many rounds."""
    monkeypatch.setitem(bench.WORKLOADS, "cpu", (Workload("tiny", TINY, 20),))
    monkeypatch.setattr(bench, "GROWTH", {"width": ((2, 4, 8), lambda width: [(BLOCKS.but(width=width), 0)])})
    path = tmp_path / "bench.json"
    assert main(["bench", "--json", str(path)]) == 0
    said = capsys.readouterr()
    written = json.loads(path.read_text())
    (row,) = written["workloads"]
    assert "where the time goes" in said.out and f"{row['ratio']:.2f}" in said.out and "tiny" in said.err
    ours, plain = row["jobs_an_hour"], row["plain_jobs_an_hour"]
    assert len(ours) == len(plain) == bench.ROUNDS and min(ours + plain) > 0
    assert row["ratio"] == pytest.approx(statistics.median(ours) / statistics.median(plain))
    assert row["gflop_a_job"] == pytest.approx(10 * bench.work(TINY))
    found = Workload("tiny", TINY, 20), ours, plain, row["gflop_a_job"]
    assert bench.Throughput(*found).share([3600.0], row["gflop_a_job"]) == 1  # a job a second, at a job's work a second
    assert from_flat(row["spec"]) == TINY
    assert row["core_seconds_a_step"] == pytest.approx(3600 / statistics.median(ours) / 20)
    assert {"share_of_ceiling", "where_the_time_goes", "peak_megabytes"} <= set(row)
    assert {"hardware", "versions", "ceiling_gflop_s"} <= set(written)
    assert set(written["fixed_seconds"]) == {"dense", "conv"} and written["fixed_seconds"]["conv"] == 0  # one point
    assert f"| {row['workload']}" in written["tables"][0] and len(written["tables"]) == 3
