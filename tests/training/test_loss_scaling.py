"""Laws of loss scaling: where a layer computes in float16, and once."""

import keras
import pytest

from tests.support import tiny
from tfdcu import AlignedDistiller
from tfdcu.training.loss_scaling import loss_scaled

SCALED = keras.optimizers.LossScaleOptimizer


def half_net(policy="mixed_float16"):
    """A float32 model with float16 layers, as if loaded from a file."""
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Flatten()(inputs)
    x = keras.layers.Dense(6, dtype=policy, name="half")(x)
    return keras.Model(inputs, keras.layers.Dense(4, dtype="float32")(x))


def test_the_loss_is_scaled_for_float16_alone_and_once():
    optimizer = keras.optimizers.SGD(0.1)
    for policy in ("float32", "mixed_bfloat16"):
        assert loss_scaled(optimizer, half_net(policy)) is optimizer
    scaled = loss_scaled(optimizer, half_net())
    assert isinstance(scaled, SCALED) and scaled.inner_optimizer is optimizer
    assert loss_scaled(scaled, half_net()) is scaled
    named = loss_scaled("adam", half_net())
    assert isinstance(named.inner_optimizer, keras.optimizers.Adam)


@pytest.mark.parametrize("auto", [True, False])
def test_a_float16_student_is_detected_under_any_global_policy(auto):
    model = AlignedDistiller(half_net(), tiny.plain_net(), align_weight=0.0)
    model.compile("sgd", auto_scale_loss=auto)
    assert isinstance(model.optimizer, SCALED) == auto
