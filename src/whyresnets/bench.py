"""Training throughput of this library beside a plain DataLoader loop, the machine's ceiling, and where the time goes.

Both sides train the same network on the same images with the same batch, on all cores: this library with one
process a core, the plain loop with PyTorch's own threads. They take turns, so that a noisy machine is noisy for both.
On a GPU both train in bfloat16, this library with one process or a few, the plain loop with as many readers as it can.
"""

import functools
import itertools
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import joblib
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision import transforms
from torchvision.datasets import CIFAR10

from whyresnets import data, sweeps
from whyresnets.nets.architecture import Conv
from whyresnets.nets.conv import option_a
from whyresnets.report import Table
from whyresnets.spec import SGD, Spec, Task
from whyresnets.store.provenance import hardware, versions
from whyresnets.training.augmentation import PAD
from whyresnets.training.descent import descend
from whyresnets.training.start import begin, generator

ROUNDS = 5  # of each side, in turns; their median counts
# Random ones of CIFAR-10's shape: the time does not depend on what they show. On a GPU as many as there are, so that
# the plain loop's readers have as long epochs as they would.
IMAGES = {"cpu": 2048, "cuda": 50_000}
MATRIX = {"cpu": 2048, "cuda": 8192}  # rows and columns of the matrices whose product is the ceiling (chosen by us)
TRIES = 15  # of each way to multiply them; the fastest counts (chosen by us)
READERS = 8  # processes of the plain loop's DataLoader beside a GPU, at most (chosen by us)


@dataclass(frozen=True)
class Workload:
    """What is timed: ``spec.steps`` steps of ``spec``, scaled to a job of ``job`` steps.

    ``says`` names it in the table; ``together`` is how many processes of ours work at a time, one a core unless said.
    """

    says: str
    spec: Spec
    job: int
    together: int | None = None


