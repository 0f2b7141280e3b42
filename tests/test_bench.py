import json

import pytest
import torch

from whyresnets import bench, training
from whyresnets.__main__ import main
from whyresnets.bench import PlainNet, Workload
from whyresnets.training import Spec

TINY = Spec("residual", 8, steps=2, widths=(2, 4, 6), batch=16)
PICTURES = TINY.but(data="cifar10", augment=True)


@pytest.fixture(autouse=True)
def threads():
    """The bench changes how many threads torch has."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def same_weights(net, params) -> PlainNet:
    """The plain loop's network with the weights of ours."""
    plain = PlainNet(net)
    layers = {"stem": plain.stem} | {
        f"{name}.{half}": layer
        for (name, *_), unit in zip(net.units, plain.units, strict=True)
        for half, layer in zip("ab", unit, strict=True)
    }
    for name, (convolution, norm) in layers.items():
        convolution.weight.data = params[f"{name}.weight"].clone()
        norm.weight.data, norm.bias.data = params[f"{name}.scale"].clone(), params[f"{name}.shift"].clone()
    plain.head.weight.data, plain.head.bias.data = params["head.weight"].clone(), params["head.bias"].clone()
    return plain


@pytest.mark.parametrize("spec", [TINY, PICTURES], ids=["digits", "pictures"])
def test_both_sides_train_the_same_network(spec):
    """Same weights in, same logits and same gradients out."""
    net = spec.net(bench._dataset(spec.data).x_train.shape[1:])
    params, running = net.initial(training.generator(0, "initialisation"))
    plain = same_weights(net, params)
    x, y = bench._dataset(spec.data).x_train[:16], bench._dataset(spec.data).y_train[:16]
    for p in params.values():
        p.requires_grad_(True)
    ours, theirs = net.logits(params, x, running=running), plain(x)
    torch.testing.assert_close(ours, theirs)
    torch.nn.functional.cross_entropy(ours, y).backward()
    torch.nn.functional.cross_entropy(theirs, y).backward()
    torch.testing.assert_close(params["stem.weight"].grad, plain.stem[0].weight.grad)
    assert sum(p.numel() for p in params.values()) == sum(p.numel() for p in plain.parameters())


def test_both_sides_are_shown_the_same_pictures():
    pixels, labels = bench.images("cifar10")
    pictures, ours = bench._Pictures(pixels, labels, augment=False), bench._dataset("cifar10")
    assert len(pictures) == len(ours.x_train)
    for i in (0, 7, 2047):
        torch.testing.assert_close(pictures[i][0], ours.x_train[i])
        assert pictures[i][1] == ours.y_train[i]
    assert bench._Pictures(pixels, labels, augment=True)[0][0].shape == (3, 32, 32)


def test_the_plain_loop_learns():
    """It is a real training loop: on digits its loss falls."""
    spec = TINY.but(steps=30, widths=(8, 8, 8), rate=0.05)
    loop = bench.plain(spec)
    losses = [loop() for _ in range(2)]
    assert len(losses[0]) == spec.steps and sum(losses[1]) < sum(losses[0])


def test_gflop_is_what_one_counts_by_hand():
    """Two a multiply-add; three products a convolution, two for the first one, whose input needs no gradient."""
    side, batch, count = {1: 8, 2: 4, 3: 2}, TINY.batch, 0
    layers = [(1, 2, 1)] + [(2, 2, 1)] * 2 + [(2, 4, 2), (4, 4, 2)] + [(4, 6, 3), (6, 6, 3)]
    for i, (before, width, stage) in enumerate(layers):
        count += 2 * batch * 9 * before * width * side[stage] ** 2 * (2 if i == 0 else 3)
    count += 2 * batch * 6 * 10 * 3  # the linear layer
    assert bench.work(TINY).gflop == pytest.approx(TINY.steps * count / 1e9, rel=1e-12)


def test_the_shares_of_the_time_are_shares():
    shares = bench.shares(PICTURES.but(widths=(16, 16, 16)))
    assert set(shares) == {*bench.KINDS, bench.REST}
    assert sum(shares.values()) == pytest.approx(1) and all(share > 0 for share in shares.values())


def test_throughput_counts_jobs_of_both_sides():
    result = bench.throughput(Workload("tiny", TINY, job=20), rounds=2)
    assert len(result.ours) == len(result.plain) == 2 and min(result.ours + result.plain) > 0
    assert result.work.gflop == pytest.approx(10 * bench.work(TINY).gflop)
    assert result.share([3600.0], result.work) == pytest.approx((1, 1))  # a job a second, at a job's work a second
    assert result.ratio == pytest.approx(sum(result.ours) / sum(result.plain))  # of two rounds the median is the mean


def test_bench_prints_both_tables_and_writes_what_it_measured(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(bench.WORKLOADS, "cpu", (Workload("tiny", TINY, 20),))
    monkeypatch.setitem(bench.MATRIX, "cpu", 64)
    monkeypatch.setitem(bench.COPIED, "cpu", 1000)
    path = tmp_path / "bench.json"
    assert main(["bench", "--json", str(path)]) == 0
    said = capsys.readouterr()
    (row,) = json.loads(path.read_text())
    assert "where the time goes" in said.out and f"{row['ratio']:.2f}" in said.out and "tiny" in said.err
    assert len(row["jobs_an_hour"]) == len(row["plain_jobs_an_hour"]) == bench.ROUNDS
    assert {"hardware", "versions", "ceiling_gflop_s", "share_of_ceiling", "where_the_time_goes"} <= set(row)
    assert row["share_of_memory_ceiling"] > 0 and row["ceiling_gbyte_s"] > 0


def test_bytes_are_those_of_what_goes_in_and_comes_out():
    a = torch.zeros(3, 5)
    with bench._Bytes() as counted:
        (a.t() @ a).relu()  # a view moves nothing
    assert counted.moved == 4 * (15 + 15 + 25) + 4 * (25 + 25)
