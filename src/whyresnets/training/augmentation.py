"""Pad, crop and mirror: He et al. 2015, section 4.2."""

import torch
import torch.nn.functional as F
from torch import Tensor

PAD = 4  # pixels on each side before a random crop


def augmentation_draws(images: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """What is random about the augmentation of so many images: shifts (2, images, 1) and mirrors (images, 1).

    Shifts down and right, in pixels from 0 to 8; mirrors of bool, true half of the time. Source: He et al. 2015,
    section 4.2. The draws come from ``generator`` alone.
    """
    shifts = torch.randint(0, 2 * PAD + 1, (2, images, 1), generator=generator)
    return shifts, torch.rand(images, 1, generator=generator) < 0.5


def augmented(x: Tensor, shifts: Tensor, mirrored: Tensor) -> Tensor:
    """Each image padded by 4 zeros, cropped back at its shift, and mirrored where it says so; shape of ``x``.

    Source: He et al. 2015, section 4.2. ``x`` is (B, channels, height, width); for the others see
    :func:`augmentation_draws`.
    """
    images, _, height, width = x.shape
    rows, columns = (torch.arange(size, device=x.device) for size in (height, width))
    down, right = shifts
    rows, columns = rows + down, right + torch.where(mirrored, columns.flip(0), columns)
    padded = F.pad(x, (PAD, PAD, PAD, PAD)).permute(0, 2, 3, 1)
    image = torch.arange(images, device=x.device)[:, None, None]
    return padded[image, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
