"""The CIFAR ResNets of He et al., section 4.2."""

import pathlib

import keras
import numpy as np
import pytest

from tests.support import tiny
from tfdcu.models import build

TEACHER = pathlib.Path("../shared/models/resnet56_cifar10.keras")


@pytest.mark.parametrize("depth", [20, 32, 56, 110])
def test_depth_counts_convolutions_on_the_main_path_and_the_dense(depth):
    net = build(f"resnet{depth}", num_classes=10)
    main = [
        layer.name
        for layer in net.layers
        if layer.name.endswith("_conv") and "shortcut" not in layer.name
    ]
    assert len(main) + 1 == depth


def test_parameters_are_those_of_the_paper_and_two_shortcuts():
    # Table 6 of the paper: 0.27 M for ResNet-20, 0.85 M for ResNet-56.
    shortcuts = 16 * 32 + 4 * 32 + 32 * 64 + 4 * 64
    net = build("resnet20", num_classes=10)
    trained = sum(np.prod(v.shape) for v in net.trainable_variables)
    moving = net.count_params() - trained
    assert net.count_params() - shortcuts - moving == pytest.approx(
        0.27e6, rel=0.01
    )
    assert build("resnet56", num_classes=10).count_params() == 860_026


def test_names_and_shapes():
    net = build("resnet32", num_classes=7, image_shape=(16, 16, 1), width=0.5)
    names = [layer.name for layer in net.layers]
    for name in (
        "stem_conv",
        "stem_bn",
        "stage1_block1_1_conv",
        "stage2_block1_shortcut_bn",
        "stage3_block5_2_bn",
        "stage3_block5_add",
        "stage3_block5_out",
        "pool",
        "logits",
    ):
        assert name in names
    assert "stage1_block1_shortcut_conv" not in names
    assert net.get_layer("stage3_block1_1_conv").filters == 32
    assert net.get_layer("pool").input.shape == (None, 4, 4, 32)
    assert net.output_shape == (None, 7)


def test_images_are_standardized_inside():
    net = build("resnet20", num_classes=10, seed=0)
    images = tiny.images(4, size=32, channels=3)
    mean, std = [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]
    received = net.get_layer("normalize")(images)
    np.testing.assert_allclose(
        received, (images - mean) / std, rtol=1e-4, atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.skipif(not TEACHER.exists(), reason=f"{TEACHER} is not there")
def test_trained_teacher_has_exactly_this_architecture():
    teacher = keras.models.load_model(TEACHER, compile=False)
    net = build("resnet56", num_classes=10)
    assert [layer.name for layer in net.layers] == [
        layer.name for layer in teacher.layers
    ]
    net.set_weights(teacher.get_weights())
    images = tiny.images(4, size=32, channels=3)
    tiny.assert_same_function(teacher, net, images, rtol=0)
