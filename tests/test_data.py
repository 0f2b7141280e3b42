import os
import pickle
import random
import re
import socket
import ssl
import subprocess
import sys
import textwrap
from dataclasses import replace
from email.message import Message
from pathlib import Path
from urllib.error import HTTPError, URLError

import numpy as np
import pytest
import torch
from torchvision import datasets

from whyresnets import data, fetching
from whyresnets.training.augmentation import augmentation_draws, augmented


def test_digits_are_real_split_and_standardised():
    digits = data.load("digits")
    assert digits.x_train.shape == (1400, 1, 8, 8) and digits.x_test.shape == (397, 1, 8, 8)
    assert digits.x_train.mean(0).abs().max() < 1e-5
    assert abs(digits.x_train.std().item() - 1) < 1e-3
    assert digits.y_train.bincount().min() > 120  # all ten classes


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    raw, ours = load_digits(), data.load("digits")
    labels = torch.cat([ours.y_train, ours.y_test]).bincount()
    assert torch.equal(labels, torch.tensor(raw.target).bincount())


def test_mnist1d_has_its_shape_its_ten_classes_and_its_checksum():
    ours = data.load("mnist1d")
    assert ours.x_train.shape == (4000, 1, 40) and ours.x_test.shape == (1000, 1, 40)
    assert {ours.x_train.dtype, ours.x_test.dtype} == {torch.float32}
    assert {ours.y_train.dtype, ours.y_test.dtype} == {torch.int64}
    assert (ours.y_train.bincount() + ours.y_test.bincount()).tolist() == [500] * 10
    assert ours.y_train.bincount().min() > 350 and ours.y_test.bincount().min() > 80
    assert ours.x_train.mean(0).abs().max() < 1e-5 and abs(ours.x_train.std().item() - 1) < 1e-3
    assert ours.checksum == data.DATASETS["mnist1d"].checksum != ""


def test_mnist1d_is_the_package_s_own_but_for_rounding_and_centring(monkeypatch):
    import mnist1d.data

    kept, make = [], mnist1d.data.make_dataset
    monkeypatch.setattr(mnist1d.data, "make_dataset", lambda args: kept.append(make(args)) or kept[-1])
    ours = data.load.__wrapped__("mnist1d")
    (raw,) = kept
    centre, scale = raw["x"].mean(0), (raw["x"] - raw["x"].mean(0)).std(ddof=1)
    for x, theirs in ((ours.x_train, raw["x"]), (ours.x_test, raw["x_test"])):
        assert np.abs(x[:, 0].numpy() * scale + centre - theirs).max() < 6e-5  # rounded to four decimals
    assert np.array_equal(ours.y_train, raw["y"]) and np.array_equal(ours.y_test, raw["y_test"])


ALONE = textwrap.dedent(
    """
    import random, socket, sys

    import numpy as np

    from whyresnets import data
    from whyresnets.nets.architecture import Dense
    from whyresnets.spec import Spec

    def refused(*_, **__):
        raise OSError("the network was used")

    socket.getaddrinfo = socket.socket.connect = refused
    Spec(Dense(8, "residual")).but(data="mnist1d")
    assert not {"mnist1d", "matplotlib", "torch"} & set(sys.modules)  # a record is read without them

    import matplotlib, torch

    def states():
        return repr((np.random.get_state(), random.getstate(), torch.get_rng_state().tolist()))

    np.set_printoptions(threshold=sys.maxsize)
    backend, drawn = matplotlib.rcParams._get_backend_or_none(), states()
    assert data.load("mnist1d").x_train.shape == (4000, 1, 40)
    assert states() == drawn and matplotlib.rcParams._get_backend_or_none() == backend
    """
)


def test_mnist1d_uses_no_network_writes_nothing_and_moves_no_global_generator(tmp_path):
    """In a fresh process, where the package is imported for the first time; any warning is an error."""
    command = [sys.executable, "-W", "error", "-c", ALONE]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())


