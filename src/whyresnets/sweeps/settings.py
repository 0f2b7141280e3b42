"""Torch's settings of a whole process, kept apart: those of the reader, and those with which nets are trained."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.backends import mkldnn, opt_einsum


def _flushes() -> bool:
    """Whether this thread takes the smallest numbers for 0."""
    return sys.float_info.min * 0.5 == 0


def _of(owner: Any, name: str, value: Any) -> tuple[Callable[[], Any], Callable[[Any], Any], Any]:
    return functools.partial(getattr, owner, name), functools.partial(setattr, owner, name), value


# How a setting is asked for, how it is set, and what a fresh process has; but one thread.
SETTINGS: tuple[tuple[Callable[[], Any], Callable[[Any], Any], Any], ...] = (
    (torch.get_num_threads, torch.set_num_threads, 1),
    (torch.get_default_dtype, torch.set_default_dtype, torch.float32),
    (torch.get_deterministic_debug_mode, torch.set_deterministic_debug_mode, 0),
    (_flushes, torch.set_flush_denormal, False),
    _of(mkldnn, "enabled", True),
    _of(mkldnn, "deterministic", False),
    _of(opt_einsum, "enabled", True),
)
# Products in which bits may be left out. (By name: torch's types do not list them.)
PRODUCTS = (getattr(mkldnn, "matmul"), getattr(mkldnn, "conv"), torch.backends.cuda.matmul)  # noqa: B009


@contextmanager
def fresh_torch() -> Iterator[None]:
    """Within it torch computes on one thread, and else as in a fresh process, whatever was set before: always alike.

    For many small products one thread is faster than more. Afterwards everything is as it was.

    >>> torch.set_default_dtype(torch.float64)
    >>> with fresh_torch():
    ...     print(torch.ones(1).dtype)
    torch.float32
    >>> torch.ones(1).dtype
    torch.float64
    >>> torch.set_default_dtype(torch.float32)
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.is_anomaly_enabled():  # it would stop a run that diverges
            stack.enter_context(torch.autograd.set_detect_anomaly(False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for ask, change, fresh in (*SETTINGS, *_precision()):
            if (before := ask()) != fresh:
                stack.callback(change, before)
                change(fresh)
        yield


def _precision() -> Iterator[tuple[Callable[[], Any], Callable[[Any], Any], Any]]:
    """The settings of how many bits products of 32 have: torch has an older and a newer way to say that."""

    def older() -> str:
        try:
            return torch.get_float32_matmul_precision()
        except RuntimeError:  # the newer way was used; it is asked below
            return "highest"

    yield older, torch.set_float32_matmul_precision, "highest"
    for product in PRODUCTS:
        if product.fp32_precision != "none":  # else nobody has said anything
            yield _of(product, "fp32_precision", "ieee")
