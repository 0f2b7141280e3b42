"""Training throughput of this library beside a plain DataLoader loop, the machine's ceiling, and where the time goes.

Both sides train the same network on the same images with the same batch, on all cores: this library with one
process a core, the plain loop with PyTorch's own threads. They take turns, so that a noisy machine is noisy for both.
"""

import contextlib
import functools
import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from whyresnets import data, store, sweeps, training
from whyresnets.models import ConvNet, option_a
from whyresnets.report import Table
from whyresnets.training import Spec

ROUNDS = 5  # of each side, in turns; their median counts
IMAGES = 2048  # random ones of CIFAR-10's shape: the time does not depend on what they show (chosen by us)
MATRIX = 2048  # rows and columns of the matrices whose product is the ceiling (chosen by us)


@dataclass(frozen=True)
class Workload:
    """What is timed: ``spec.steps`` steps of ``spec``, scaled to a job of ``job`` steps.

    ``says`` names it in the table.
    """

    says: str
    spec: Spec
    job: int


EPOCH = 390  # steps
FULL_SIZE = Spec("residual", 20, steps=12, data="cifar10", widths=(16, 32, 64), batch=128)
AUGMENTED = FULL_SIZE.but(augment=True)  # as He et al. 2015, section 4.2
WORKLOADS = (
    Workload("ResNet-20 on digits, half of He et al.'s widths, batch 64", Spec("residual", 20), 100),
    Workload("ResNet-20 at CIFAR-10 size, batch 128", FULL_SIZE, EPOCH),
    Workload("with He et al.'s pad, crop and mirror", AUGMENTED, EPOCH),
    Workload("in bfloat16, too, the plain loop in float32", AUGMENTED.but(precision="bfloat16"), EPOCH),
)


# --- The two sides --------------------------------------------------------------------------------


@functools.cache
def images(name: str) -> tuple[Tensor, Tensor]:
    """Images and class numbers (examples,): the digits as they are trained on, or noise in CIFAR-10's shape.

    The digits are float32 (examples, channels, height, width), standardised (dimensionless); the noise is
    uint8 (examples, height, width, channels), from 0 to 255, as torchvision keeps CIFAR-10.
    """
    if name == "digits":
        digits = data.load(name)
        return digits.x_train, digits.y_train
    draws = training.generator(0, "bench")
    pixels = torch.randint(0, 256, (IMAGES, 32, 32, 3), generator=draws, dtype=torch.uint8)
    return pixels, torch.randint(0, 10, (IMAGES,), generator=draws)


@functools.cache
def _dataset(name: str) -> data.Dataset:
    x, y = images(name)
    if x.dtype == torch.uint8:
        x = x.permute(0, 3, 1, 2).float() / 255 - 0.5
    return data.Dataset(name, x, y, x[:1], y[:1], "")


def ours(spec: Spec, seed: int) -> list[float]:
    """One seed as :func:`whyresnets.training.train` trains it, on one thread; the loss at each step, in nats (T,)."""
    torch.set_num_threads(1)
    return training.descend(spec, training.begin(spec, seed, _dataset(spec.data)))


