import os
from dataclasses import replace

import pytest
import torch

from whyresnets import data
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


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"choose one of digits, .*cifar10, fashion_mnist"):
        data.load("mnist")


def test_changed_data_are_refused(monkeypatch):
    monkeypatch.setitem(data.DATASETS, "digits", replace(data.DATASETS["digits"], checksum="0" * 64))
    with pytest.raises(data.DataMissing, match="not the expected version"):
        data.load.__wrapped__("digits")


@pytest.mark.parametrize("name", ["cifar10", "fashion_mnist"])
def test_absent_files_that_cannot_be_downloaded_give_one_clear_line(name, tmp_path, monkeypatch):
    from torchvision import datasets

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
    from torchvision import datasets

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
    if not (data.folder() / "cifar-10-batches-py").is_dir():
        pytest.skip(f"no cifar-10-batches-py in {data.folder()}")
    cifar = data.load("cifar10")
    assert cifar.x_train.shape == (50_000, 3, 32, 32) and cifar.x_test.shape == (10_000, 3, 32, 32)
    assert cifar.y_train.bincount().tolist() == [5000] * 10
    assert cifar.checksum == data.DATASETS["cifar10"].checksum
