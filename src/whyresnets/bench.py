"""Training throughput of this library beside a plain DataLoader loop, the machine's ceiling, and where the time goes.

Both sides train the same network on the same data with the same batch, on all cores: this library with one process a
core, the plain loop, seed after seed, with PyTorch's own threads. They take turns, so that a noisy machine is noisy for
both.
On a GPU both train in bfloat16, this library with one process or a few, the plain loop with as many readers as it can.
"""

import concurrent.futures
import functools
import itertools
import math
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path

import joblib
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision import transforms
from torchvision.datasets import CIFAR10

from whyresnets import data, sweeps
from whyresnets.nets.architecture import Conv, Dense
from whyresnets.report import Table
from whyresnets.spec import SGD, Spec, Task, from_flat
from whyresnets.store.provenance import hardware, versions
from whyresnets.sweeps.cost import fixed_seconds
from whyresnets.sweeps.local import hold_memory, started
from whyresnets.sweeps.sweep import TOGETHER, parts_of
from whyresnets.sweeps.workers import Part
from whyresnets.training.augmentation import PAD
from whyresnets.training.descent import descend
from whyresnets.training.start import begin, generator

ROUNDS = 5  # of each side, in turns; their median counts
# Random ones of CIFAR-10's shape: the time does not depend on what they show. On a GPU as many as there are, so that
# the plain loop's readers have as long epochs as they would.
IMAGES = {"cpu": 2048, "cuda": 50_000}
MATRIX = {"cpu": 2048, "cuda": 8192}  # rows and columns of the matrices whose product is the ceiling (chosen by us)
TRIES = 15  # of each way to multiply them; the fastest counts (chosen by us)
PROFILED = 20  # steps: a profile keeps every operation (chosen by us)
READERS = 8  # processes of the plain loop's DataLoader beside a GPU, at most (chosen by us)


@dataclass(frozen=True)
class Workload:
    """What is timed: ``spec.steps`` steps of ``spec``, scaled to a job of ``job`` steps.

    ``says`` names it in the table; ``seeds`` is how many jobs of ours are under way at a time, one a core unless said.
    """

    says: str
    spec: Spec
    job: int
    seeds: int | None = None


EPOCH = 390  # steps
DEEP = Dense(66, "residual", 64)
BLOCKS = Spec(DEEP, Task("mnist1d", batch=100), SGD(steps=300))
ONE_DIMENSION = Spec(Conv(20, "residual", (16, 32, 64)), Task("mnist1d", batch=64), SGD(steps=200))
FULL_SIZE = Spec(Conv(20, "residual", (16, 32, 64)), Task("cifar10", batch=128), SGD(steps=12))
AUGMENTED = FULL_SIZE.but(augment=True)  # as He et al. 2015, section 4.2
HALF_BITS = AUGMENTED.but(precision="bfloat16")
ON_A_GPU = HALF_BITS.but(depth=56, steps=600)  # steps: some seconds (chosen by us)
WORKLOADS = {
    "cpu": (
        Workload("64 blocks of 64 units with BN, MNIST-1D, batch 100, 20 seeds", BLOCKS, 300, 20),
        Workload("ResNet-20 in one dimension, MNIST-1D, batch 64, 5 seeds", ONE_DIMENSION, 200, 5),
        Workload("ResNet-20 at CIFAR-10 size, batch 128", FULL_SIZE, EPOCH),
        Workload("with He et al.'s pad, crop and mirror", AUGMENTED, EPOCH),
        Workload("in bfloat16, too, the plain loop in float32", HALF_BITS, EPOCH),
    ),
    "cuda": tuple(
        Workload(f"ResNet-{spec.net.depth} at CIFAR-10 size, {seeds} at a time", spec, 64_000, seeds)
        for spec, seeds in ((ON_A_GPU.but(depth=20), 1), (ON_A_GPU, 1), (ON_A_GPU, 4))
    ),
}


# --- The two sides --------------------------------------------------------------------------------


