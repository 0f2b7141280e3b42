"""Data sets as tensors: scikit-learn's digits (the default), MNIST-1D, Gaussian points, CIFAR-10, Fashion-MNIST."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from whyresnets import fetching
from whyresnets.fetching import DataMissing

if TYPE_CHECKING:
    from torch import Tensor

GAUSSIAN_POINTS = 256  # to learn, and as many to test; chosen by us
TRAIN_DIGITS = 1400  # of 1,797; chosen by us: the rest, 397, are for testing


@dataclass(frozen=True)
class About:
    """What is known of a data set before it is read.

    Attributes
    ----------
    load : makes its tensors, given its name
    checksum : SHA-256 of those, so that a record knows its data where the files are not at hand; "": not known
    outputs : of a network for these data: classes, or the numbers that a teacher says
    labelled : whether its points have classes of their own; others need a teacher
    images : whether its inputs are images, which may be cropped and mirrored
    pixels : of an input, or its places
    """

    load: Callable[[str], Dataset]
    checksum: str = ""
    outputs: int = 10
    labelled: bool = True
    images: bool = True
    pixels: int = 64


@dataclass(frozen=True)
class Dataset:
    """The classification data set called ``name``, held in memory.

    ``x_train`` and ``x_test`` are (examples, channels, height, width) float32, or
    (examples, channels, length) if an input is a line and no image: pixels minus the
    per-pixel mean of the training set (He et al. 2015, section 4.2), divided by one
    standard deviation for all pixels (chosen by us; dimensionless). ``y_train`` and
    ``y_test`` are (examples,) int64 class numbers. ``checksum`` is a SHA-256 over all
    four before that.
    """

    name: str
    x_train: Tensor
    y_train: Tensor
    x_test: Tensor
    y_test: Tensor
    checksum: str


@functools.cache
def load(name: str = "digits") -> Dataset:
    """The data set ``name`` as a :class:`Dataset`; read once a process, then remembered.

    Raises
    ------
    ValueError
        If ``name`` is not one of :data:`DATASETS`.
    DataMissing
        If torchvision neither finds the files nor can download them, if the package mnist1d is not installed, or if
        the data are not what they should be.
    """
    if name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}: choose one of {', '.join(DATASETS)}")
    return DATASETS[name].load(name)


def _digits(name: str) -> Dataset:
    """All 8x8 pixels; or, as "digits-4x4", the mean of every four: as real, and a quarter of the weights."""
    import torch
    import torch.nn.functional as F
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1)
    y = torch.tensor(digits.target, dtype=torch.int64)
    # The files are ordered by writer: shuffle once, always alike, before splitting.
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    train, test = order[:TRAIN_DIGITS], order[TRAIN_DIGITS:]
    x = F.avg_pool2d(x, 2) if name == "digits-4x4" else x
    return _dataset(name, x[train], y[train], x[test], y[test])


def _gaussian(name: str) -> Dataset:
    """Points of R^2 or R^4 as images of one row; they have no class (all are 0), a teacher gives them their targets."""
    import numpy as np
    import torch

    points = np.random.default_rng(0).standard_normal((2 * GAUSSIAN_POINTS, 1, 1, int(name[-1])))
    x = torch.tensor(points.round(3), dtype=torch.float32)  # rounded: the same on every machine
    y = torch.zeros(GAUSSIAN_POINTS, dtype=torch.int64)
    return _dataset(name, x[:GAUSSIAN_POINTS], y, x[GAUSSIAN_POINTS:], y)


def _mnist1d(name: str) -> Dataset:
    """What the package mnist1d (Apache-2.0) makes with its standard arguments, offline; it seeds global generators."""
    import random

    import numpy as np
    import torch

    try:
        from mnist1d.data import get_dataset_args, make_dataset
    except ModuleNotFoundError as error:
        raise DataMissing(
            f"{name} is made by a package that is not installed ({error}): pip install mnist1d"
        ) from error
    states = np.random.get_state(), random.getstate()
    try:
        made = make_dataset(get_dataset_args())
    finally:
        np.random.set_state(states[0])
        random.setstate(states[1])
    halves = []
    for half in ("", "_test"):
        x = torch.tensor(made[f"x{half}"].round(4), dtype=torch.float32)  # rounded: the same on every machine
        halves += [x.unsqueeze(1), torch.tensor(made[f"y{half}"], dtype=torch.int64)]
    try:
        return _dataset(name, *halves)
    except DataMissing as error:
        raise DataMissing(
            "the installed mnist1d makes other data than the book's: pip install mnist1d==0.0.2.post1"
        ) from error


def _from_torchvision(name: str) -> Dataset:
    import torch

    halves = []
    for found in fetching.halves(name):
        x = torch.as_tensor(found.data).float() / 255
        x = x.permute(0, 3, 1, 2) if x.ndim == 4 else x.unsqueeze(1)
        halves += [x.contiguous(), torch.as_tensor(found.targets)]
    return _dataset(name, *halves)


def _dataset(name: str, x_train: Tensor, y_train: Tensor, x_test: Tensor, y_test: Tensor) -> Dataset:
    checksum = hashlib.sha256()
    for part in (x_train, y_train, x_test, y_test):
        checksum.update(part.contiguous().numpy().tobytes())
    found = checksum.hexdigest()
    if found != (DATASETS[name].checksum or found):
        raise DataMissing(
            f"{name} is damaged or not the expected version: remove it from {fetching.folder()} and fetch it again"
        )
    mean, scale = x_train.mean(0), (x_train - x_train.mean(0)).std()
    return Dataset(name, (x_train - mean) / scale, y_train, (x_test - mean) / scale, y_test, found)


# Fashion-MNIST has no checksum: its files were not at hand; torchvision checks them as it downloads.
DATASETS = {
    "digits": About(_digits, "5dcddd1b7a82872949a086a467f6beabd8db244b932513d22f6bf83400205648"),
    "digits-4x4": About(_digits, "f42465bcce1fd2ffe66f7867bd66b271be20041dbc1c4f80232eaf9c98c553f1", pixels=16),
    "gaussian-2": About(
        _gaussian, "09fecc078fbf8f6aa8eee3f46206b5bd214bbbe5f0138f448b78a72e2dd6d919", 1, labelled=False, pixels=2
    ),
    "gaussian-4": About(
        _gaussian, "1c3674085f11a750f7ccef4acce018ccbbfc1d40e2e771390bcc06f684417dac", 3, labelled=False, pixels=4
    ),
    "mnist1d": About(
        _mnist1d, "52ff3c2747ca40b48758a7efe90688c840d34e77a104b571b49d222c061a6278", images=False, pixels=40
    ),
    "cifar10": About(
        _from_torchvision, "29cb2ad53a4b83dc13a413c44675ac385e4656a3cfdf151ff071d7b1f3789d28", pixels=1024
    ),
    "fashion_mnist": About(_from_torchvision, pixels=784),
}