class PlainNet(nn.Module):
    """The residual network of :class:`whyresnets.models.ConvNet` as one usually writes it, with torch.nn layers."""

    def __init__(self, net: ConvNet):
        super().__init__()
        self.stem = _layer(net.channels, net.widths[0])
        self.units, self.shapes = nn.ModuleList(), []
        for _, before, width, stride in net.units:
            self.units.append(nn.ModuleList([_layer(before, width, stride), _layer(width, width)]))
            self.shapes.append((width - before, stride))
        self.head = nn.Linear(net.widths[-1], net.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores (B, classes), dimensionless."""
        h = F.relu(self.stem(x))
        for (first, second), shape in zip(self.units, self.shapes, strict=True):
            h = F.relu(second(F.relu(first(h))) + option_a(h, *shape))
        return self.head(h.mean((2, 3)))


def _layer(before: int, width: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width))


class _Pictures(torch.utils.data.Dataset):
    """Images as torchvision's CIFAR10 hands them out: one by one, through PIL and torchvision's transforms."""

    def __init__(self, pixels: Tensor, labels: Tensor, augment: bool):
        from torchvision import transforms

        random = [transforms.RandomCrop(32, padding=data.PAD), transforms.RandomHorizontalFlip()] if augment else []
        normal = transforms.Normalize((0.5, 0.5, 0.5), (1, 1, 1))
        self.transform = transforms.Compose([*random, transforms.ToTensor(), normal])
        self.pixels, self.labels = pixels.numpy(), labels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, i: int):
        from PIL import Image

        return self.transform(Image.fromarray(self.pixels[i])), self.labels[i]


def plain(spec: Spec) -> Callable[[], list[float]]:
    """A plain DataLoader loop, set up; each call trains ``spec.steps`` steps with one thread a core.

    It returns the loss at each step, in nats (T,).
    """
    x, y = images(spec.data)
    pictures = torch.utils.data.TensorDataset(x, y) if x.is_floating_point() else _Pictures(x, y, spec.augment)
    order = torch.Generator().manual_seed(0)
    loader = torch.utils.data.DataLoader(pictures, spec.batch, shuffle=True, drop_last=True, generator=order)
    net = PlainNet(spec.net(_dataset(spec.data).x_train.shape[1:]))
    optimiser = torch.optim.SGD(net.parameters(), spec.rate, spec.momentum, weight_decay=spec.weight_decay)

    def endless() -> Iterator:
        while True:
            yield from loader

    def loop() -> list[float]:
        torch.set_num_threads(sweeps.cores())
        losses = []
        for _, (images, labels) in zip(range(spec.steps), endless(), strict=False):
            loss = F.cross_entropy(net(images), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        return losses

    return loop


# --- Measurements ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Throughput:
    """What one ``workload`` gave.

    ``ours`` and ``plain`` are the jobs an hour of each side, a number a round; ``gflop`` is the work of a job, in
    1e9 floating-point operations.
    """

    workload: Workload
    ours: list[float]
    plain: list[float]
    gflop: float

    @property
    def ratio(self) -> float:
        """Median of ours over median of the plain loop's, dimensionless."""
        return statistics.median(self.ours) / statistics.median(self.plain)

    def share(self, side: list[float], ceiling: float) -> float:
        """Share of ``ceiling`` (GFLOP/s) that a side reaches, dimensionless."""
        return statistics.median(side) * self.gflop / 3600 / ceiling


def throughput(workload: Workload, rounds: int = ROUNDS) -> Throughput:
    """Jobs an hour of both sides, in turns, after one round that does not count."""
    import joblib

    spec, jobs = workload.spec, sweeps.cores()
    loop, mine, others = plain(spec), [], []
    scale = 3600 * spec.steps / workload.job  # jobs an hour = scale * jobs / seconds
    with joblib.parallel_config("loky", inner_max_num_threads=1), joblib.Parallel(n_jobs=jobs) as workers:
        for _ in range(rounds + 1):
            others.append(scale / _seconds(loop))
            tasks = [joblib.delayed(ours)(spec, seed) for seed in range(jobs)]
            mine.append(scale * jobs / _seconds(lambda tasks=tasks: workers(tasks)))
    return Throughput(workload, mine[1:], others[1:], gflop(spec) * workload.job / spec.steps)


def _seconds(act: Callable) -> float:
    clock = time.perf_counter()
    act()
    return time.perf_counter() - clock


def gflop(spec: Spec) -> float:
    """Floating-point operations of ``spec.steps`` training steps, in the unit of 1e9, as torch counts them."""
    from torch.utils.flop_counter import FlopCounterMode

    one = spec.but(steps=1)
    start = training.begin(one, 0, _dataset(spec.data))
    with FlopCounterMode(display=False) as counter:
        training.descend(one, start)
    return counter.get_total_flops() * spec.steps / 1e9


def ceiling() -> float:
    """A large float32 matrix product on all cores, in the unit of 1e9 floating-point operations a second.

    Of torch's two libraries for it, the faster one counts.
    """
    torch.set_num_threads(sweeps.cores())
    a, b = (torch.randn(MATRIX, MATRIX, generator=training.generator(0, "bench")) for _ in range(2))
    ways = [lambda: a @ b]
    if torch.backends.mkldnn.is_available():  # on some processors twice as fast as `@`
        packed = a.to_mkldnn(), b.to_mkldnn()
        ways.append(lambda: F.linear(*packed))
    return max(2 * MATRIX**3 / 1e9 / min(_seconds(way) for _ in range(3 * ROUNDS)) for way in ways)


# Operations of torch, by the first of these words that occurs in their name.
KINDS = {
    "convolution": ("conv",),
    "normalisation": ("batch_norm", "BatchNorm"),
    "ReLU and addition": ("clamp_min", "threshold", "relu", "aten::add"),
    "optimiser": ("sgd", "SGD", "Optimizer"),
    "data": ("index", "pad", "randint", "randperm", "uniform"),
}
REST = "dispatch and the rest"


def shares(spec: Spec) -> dict[str, float]:
    """Where this library's time goes on one thread: kind of work -> share of the wall time, dimensionless."""
    torch.set_num_threads(1)
    ours(spec, 0)
    start = training.begin(spec, 1, _dataset(spec.data))
    with _quiet(), torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], acc_events=True) as profile:
        seconds = _seconds(lambda: training.descend(spec, start))
    spent = dict.fromkeys(KINDS, 0.0)
    for event in profile.key_averages():
        kind = next((kind for kind, words in KINDS.items() if any(word in event.key for word in words)), None)
        if kind and "evaluate_function" not in event.key:
            spent[kind] += event.self_cpu_time_total / 1e6 / seconds
    return spent | {REST: 1 - sum(spent.values())}


