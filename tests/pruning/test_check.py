"""Models with custom layers are cut inside, checked, and load without them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras import ops

from tests.pruning.rules.test_rules import check
from tests.support import custom
from tfdcu.graph.profile import profile
from tfdcu.pruning import pass_through
from tfdcu.pruning import plan_channels
from tfdcu.pruning import prune_channels
from tfdcu.pruning import register_rule
from tfdcu.pruning.check import check_smaller
from tfdcu.pruning.masked import difference
from tfdcu.pruning.rules.registry import RULES

MODELS = {
    "block": lambda: custom.around(custom.ResBlock(16)),
    "gate": lambda: custom.around(custom.Gate(), custom.DropPath()),
    "vit": custom.vit,
}


@pytest.mark.parametrize("name", MODELS)
def test_half_of_a_custom_model_is_exact_and_loads(name, tmp_path):
    keras.utils.set_random_seed(0)
    model = MODELS[name]()
    for weight in model.weights:
        if len(weight.shape) == 1 and "float" in weight.dtype:
            weight.assign(weight + np.linspace(0.1, 0.3, weight.shape[0]))
    x = np.random.default_rng(0).random((4, 16, 16, 3), dtype="float32")
    plan = plan_channels(model, macs=0.5, round_to=1)
    smaller = prune_channels(model, macs=0.5, round_to=1)
    assert profile(smaller)["macs"] == plan.after["macs"]
    assert 0.45 < plan.after["macs"] / profile(model)["macs"] <= 0.5
    assert difference(smaller, plan.masked(), x) < 1e-5
    assert difference(smaller, model, x) > 1e-2
    smaller.save(tmp_path / "smaller.keras")
    loaded = keras.models.load_model(tmp_path / "smaller.keras")
    assert difference(loaded, smaller, x) == 0
    # Reconstruction goes through what was opened.
    better = prune_channels(model, macs=0.5, round_to=1, images=x, rounds=1)
    assert better.count_params() < model.count_params()


class Unlike(layers.Layer):
    """Computes something else on symbolic tensors."""

    def call(self, x):
        return 2 * x if isinstance(x, keras.KerasTensor) else x

    def compute_output_shape(self, shape):
        return shape


def test_a_layer_that_cannot_be_followed_is_an_error():
    model = custom.around(Unlike())
    message = "opened model.*could not be foll.*`register_rule` for its class"
    with pytest.raises(ValueError, match=message):
        prune_channels(model, macs=0.5)
    try:
        register_rule(Unlike, rule=pass_through)
        student = prune_channels(model, macs=0.5)
    finally:
        RULES.pop(Unlike)
    assert student.count_params() < model.count_params()


class Broken(layers.Layer):
    """Its config misses an argument."""

    def __init__(self, units, **options):
        super().__init__(**options)
        self.units = units
        self.inner = layers.Dense(units)

    def call(self, x):
        return self.inner(tf.identity(x))

    def get_config(self):
        return {"name": self.name}


def test_a_model_that_cannot_be_loaded_is_not_handed_over():
    broken = custom.around(Broken(5))
    with pytest.raises(ValueError, match="could not be loaded.*get_config"):
        check_smaller(broken, plan_of(broken))


def plan_of(model):
    class Plan:
        has_custom_layers, original = True, model

        def masked(self):
            return lambda inputs: model(inputs, training=False)

    Plan.model = model
    return Plan()


class Positions(layers.Layer):
    """Part of a table of positions, as in keras-hub."""

    def build(self, shape):
        self.table = self.add_weight(shape=(32, shape[-1]), name="table")

    def call(self, x):
        _, length, width = ops.shape(x)
        table = ops.slice(self.table, (0, 0), (length, width))
        return x + ops.broadcast_to(table, ops.shape(x))


def test_parts_of_tables_are_cut():
    inputs = keras.Input((8,))
    x = layers.Embedding(50, 16, name="tokens")(inputs)
    x = layers.Dense(16, name="wide")(Positions()(x))
    x = layers.GlobalAveragePooling1D()(x)
    model = keras.Model(inputs, layers.Dense(3)(x))
    plan = plan_channels(model, params=0.5, round_to=1)
    assert not plan.unprunable()
    given = np.arange(16).reshape(2, 8)
    assert difference(plan.apply(), plan.masked(), given) < 1e-5
    assert any("tokens" in g.layers and g.prunable for g in plan.groups)


def test_a_standardized_kernel_is_cut_at_its_outputs():
    model = custom.around(custom.StandardizedConv(12, 3))
    plan = plan_channels(model, macs=0.7, round_to=1)
    x = np.random.default_rng(0).random((2, 16, 16, 3), dtype="float32")
    assert difference(plan.apply(), plan.masked(), x) < 1e-5
    assert any(
        g.name.startswith("standardized_conv") and "kernel" in g.name
        for g in plan.groups
    )


class Scores(layers.Layer):
    """Attention by `keras.ops`, two heads of queries for one of keys."""

    def build(self, shape):
        def dense(name, heads):
            shape = None, heads, 4
            return layers.EinsumDense("bte,ehd->bthd", shape, name=name)

        self.query, self.key = dense("query", 8), dense("key", 4)
        self.value = dense("value", 4)
        self.out = layers.EinsumDense("bthd,hde->bte", (None, shape[-1]))
        for part in (self.query, self.key, self.value):
            part.build(shape)
        self.out.build((*shape[:-1], 8, 4))

    def call(self, x):
        y = ops.dot_product_attention(self.query(x), self.key(x), self.value(x))
        return x + self.out(y)


def test_heads_of_the_operation_are_cut_in_pairs():
    inputs = keras.Input((6, 12))
    x = Scores(name="scores")(layers.Dense(16)(inputs))
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))
    assert not plan_channels(model, macs=0.6, round_to=1).unprunable()
    groups, kept, _ = check(model, share=0.3)
    both = {"scores_query", "scores_key"}
    (heads,) = [g for g in groups.all if both <= set(g.layers)]
    # Four heads of keys, each with its two of queries.
    assert heads.size == 4
    assert 0 < kept[heads.units].sum() < 4