def test_the_global_generators_are_put_back_when_mnist1d_fails(monkeypatch):
    import mnist1d.data

    def fails(args):
        mnist1d.data.set_seed(args.seed)
        raise MemoryError

    monkeypatch.setattr(mnist1d.data, "make_dataset", fails)
    before = np.random.get_state()[1].copy(), random.getstate()
    with pytest.raises(MemoryError):
        data.load.__wrapped__("mnist1d")
    assert np.array_equal(np.random.get_state()[1], before[0]) and random.getstate() == before[1]


def test_where_mnist1d_is_not_installed_one_clear_line_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "mnist1d.data", None)
    with pytest.raises(data.DataMissing, match=r"pip install mnist1d$") as caught:
        data.load.__wrapped__("mnist1d")
    assert "\n" not in str(caught.value)


def test_another_mnist1d_is_refused_and_the_right_one_named(monkeypatch):
    monkeypatch.setitem(data.DATASETS, "mnist1d", replace(data.DATASETS["mnist1d"], checksum="0" * 64))
    with pytest.raises(data.DataMissing, match="makes other data") as caught:
        data.load.__wrapped__("mnist1d")
    pinned = re.findall(r"^mnist1d==\S+", (Path(__file__).parents[1] / "requirements.txt").read_text(), re.M)
    assert re.findall(r"mnist1d==\S+", str(caught.value)) == pinned


def least_linear_loss(known: data.Dataset) -> float:
    """The training loss in nats of the best linear model: the problem is convex, and solved until it is flat."""
    x, y = known.x_train.flatten(1).double(), known.y_train
    weights, bias = torch.zeros(x.shape[1], 10).double(), torch.zeros(10).double()
    learnt = [part.requires_grad_() for part in (weights, bias)]
    solver = torch.optim.LBFGS(learnt, max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        found = torch.nn.functional.cross_entropy(x @ weights + bias, y)
        found.backward()
        return found

    solver.step(loss)
    least = loss().item()
    assert max(part.grad.abs().max() for part in learnt) < 1e-3
    return least


def test_no_linear_model_does_mnist1d_and_one_does_digits():
    """The numbers of the page on the data."""
    assert least_linear_loss(data.load("mnist1d")) > 1.5
    assert least_linear_loss(data.load("digits")) < 0.1


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"choose one of digits, .*cifar10, fashion_mnist"):
        data.load("mnist")


def test_changed_data_are_refused(monkeypatch):
    monkeypatch.setitem(data.DATASETS, "digits", replace(data.DATASETS["digits"], checksum="0" * 64))
    with pytest.raises(data.DataMissing, match="not the expected version"):
        data.load.__wrapped__("digits")


@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist"])
def test_absent_files_that_cannot_be_downloaded_give_one_clear_line(name, tmp_path, monkeypatch):
    def unreachable(*_, **__):
        raise OSError("no network")

    for module in (datasets.cifar, datasets.mnist):
        monkeypatch.setattr(module, "download_and_extract_archive", unreachable)
    monkeypatch.setenv("WHYRESNETS_DATA", str(tmp_path))
    with pytest.raises(data.DataMissing, match="WHYRESNETS_DATA") as caught:
        data.load.__wrapped__(name)
    assert "\n" not in str(caught.value)


def test_augment_equals_torchvision_image_by_image():
    """The draws are ours; what is done with them is compared to torchvision's pad, crop and hflip."""
    from torchvision.transforms import functional as tv

    x = torch.randn(32, 3, 8, 10, generator=torch.Generator().manual_seed(1))
    found_all = augmented(x, *augmentation_draws(32, torch.Generator().manual_seed(2)))
    draws = torch.Generator().manual_seed(2)
    down, right = torch.randint(0, 9, (2, 32, 1), generator=draws)
    mirrored = torch.rand(32, 1, generator=draws) < 0.5
    for image, d, r, m, found in zip(x, down, right, mirrored, found_all, strict=True):
        expected = tv.crop(tv.pad(image, [4, 4, 4, 4]), int(d), int(r), 8, 10)
        assert torch.equal(found, tv.hflip(expected) if m else expected)
    assert 0 < mirrored.sum() < 32 and down.min() == 0 and right.max() == 8  # every kind was met