@functools.cache
def noise(device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Pictures (examples, height, width, channels) from 0 to 255, as torchvision keeps CIFAR-10, and class numbers."""
    draws, count = generator(0, "bench"), IMAGES[device]
    pixels = torch.randint(0, 256, (count, 32, 32, 3), generator=draws, dtype=torch.uint8)
    return pixels, torch.randint(0, 10, (count,), generator=draws)


@functools.cache
def dataset(name: str, device: str = "cpu") -> data.Dataset:
    """The data themselves; or, in the place of CIFAR-10, :func:`noise`, normalised as the plain loop does."""
    if name != "cifar10":
        return data.load(name)
    pixels, y = noise(device)
    x = pixels.permute(0, 3, 1, 2).float() / 255 - 0.5
    return data.Dataset(name, x, y, x[:1], y[:1], "")


def ours(part: Part, device: str = "cpu") -> list[list[float]]:
    """Some seeds as a process of the library trains them, on one thread; each one's loss at each step, in nats (T,)."""
    torch.set_num_threads(1)
    hold_memory()
    spec = part[0][0]
    starts = [begin(*job, dataset(spec.task.data, device), device) for job in part]
    return [read["curve"].tolist() for read in descend(spec, starts)]


class PlainDense(nn.Sequential):
    """The residual net of :class:`whyresnets.nets.dense.DenseNet` as one usually writes it, with torch.nn layers."""

    def __init__(self, net: Dense, features: int):
        blocks = [PlainBlock(net.width) for _ in net.units]
        last = [nn.BatchNorm1d(net.width), nn.ReLU(), nn.Linear(net.width, 10)]
        super().__init__(nn.Flatten(), nn.Linear(features, net.width, bias=False), *blocks, *last)


class PlainBlock(nn.Module):
    """x + W ReLU(BN(x))."""

    def __init__(self, width: int):
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(width), nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The next state (B, D)."""
        return x + self.linear(F.relu(self.norm(x)))


class PlainNet(nn.Module):
    """The residual network of :class:`whyresnets.nets.conv.ConvNet` as one usually writes it, with torch.nn layers."""

    def __init__(self, net: Conv, channels: int, dimensions: int = 2):
        super().__init__()
        kinds = (nn.Conv1d, nn.BatchNorm1d) if dimensions == 1 else (nn.Conv2d, nn.BatchNorm2d)

        def _layer(before: int, width: int, stride: int = 1) -> nn.Module:
            return nn.Sequential(kinds[0](before, width, 3, stride, 1, bias=False), kinds[1](width))

        self.stem = _layer(channels, net.widths[0])
        self.units, self.shapes = nn.ModuleList(), []
        for _, before, width, stride in net.units:
            self.units.append(nn.ModuleList([_layer(before, width, stride), _layer(width, width)]))
            self.shapes.append((width - before, stride))
        self.head = nn.Linear(net.widths[-1], 10)

    def forward(self, x: Tensor) -> Tensor:
        """Class scores (B, classes)."""
        h = F.relu(self.stem(x))
        for (first, second), shape in zip(self.units, self.shapes, strict=True):
            h = F.relu(second(F.relu(first(h))) + shortcut(h, *shape))
        return self.head(h.flatten(2).mean(2))


def shortcut(h: Tensor, more: int, stride: int) -> Tensor:
    """He et al.'s option A for (B, channels, length) and (B, channels, height, width)."""
    kept = h[..., ::stride] if h.ndim == 3 else h[..., ::stride, ::stride]
    return F.pad(kept, (*(h.ndim - 2) * (0, 0), 0, more)) if more else h


class Pictures(CIFAR10):
    """Images as torchvision's CIFAR10 hands them out, one by one, through PIL and its transforms; no file is read."""

    def __init__(self, pixels: Tensor, labels: Tensor, augment: bool):
        random = [transforms.RandomCrop(32, padding=PAD), transforms.RandomHorizontalFlip()] if augment else []
        normal = transforms.Normalize((0.5, 0.5, 0.5), (1, 1, 1))
        self.data, self.targets, self.target_transform = pixels.numpy(), labels.tolist(), None
        self.transform = transforms.Compose([*random, transforms.ToTensor(), normal])


def plain(spec: Spec, device: str = "cpu") -> Callable[[], list[float]]:
    """A plain DataLoader loop, set up; each call trains ``spec.steps`` steps with one thread a core.

    It returns the loss at each step, in nats (T,). In float32 on a CPU; on a GPU in the precision of the Spec.
    """
    known = dataset(spec.task.data, device)
    shape = known.x_train.shape[1:]
    tensors = torch.utils.data.TensorDataset(known.x_train, known.y_train)
    pictures = Pictures(*noise(device), spec.task.augment) if spec.task.data == "cifar10" else tensors
    readers = {"num_workers": min(READERS, sweeps.cores()), "persistent_workers": True, "pin_memory": True}
    how = {"shuffle": True, "drop_last": True, **(readers if device == "cuda" else {})}
    loader = torch.utils.data.DataLoader(pictures, spec.task.batch, **how)
    layout = torch.channels_last if len(shape) == 3 else torch.preserve_format
    net = plain_net(spec, shape).to(device, memory_format=layout)
    sgd = spec.optimiser
    optimiser = torch.optim.SGD(net.parameters(), sgd.rate, sgd.momentum, weight_decay=sgd.weight_decay)
    half = device == "cuda" and sgd.precision == "bfloat16"

    def loop() -> list[float]:
        torch.set_num_threads(sweeps.cores())
        losses = []
        epochs = itertools.chain.from_iterable(itertools.repeat(loader))
        for images, labels in itertools.islice(epochs, sgd.steps):
            images = images.to(device, memory_format=layout, non_blocking=True)
            labels = labels.to(device, non_blocking=True)
            with torch.autocast(device, torch.bfloat16, enabled=half):
                loss = F.cross_entropy(net(images), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        return losses

    return loop


def plain_net(spec: Spec, shape: Sequence[int]) -> nn.Module:
    """The network of ``spec`` for inputs of that ``shape``, as the plain loop has it."""
    if isinstance(spec.net, Conv):
        return PlainNet(spec.net, shape[0], len(shape) - 1)
    return PlainDense(spec.net, math.prod(shape))


# --- Measurements ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Throughput:
    """Of one ``workload``: jobs an hour of ``ours`` and ``plain``, a number a round; ``gflop`` of a job, in 1e9.

    ``megabytes`` is the peak memory of one process of ours, all of it; NaN where the system does not say.
    """

    workload: Workload
    ours: list[float]
    plain: list[float]
    gflop: float
    megabytes: float = math.nan

    @property
    def ratio(self) -> float:
        """Median of ours over median of the plain loop's."""
        return statistics.median(self.ours) / statistics.median(self.plain)

    def share(self, side: list[float], ceiling: float) -> float:
        """The share of the ceiling, in 1e9 operations a second, that a side reaches."""
        return statistics.median(side) / 3600 * self.gflop / ceiling


def throughput(workload: Workload, device: str = "cpu", rounds: int = ROUNDS) -> Throughput:
    """Jobs an hour of both sides, in turns, after one round that does not count."""
    spec, seeds = workload.spec, workload.seeds or sweeps.cores()
    processes = seeds if device == "cuda" else min(seeds, sweeps.cores())
    parts = parts_of([(spec, seed) for seed in range(seeds)], processes)
    loop, mine, others = plain(spec, device), [], []
    scale = 3600 * spec.optimiser.steps / workload.job  # jobs an hour = scale * jobs / seconds
    with started(processes) as pool:
        for _ in range(rounds + 1):
            others.append(scale / _seconds(loop))
            tasks = [joblib.delayed(ours)(part, device) for part in parts]
            mine.append(scale * seeds / _seconds(lambda tasks=tasks: list(pool(tasks))))
    gflop = work(spec) * workload.job / spec.optimiser.steps
    return Throughput(workload, mine[1:], others[1:], gflop, peak_megabytes(parts[0], device))


def peak_megabytes(part: Part, device: str = "cpu") -> float:
    """The most memory that a fresh process takes that trains ``part``, in megabytes; NaN where nothing says."""
    fresh = multiprocessing.get_context("spawn")
    try:
        with concurrent.futures.ProcessPoolExecutor(1, fresh) as process:
            return process.submit(_trained_in, part, device).result()
    except (ImportError, NotImplementedError, OSError, BrokenProcessPool):  # no process can be started
        return math.nan


def _trained_in(part: Part, device: str) -> float:
    ours([(spec.but(steps=2), seed) for spec, seed in part], device)
    status = Path("/proc/self/status")  # of Linux; what `resource` says there is at least the parent's
    if not status.exists():
        return math.nan
    (kibibytes,) = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM")]
    return int(kibibytes) * 1024 / 1e6


# What is made larger, from the workload of the blocks: three values each, and the Spec and the seeds that they give.
GROWTH: dict[str, tuple[tuple[int, ...], Callable[[int], Part]]] = {
    "blocks": ((16, 32, 64), lambda blocks: [(BLOCKS.but(depth=blocks + 2), seed) for seed in range(TOGETHER)]),
    "width": ((32, 64, 128), lambda width: [(BLOCKS.but(width=width), seed) for seed in range(TOGETHER)]),
    "seeds in a batch": ((2, 5, 10), lambda seeds: [(BLOCKS, seed) for seed in range(seeds)]),
}


@dataclass(frozen=True)
class Growth:
    """The ``seconds`` of a step on one thread at each of the ``values`` of ``what`` grows, and the ``exponent``."""

    what: str
    values: tuple[int, ...]
    seconds: tuple[float, ...]
    exponent: float

    @property
    def nets(self) -> list[tuple[Spec, float]]:
        """Each Spec, and the seconds of a step of one of its nets."""
        parts = map(GROWTH[self.what][1], self.values)
        return [(part[0][0], seconds / len(part)) for part, seconds in zip(parts, self.seconds, strict=True)]


def growth(steps: int = 20, rounds: int = 3) -> list[Growth]:
    """How the time of a step grows with blocks, width and seeds."""
    found = []
    for what, (values, part_of) in GROWTH.items():
        seconds = tuple(_seconds_a_step(part_of(value), steps, rounds) for value in values)
        found.append(Growth(what, values, seconds, float(np.polyfit(np.log(values), np.log(seconds), 1)[0])))
    return found


def _seconds_a_step(part: Part, steps: int, rounds: int) -> float:
    """Median over rounds, after one that does not count; without what is drawn before the first step."""
    torch.set_num_threads(1)
    spec = part[0][0].but(steps=steps)
    known, seconds = dataset(spec.task.data), []
    for _ in range(rounds + 1):
        starts = [begin(spec, seed, known) for _, seed in part]
        seconds.append(_seconds(lambda starts=starts: descend(spec, starts)) / steps)
    return statistics.median(seconds[1:])


def _seconds(act: Callable) -> float:
    clock = time.perf_counter()
    act()
    return time.perf_counter() - clock


def work(spec: Spec) -> float:
    """What ``spec.steps`` training steps do, in 1e9 floating-point operations, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        ours([(spec.but(steps=1), 0)])
    return counter.get_total_flops() * spec.optimiser.steps / 1e9


def ceiling(device: str = "cpu") -> float:
    """A large matrix product, float32 on all cores or bfloat16 on a GPU, in 1e9 floating-point operations a second.

    Of torch's two libraries for it on a CPU, the faster one counts.
    """
    torch.set_num_threads(sweeps.cores())
    side, dtype = MATRIX[device], torch.float32 if device == "cpu" else torch.bfloat16
    draws = generator(0, "bench")
    a, b = (torch.randn(side, side, generator=draws).to(device, dtype) for _ in range(2))
    ways = [lambda: a @ b]
    if device == "cpu" and torch.backends.mkldnn.is_available():  # on some processors twice as fast as `@`
        packed = a.to_mkldnn(), b.to_mkldnn()
        ways.append(lambda: F.linear(*packed))
    wait = torch.cuda.synchronize if device == "cuda" else lambda: None
    return max(2 * side**3 / 1e9 / _seconds(lambda way=way: (way(), wait())) for _ in range(TRIES) for way in ways)


# Operations of torch, by the first of these words that occurs in their name.
KINDS = {
    "convolution": ("conv",),
    "matrix product": ("bmm", "::mm", "addmm"),
    "normalisation and other arithmetic": (
        "batch_norm",
        "BatchNorm",
        "Standardised",
        "::mean",
        "::mul",
        "::sub",
        "::sum",
        "sqrt",
        "::div",
    ),
    "ReLU and addition": ("clamp_min", "threshold", "relu", "aten::add"),
    "optimiser": ("sgd", "SGD", "Optimizer"),
    "data": ("index", "pad", "randint", "randperm", "uniform"),
}
REST = "dispatch and the rest"


def shares(spec: Spec, device: str = "cpu") -> dict[str, float]:
    """Where this library's time goes on one thread: kind of work -> share of the wall time.

    What is left of the wall time on a GPU, is waiting.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else the profiler reports the GPUs that it did not find
    torch.set_num_threads(1)
    spec = spec.but(steps=min(spec.optimiser.steps, PROFILED)) if device == "cpu" else spec
    part = [(spec, seed) for seed in range(TOGETHER if spec.together else 1)]
    ours(part, device)
    kinds = [torch.profiler.ProfilerActivity.CPU] + [torch.profiler.ProfilerActivity.CUDA] * (device == "cuda")
    with torch.profiler.profile(activities=kinds, acc_events=True) as profile:
        seconds = _seconds(lambda: ours(part, device))
    spent = dict.fromkeys(KINDS, 0.0)
    for event in profile.key_averages():
        kind = next((kind for kind, words in KINDS.items() if any(word in event.key for word in words)), None)
        on_cpu = event.device_type == torch.autograd.DeviceType.CPU  # a kernel's time is its operation's, too
        if kind and on_cpu and "evaluate_function" not in event.key:
            own = event.self_cpu_time_total if device == "cpu" else event.self_device_time_total
            spent[kind] += own / 1e6 / seconds
    return spent | {REST: 1 - sum(spent.values())}


# --- Tables -----------------------------------------------------------------------------------------


def speed(results: Sequence[Throughput], ceiling: float) -> Table:
    """Jobs an hour of both sides, their ratio with its range over the rounds, and both sides' shares of the ceiling."""
    rows = []
    for result in results:
        ratios = [a / b for a, b in zip(result.ours, result.plain, strict=True)]
        hourly = (f"{float(f'{statistics.median(side):.3g}'):,g}" for side in (result.ours, result.plain))
        shared = (f"{100 * result.share(side, ceiling):.0f}%" for side in (result.ours, result.plain))
        spread = f"**{result.ratio:.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"
        memory = f"{result.megabytes:.0f} MB"
        rows.append((f"{result.workload.says}, {result.workload.job:,} steps", *hourly, spread, *shared, memory))
    head = ("job", "jobs an hour", "plain loop", "ratio", "share of the ceiling", "plain loop's", "memory a process")
    note = f"Medians of {ROUNDS} rounds in turns. The ceiling is a matrix product on all cores, {ceiling:,.0f} GFLOP/s."
    return Table(head, rows, note)


def where(spent: Mapping[str, Mapping[str, float]]) -> Table:
    """Where this library's time goes, on one thread: a row a workload, in percent of the wall time."""
    kinds = (*KINDS, REST)
    rows = [(says, *(f"{100 * shares[kind]:.0f}%" for kind in kinds)) for says, shares in spent.items()]
    return Table(("where the time goes", *kinds), rows, "Profiled, which makes dispatch look dearer than it is.")


def grown(found: Sequence[Growth]) -> Table:
    """A row for each of what :func:`growth` found: milliseconds a step, and the exponent."""
    rows = []
    for row in found:
        times = ", ".join(f"{1000 * seconds:.3g}" for seconds in row.seconds)
        rows.append((row.what, ", ".join(map(str, row.values)), times, f"{row.exponent:.2f}"))
    note = f"Else {DEEP.depth - 2} blocks, width {DEEP.width}, batches of {BLOCKS.task.batch}, {TOGETHER} seeds."
    return Table(("what grows", "from, over, to", "milliseconds a step", "exponent"), rows, note)


@dataclass(frozen=True)
class Bench:
    """All that ``whyresnets bench`` measured on a ``device``: ``results`` and ``growth``.

    The ``ceiling`` is in 1e9 operations a second; ``shares`` say of each workload where the time goes.
    """

    device: str
    ceiling: float
    results: list[Throughput]
    shares: dict[str, dict[str, float]]
    growth: list[Growth]

    @property
    def tables(self) -> list[Table]:
        """Speed, where the time goes, and how it grows."""
        more = [grown(self.growth)] if self.growth else []
        return [speed(self.results, self.ceiling), where(self.shares), *more]

    def as_json(self) -> dict:
        """What ``bench --json`` writes; :mod:`whyresnets.sweeps.cost` reads it."""
        workloads = [self._workload(result) for result in self.results]
        timed = [(from_flat(row["spec"]), row["core_seconds_a_step"]) for row in workloads]
        return {
            "workloads": workloads,
            "growth": [asdict(row) for row in self.growth],
            "fixed_seconds": fixed_seconds(timed + [net for row in self.growth for net in row.nets]),
            "ceiling_gflop_s": self.ceiling,
            "tables": [table._repr_markdown_() for table in self.tables],
            "hardware": hardware(self.device),
            "versions": versions(),
        }

    def _workload(self, result: Throughput) -> dict:
        hourly = statistics.median(result.ours)
        return {
            "workload": result.workload.says,
            "spec": result.workload.spec.flat(),
            "steps": result.workload.job,
            "jobs_an_hour": result.ours,
            "plain_jobs_an_hour": result.plain,
            "ratio": result.ratio,
            "core_seconds_a_step": 3600 * sweeps.cores() / hourly / result.workload.job,
            "gflop_a_job": result.gflop,
            "peak_megabytes": result.megabytes,
            "share_of_ceiling": result.share(result.ours, self.ceiling),
            "where_the_time_goes": self.shares[result.workload.says],
        }


def measured(device: str, say: Callable[[str], None]) -> Bench:
    """Every workload of ``device``, one after the other; ``say`` hears which one is under way."""
    most = ceiling(device)
    results, spent = [], {}
    for workload in WORKLOADS[device]:
        say(workload.says)
        results.append(throughput(workload, device))
        spent[workload.says] = shares(workload.spec, device)
    return Bench(device, most, results, spent, growth() if device == "cpu" else [])
