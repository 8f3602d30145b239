"""Rules for custom layers; without one, a layer is unprunable."""

import keras
import pytest
import tensorflow as tf
from keras import layers

from tests.pruning.rules.test_rules import check
from tests.pruning.rules.test_rules import shaken
from tests.support import custom
from tfdcu.pruning import channel_groups
from tfdcu.pruning import pass_through
from tfdcu.pruning import per_channel
from tfdcu.pruning import plan_channels
from tfdcu.pruning import register_rule
from tfdcu.pruning.rules.registry import RULES


@pytest.fixture(autouse=True)
def registry():
    """Restores the registry after a test."""
    before = dict(RULES)
    yield
    RULES.clear()
    RULES.update(before)


class Scale(layers.Layer):
    """One scale per channel, like LayerScale."""

    def __init__(self, dim, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim
        self.gamma = self.add_weight((dim,), "ones", name="gamma")

    def call(self, inputs):
        return inputs * self.gamma

    def get_config(self):
        return {**super().get_config(), "dim": self.dim}


class Twice(layers.Layer):
    """No weights, by element."""

    def call(self, inputs):
        return 2 * inputs


class Raw(layers.Layer):
    """TensorFlow's own operations, which symbolic tensors do not pass."""

    def call(self, inputs):
        return tf.multiply(inputs, 2.0)


class Mix(layers.Layer):
    """A custom dense layer."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.w = self.add_weight((shape[-1], self.units), name="w")

    def call(self, inputs):
        return inputs @ self.w

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def _model(*own):
    inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(8, 3, name="before")(inputs)
    for layer in own:
        x = layer(x)
    x = layers.Conv2D(6, 3, name="after")(x)
    logits = layers.Dense(3, name="logits")(layers.Flatten()(x))
    return shaken(keras.Model(inputs, logits))


@pytest.mark.parametrize("own", [Scale(8), Twice(), Mix(7)])
def test_a_layer_without_a_rule_is_opened(own):
    model = _model(own)
    assert all(g.prunable for g in channel_groups(model)[:-1])
    _, _, smaller = check(model)
    assert not any(type(layer) is type(own) for layer in smaller.layers)


def test_a_layer_without_a_rule_that_cannot_be_opened_is_unprunable():
    own = Raw()
    model = _model(own)
    groups = {group.name: group for group in channel_groups(model)}
    assert groups["before"].kept.all()
    (why,) = groups["before"].reasons
    assert why.startswith(f"no rule for Raw {own.name!r}: its `call` cannot be")
    assert groups["after"].prunable
    check(model)
    plan = plan_channels(model, macs=0.9)
    assert why in plan.table()
    assert plan.unprunable() == {why: 8}


def test_unprunable_parts_are_named_where_no_group_touches_them():
    inputs = keras.Input((8, 8, 3))
    x = custom.Raw(name="raw")(inputs)
    x = layers.Conv2D(4, 1)(custom.Raw(name="second")(x))
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x)))
    plan = plan_channels(model, params=0.95)
    first, second = sorted(plan.unprunable().items(), key=lambda pair: -pair[1])
    total = 64 * (27 * 6 + 54 * 6 + 6 * 4 + 4 * 2)
    assert f"({100 * 64 * 27 * 6 / total:.1f} % of the macs)" in "".join(
        why for why in plan.unprunable() if "'raw'" in why
    )
    assert first[1] == second[1] == 0
    with pytest.raises(ValueError, match="cannot be pruned: no rule for Raw"):
        plan_channels(model, macs=0.5)


def test_a_macs_budget_is_refused_where_macs_are_not_known():
    model = custom.around(custom.Loop(name="loop"))
    with pytest.raises(ValueError, match="not known.*'loop': it has a loop"):
        plan_channels(model, macs=0.5)
    plan = plan_channels(model, params=0.9)
    assert plan.before["macs"] is None
    assert "macs: not known" in plan.table()


def test_one_line_rules():
    register_rule(Scale, rule=per_channel("gamma", config="dim"))
    register_rule(Twice, rule=pass_through)
    model = _model(Scale(8), Twice())
    assert channel_groups(model)[0].prunable
    _, _, smaller = check(model)
    kept = smaller.get_layer("before").filters
    assert kept < 8
    assert smaller.layers[2].dim == kept


def test_a_rule_for_a_layer_that_produces_channels():
    @register_rule(Mix)
    def mix(step):
        axes = step.axes()
        made = step.new("out", step.op.units)
        step.weight(step.op.w, 0, axes[-1], "in")
        step.weight(step.op.w, 1, made, "out")
        step.size("units", made)
        return axes[:-1] + [made]

    model = _model(Mix(7, name="mix"))
    names = [group.name for group in channel_groups(model)]
    assert names == ["before", "mix", "after", "logits"]
    check(model)


def test_a_rule_registered_by_name():
    name = f"{Twice.__module__}.Twice"
    register_rule(name, rule=pass_through)
    assert channel_groups(_model(Twice()))[0].prunable


def test_a_subclass_does_not_inherit_a_rule():
    class Flipped(layers.ReLU):
        def call(self, inputs):
            return keras.ops.flip(inputs, -1)

    assert not channel_groups(_model(Flipped()))[0].prunable


def test_a_rule_that_misses_an_axis_is_an_error():
    register_rule(Scale, rule=pass_through)
    with pytest.raises(ValueError):
        check(_model(Scale(8)))


def test_a_custom_activation_is_unprunable():
    def shifted(x):
        return x - keras.ops.mean(x, -1, keepdims=True)

    model = _model(layers.Activation(shifted))
    group = channel_groups(model)[0]
    assert not group.prunable
    assert "'shifted'" in group.reasons[0]


def test_kinds_must_be_classes_or_names():
    with pytest.raises(ValueError, match="cannot be registered"):
        register_rule(3, rule=pass_through)


def test_a_rule_that_returns_too_few_axes_is_an_error():
    register_rule(Twice, rule=lambda step: step.axes()[:2])
    with pytest.raises(ValueError, match="does not match its output"):
        channel_groups(_model(Twice()))