# --- Tables -----------------------------------------------------------------------------------------


def speed(results: Sequence[Throughput], ceiling: float) -> Table:
    """Jobs an hour of both sides, their ratio with its range over the rounds, and shares of the ceiling."""
    rows = []
    for result in results:
        ratios = [a / b for a, b in zip(result.ours, result.plain, strict=True)]
        hourly = (f"{statistics.median(side):.3g}" for side in (result.ours, result.plain))
        shared = (f"{100 * result.share(side, ceiling):.0f}%" for side in (result.ours, result.plain))
        spread = f"**{result.ratio:.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"
        rows.append((f"{result.workload.says}, {result.workload.job} steps", *hourly, spread, *shared))
    head = ("job", "jobs an hour", "plain loop", "ratio", "share of the ceiling", "plain loop's")
    note = (
        f"Medians of {ROUNDS} rounds in turns. Ceiling: a float32 matrix product, {ceiling:.0f} GFLOP/s on all cores."
    )
    return Table(head, rows, note)


def where(spent: Mapping[str, Mapping[str, float]]) -> Table:
    """Where this library's time goes, on one thread: a row a workload, in percent of the wall time."""
    kinds = (*KINDS, REST)
    rows = [(says, *(f"{100 * shares[kind]:.0f}%" for kind in kinds)) for says, shares in spent.items()]
    return Table(("where the time goes", *kinds), rows, "Profiled, which makes dispatch look dearer than it is.")


def as_json(result: Throughput, shares: Mapping[str, float], ceiling: float) -> dict:
    """What ``bench --json`` writes of a workload."""
    return {
        "workload": result.workload.says,
        "steps": result.workload.job,
        "jobs_an_hour": result.ours,
        "plain_jobs_an_hour": result.plain,
        "ratio": result.ratio,
        "gflop_a_job": result.gflop,
        "ceiling_gflop_s": ceiling,
        "share_of_ceiling": result.share(result.ours, ceiling),
        "where_the_time_goes": dict(shares),
        "hardware": store.hardware(),
        "versions": store.versions(),
    }


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The profiler's C++ part writes to standard error whether one asks or not."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