EPOCH = 390  # steps
FULL_SIZE = Spec(Conv(20, "residual", (16, 32, 64)), Task("cifar10", batch=128), SGD(steps=12))
AUGMENTED = FULL_SIZE.but(augment=True)  # as He et al. 2015, section 4.2
HALF_BITS = AUGMENTED.but(precision="bfloat16")
ON_A_GPU = HALF_BITS.but(depth=56, steps=600)  # steps: some seconds (chosen by us)
WORKLOADS = {
    "cpu": (
        Workload("ResNet-20 on digits, half of He et al.'s widths, batch 64", Spec(Conv(20, "residual")), 100),
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
    """The digits; or, in the place of CIFAR-10, :func:`noise`, normalised as the plain loop does."""
    if name == "digits":
        return data.load(name)
    pixels, y = noise(device)
    x = pixels.permute(0, 3, 1, 2).float() / 255 - 0.5
    return data.Dataset(name, x, y, x[:1], y[:1], "")


def ours(spec: Spec, seed: int, device: str = "cpu") -> list[float]:
    """One seed as the library trains it, on one thread; the loss at each step, in nats (T,)."""
    torch.set_num_threads(1)
    start = begin(spec, seed, dataset(spec.task.data, device), device)
    return descend(spec, [start])[0]["curve"].tolist()


class PlainNet(nn.Module):
    """The residual network of :class:`whyresnets.nets.conv.ConvNet` as one usually writes it, with torch.nn layers."""

    def __init__(self, net: Conv, channels: int):
        super().__init__()
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
            h = F.relu(second(F.relu(first(h))) + option_a(h, *shape))
        return self.head(h.mean((2, 3)))


def _layer(before: int, width: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width))


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
    digits = torch.utils.data.TensorDataset(known.x_train, known.y_train)
    pictures = digits if spec.task.data == "digits" else Pictures(*noise(device), spec.task.augment)
    readers = {"num_workers": min(READERS, sweeps.cores()), "persistent_workers": True, "pin_memory": True}
    how = {"shuffle": True, "drop_last": True, **(readers if device == "cuda" else {})}
    loader = torch.utils.data.DataLoader(pictures, spec.task.batch, **how)
    net = PlainNet(spec.net, known.channels).to(device, memory_format=torch.channels_last)
    sgd = spec.optimiser
    optimiser = torch.optim.SGD(net.parameters(), sgd.rate, sgd.momentum, weight_decay=sgd.weight_decay)
    half = device == "cuda" and sgd.precision == "bfloat16"

    def loop() -> list[float]:
        torch.set_num_threads(sweeps.cores())
        losses = []
        epochs = itertools.chain.from_iterable(itertools.repeat(loader))
        for images, labels in itertools.islice(epochs, sgd.steps):
            images = images.to(device, memory_format=torch.channels_last, non_blocking=True)
            labels = labels.to(device, non_blocking=True)
            with torch.autocast(device, torch.bfloat16, enabled=half):
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
    """Of one ``workload``: jobs an hour of ``ours`` and ``plain``, a number a round; ``gflop`` of a job, in 1e9."""

    workload: Workload
    ours: list[float]
    plain: list[float]
    gflop: float

    @property
    def ratio(self) -> float:
        """Median of ours over median of the plain loop's."""
        return statistics.median(self.ours) / statistics.median(self.plain)

    def share(self, side: list[float], ceiling: float) -> float:
        """The share of the ceiling, in 1e9 operations a second, that a side reaches."""
        return statistics.median(side) / 3600 * self.gflop / ceiling


def throughput(workload: Workload, device: str = "cpu", rounds: int = ROUNDS) -> Throughput:
    """Jobs an hour of both sides, in turns, after one round that does not count."""
    spec, jobs = workload.spec, workload.together or sweeps.cores()
    loop, mine, others = plain(spec, device), [], []
    scale = 3600 * spec.optimiser.steps / workload.job  # jobs an hour = scale * jobs / seconds
    with joblib.parallel_config("loky", inner_max_num_threads=1), joblib.Parallel(n_jobs=jobs) as workers:
        for _ in range(rounds + 1):
            others.append(scale / _seconds(loop))
            tasks = [joblib.delayed(ours)(spec, seed, device) for seed in range(jobs)]
            mine.append(scale * jobs / _seconds(lambda tasks=tasks: workers(tasks)))
    return Throughput(workload, mine[1:], others[1:], work(spec) * workload.job / spec.optimiser.steps)


def _seconds(act: Callable) -> float:
    clock = time.perf_counter()
    act()
    return time.perf_counter() - clock


def work(spec: Spec) -> float:
    """What ``spec.steps`` training steps do, in 1e9 floating-point operations, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        ours(spec.but(steps=1), 0)
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
    "normalisation": ("batch_norm", "BatchNorm"),
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
    ours(spec, 0, device)
    kinds = [torch.profiler.ProfilerActivity.CPU] + [torch.profiler.ProfilerActivity.CUDA] * (device == "cuda")
    with torch.profiler.profile(activities=kinds, acc_events=True) as profile:
        seconds = _seconds(lambda: ours(spec, 1, device))
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
        hourly = (f"{statistics.median(side):.3g}" for side in (result.ours, result.plain))
        shared = (f"{100 * result.share(side, ceiling):.0f}%" for side in (result.ours, result.plain))
        spread = f"**{result.ratio:.2f}** ({min(ratios):.2f} to {max(ratios):.2f})"
        rows.append((f"{result.workload.says}, {result.workload.job:,} steps", *hourly, spread, *shared))
    head = ("job", "jobs an hour", "plain loop", "ratio", "share of the ceiling", "plain loop's")
    note = f"Medians of {ROUNDS} rounds in turns. The ceiling is a matrix product on all cores, {ceiling:,.0f} GFLOP/s."
    return Table(head, rows, note)


def where(spent: Mapping[str, Mapping[str, float]]) -> Table:
    """Where this library's time goes, on one thread: a row a workload, in percent of the wall time."""
    kinds = (*KINDS, REST)
    rows = [(says, *(f"{100 * shares[kind]:.0f}%" for kind in kinds)) for says, shares in spent.items()]
    return Table(("where the time goes", *kinds), rows, "Profiled, which makes dispatch look dearer than it is.")


def as_json(result: Throughput, shares: Mapping[str, float], ceiling: float, device: str) -> dict:
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
        "hardware": hardware(device),
        "versions": versions(),
    }