def test_damaged_fashion_mnist_gives_one_clear_line(tmp_path, monkeypatch):
    """torchvision only looks whether its files are there."""
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for kind in ("train", "t10k"):
        for name in ("images-idx3-ubyte", "labels-idx1-ubyte"):
            (folder / f"{kind}-{name}").write_bytes(b"damaged")
    monkeypatch.setattr(datasets.FashionMNIST, "download", lambda _: None)
    monkeypatch.setenv("WHYRESNETS_DATA", str(tmp_path))
    with pytest.raises(data.DataMissing, match="WHYRESNETS_DATA"):
        data.load.__wrapped__("fashion_mnist")


def test_real_cifar10_loads_through_torchvision():
    if not os.environ.get("WHYRESNETS_DATA"):
        pytest.skip("WHYRESNETS_DATA is not set: it names the folder that holds cifar-10-batches-py")
    if not (fetching.folder() / "cifar-10-batches-py").is_dir():
        pytest.skip(f"no cifar-10-batches-py in {fetching.folder()}")
    cifar = data.load("cifar10")
    assert cifar.x_train.shape == (50_000, 3, 32, 32) and cifar.x_test.shape == (10_000, 3, 32, 32)
    assert cifar.y_train.bincount().tolist() == [5000] * 10
    assert cifar.checksum == data.DATASETS["cifar10"].checksum


# --- Where the files are, and why they are not ----------------------------------------------------


def pictures(folder: Path) -> None:
    """CIFAR-10 in small: one picture a file, pickled as torchvision reads it."""
    folder.mkdir(parents=True)
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        (folder / name).write_bytes(pickle.dumps({"data": np.zeros((1, 3072), np.uint8), "labels": [3]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))


@pytest.mark.parametrize("below", ["", "cifar-10-batches-py", "pictures/mine"])
def test_cifar10_is_found_by_its_folder_and_by_the_one_above(below, tmp_path, monkeypatch):
    pictures(tmp_path / (below or "cifar-10-batches-py"))
    monkeypatch.setenv("WHYRESNETS_DATA", str(tmp_path / below))
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    train, test = fetching.halves("cifar10")
    assert train.data.shape == (5, 32, 32, 3) and test.targets == [3]


def test_damaged_files_are_named(tmp_path, monkeypatch):
    pictures(tmp_path / "cifar-10-batches-py")
    kind, root = datasets.CIFAR10, tmp_path
    assert len(fetching.damaged(kind, root)) == 6 and fetching.damaged(kind, tmp_path / "elsewhere") == []
    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", unreachable(URLError("no")))
    monkeypatch.setenv("WHYRESNETS_DATA", str(root))
    with pytest.raises(data.DataMissing, match=r"damaged \(data_batch_1, .*test_batch\) .* could not be downloaded"):
        fetching.halves("cifar10")


def unreachable(error: Exception):
    def raising(*_, **__):
        raise error

    return raising


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (URLError(ssl.SSLCertVerificationError(1, "CERTIFICATE_VERIFY_FAILED")), "certificate is not accepted"),
        (URLError(OSError("Tunnel connection failed: 407 Proxy Authentication Required")), "proxy refuses"),
        (HTTPError("u", 407, "", Message(), None), "proxy refuses"),
        (HTTPError("u", 503, "", Message(), None), "the server answers 503"),
        (URLError(socket.gaierror(-2, "Name or service not known")), "no network"),
        (URLError(ConnectionRefusedError(111, "Connection refused")), "no network"),
        (TimeoutError("timed out"), "no network"),
        (PermissionError(13, "Permission denied", "data"), "Permission denied"),
        (OSError(28, "No space left on device", "data"), "No space left on device"),
        (RuntimeError("File not found or corrupted."), "RuntimeError"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_causes_are_told_apart(error, said):
    assert said in fetching.why(error)
