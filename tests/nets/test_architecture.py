import math

import pytest
from written_out import orhan_net

from whyresnets.nets.conv import ConvNet
from whyresnets.nets.dense import DenseNet


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ({"depth": 21}, "6 n"),
        ({"depth": 2}, "6 n"),
        ({"rule": "dense"}, "residual"),
        ({"norm": "layer"}, "batch"),
        ({"padding": "reflect"}, "circular"),
        ({"norm": "none", "zero_init_residual": True}, "norm='batch'"),
        ({"order": "pre", "depth": 22, "zero_init_residual": True}, "order='post'"),
        ({"order": "pre"}, "6 n \\+ 4"),
        ({"order": "mid"}, "post"),
        ({"widths": (4, 4)}, "choose 3"),
        ({"gain": math.nan}, "finite"),
        ({"alpha": math.inf}, "finite"),
        ({"eps": 0.0}, "above 0"),
        ({"norm": "sum"}, "batch, none"),
        ({"norm": "frozen"}, "batch, none"),
        ({"head_norm": "batch"}, "is impossible"),
    ],
)
def test_impossible_networks_are_refused(field, says):
    with pytest.raises(ValueError, match=says):
        ConvNet(**{"depth": 20, **field})


@pytest.mark.parametrize(
    ("field", "says"),
    [
        ({"depth": 1}, "from 2 up"),
        ({"rule": "dense"}, "residual"),
        ({"norm": "layer"}, "batch"),
        ({"activation": "softplus"}, "abs"),
        ({"weights": "glorot"}, "orthogonal"),
        ({"width": 0}, "from 1 up"),
        ({"gain": math.inf}, "finite"),
        ({"alpha": math.nan}, "finite"),
        ({"eps": -1.0}, "above 0"),
        ({"head_norm": "sum"}, "batch"),
        ({"skip": "common"}, "no skip 'common'"),
        ({"rule": "residual", "skip": "orthogonal", "skip_condition": 0.5}, "from 1 up"),
        ({"rule": "residual", "skip": "gaussian", "skip_condition": 10.0}, "choose 'orthogonal'"),
        ({"rule": "residual", "skip": "copies", "distinct": 33}, "choose 1 to 32"),
        ({"head_activation": "relu"}, "linear"),
        ({"order": "post", "norm": "none", "head_activation": "linear"}, "order 'pre'"),
        ({"cancelled": "own"}, "order='post'"),
        ({"forward_gain": 1.0}, "order='post'"),
        ({"order": "middle"}, "pre, post"),
    ],
)
def test_impossible_dense_networks_are_refused(field, says):
    with pytest.raises(ValueError, match=says):
        DenseNet(**{"depth": 20, **field})


def test_only_kernels_that_are_there_can_be_projected():
    assert ConvNet(10, order="pre").kernels("transitions") == ["1.transition.weight", "2.transition.weight"]
    assert ConvNet(10, order="pre").kernels("ordinary") == ["0.0.b.weight", "1.0.b.weight"]
    assert len(ConvNet(10, order="pre").kernels("units")) == 6 and DenseNet(4).kernels("units") == [
        "0.weight",
        "1.weight",
    ]
    for net, which, says in (
        (ConvNet(20), "transitions", "order='pre'"),
        (ConvNet(20), "stems", "ordinary"),
        (DenseNet(20), "transitions", "'units'"),
    ):
        with pytest.raises(ValueError, match=says):
            net.kernels(which)


@pytest.mark.parametrize(
    "change",
    [
        {"rule": "half"},
        {"skip": "none"},
        {"rule": "plain", "skip": "common"},
        {"activation": "softplus"},
        {"weights": "ones"},
        {"depth": 1},
        {"width": 0},
        {"gain": float("nan")},
        {"norm": "sum"},
        {"forward_gain": 0.0},
        {"forward_gain": float("inf")},
        {"distinct": 2},
        {"skip": "copies", "distinct": 11},
    ],
)
def test_an_impossible_skip_net_says_what_to_choose(change):
    with pytest.raises(ValueError, match=r"choose|is impossible"):
        orhan_net(**{"depth": 3, "rule": "residual", **change})
    with pytest.raises(ValueError, match="no skip to be cancelled"):
        orhan_net(3, "plain", cancelled="own")
    with pytest.raises(ValueError, match="choose"):
        orhan_net(3).kernels("transitions")
