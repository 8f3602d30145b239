"""Pruned models compute what the masked originals compute, in budget."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tests.support import tiny
from tfdcu.graph.macs import total_macs
from tfdcu.pruning import budget as budgets
from tfdcu.pruning import plan_channels
from tfdcu.pruning import prune
from tfdcu.pruning import prune_channels
from tfdcu.pruning import reconstruct
from tfdcu.pruning import reestimate_statistics
from tfdcu.pruning import score_channels
from tfdcu.pruning import sensitivity
from tfdcu.pruning import student_of
from tfdcu.pruning.cost import COSTS
from tfdcu.pruning.groups import Groups
from tfdcu.pruning.importance.scores import IMPORTANCES
from tfdcu.pruning.importance.scores import per_cost
from tfdcu.pruning.importance.scores import score_groups
from tfdcu.pruning.importance.weights import l2
from tfdcu.pruning.masked import difference

NETS = {
    "plain": tiny.plain_net,
    "residual": tiny.residual_net,
    "depthwise": tiny.depthwise_net,
}


def _images(model, num=8):
    return tiny.images(num, 8, model.input_shape[-1])


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("budget", ["macs", "params"])
def test_budgets_are_met_exactly_and_from_below(net, budget):
    model = NETS[net]()
    before = tiny.weights(model)
    plan = plan_channels(model, **{budget: 0.5})
    smaller = plan.apply()
    full, left = plan.before[budget], plan.after[budget]
    assert 0.475 * full <= left <= 0.5 * full
    assert plan.after["macs"] == total_macs(smaller)
    assert plan.after["params"] == smaller.count_params()
    assert difference(smaller, plan.masked(), _images(model)) < 1e-5
    tiny.assert_same_weights(before, tiny.weights(model))


@pytest.mark.parametrize("importance", IMPORTANCES)
def test_every_criterion_gives_an_exact_model(importance):
    model = tiny.residual_net()
    images = _images(model)
    options = {"macs": 0.5, "importance": importance, "images": images}
    plan = plan_channels(model, **options)
    smaller = plan.apply()
    assert difference(smaller, plan.masked(), images) < 1e-5
    again = prune_channels(model, reconstruct=False, **options)
    tiny.assert_same_function(smaller, again, images, rtol=0)


def test_names_and_settings_are_kept():
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(
        16, 3, name="conv", kernel_regularizer=keras.regularizers.L2(1e-3)
    )(inputs)
    x = layers.BatchNormalization(name="norm", trainable=False)(x)
    x = layers.Conv2D(16, 1, name="half", dtype="mixed_bfloat16")(x)
    x = layers.GlobalAveragePooling2D(dtype="float32")(x)
    model = keras.Model(inputs, layers.Dense(3)(x), name="net")
    model.compile("adam", "mse", metrics=["mae"])
    smaller = prune_channels(model, macs=0.5)
    assert smaller.name == "net"
    assert [x.name for x in smaller.layers] == [x.name for x in model.layers]
    assert smaller.get_layer("conv").kernel_regularizer.l2 == pytest.approx(
        1e-3
    )
    config = smaller.get_layer("conv").get_config()
    assert config["kernel_initializer"]["class_name"] == "GlorotUniform"
    assert not smaller.get_layer("norm").trainable
    assert smaller.get_layer("half").dtype_policy.name == "mixed_bfloat16"
    assert smaller.optimizer.get_config() == model.optimizer.get_config()
    assert smaller.loss == "mse"


def test_a_saved_and_loaded_student_is_the_same(tmp_path):
    model = tiny.residual_net()
    smaller = prune_channels(model, macs=0.5)
    smaller.save(tmp_path / "small.keras")
    loaded = keras.models.load_model(tmp_path / "small.keras")
    tiny.assert_same_function(smaller, loaded, _images(model), rtol=0)


def test_a_sequential_model_stays_sequential():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(24, activation="relu"),
            layers.Dense(4),
        ],
        name="stack",
    )
    plan = plan_channels(model, macs=0.5)
    smaller = plan.apply()
    assert isinstance(smaller, keras.Sequential)
    assert difference(smaller, plan.masked(), _images(model)) < 1e-5


def test_plan_keep_indexes_the_kept_channels():
    model = tiny.residual_net()
    plan = plan_channels(model, macs=0.5)
    smaller = plan.apply()
    for name in ("stem", "block1_2", "block2_add", "logits"):
        kept = plan.keep[name]
        assert len(kept) == smaller.get_layer(name).output.shape[-1]
        assert (np.diff(kept) > 0).all()
    np.testing.assert_array_equal(plan.keep["stem"], plan.keep["block1_add"])
    kernel = model.get_layer("stem").kernel.numpy()
    np.testing.assert_array_equal(
        smaller.get_layer("stem").kernel.numpy(),
        kernel[..., plan.keep["stem"]],
    )
    assert "output of the model" in plan.table()


def test_the_channels_with_the_lowest_scores_are_removed():
    model = tiny.plain_net(norm=False)
    kernel = model.get_layer("conv1").kernel.numpy()
    weak = [1, 5, 6, 10]
    kernel[..., weak] *= 1e-3
    bias = model.get_layer("conv1").bias.numpy()
    model.get_layer("conv1").set_weights([kernel, bias])
    plan = plan_channels(model, per_layer={"conv1": 0.75}, macs=0.73)
    assert len(plan.keep["conv1"]) == 12
    assert not set(weak) & set(plan.keep["conv1"].tolist())


@pytest.mark.parametrize("importance", sorted({*IMPORTANCES} - {"random"}))
def test_channels_without_effect_have_the_lowest_scores(importance):
    model = tiny.plain_net(seed=1)
    silent = [1, 5, 6, 10]
    for name, parts in (("conv1", [0]), ("bn1", [0, 1])):
        layer = model.get_layer(name)
        weights = layer.get_weights()
        for part in parts:
            weights[part][..., silent] = 0
        layer.set_weights(weights)
    groups = Groups(model)
    chosen = [group for group in groups.all if group.size == 16]
    scores = score_groups(groups, chosen, importance, tiny.images(16))[0]
    assert scores[silent].max() <= np.delete(scores, silent).min()
    assert scores.max() > scores.min()


def test_random_scores_depend_on_the_seed():
    groups = Groups(tiny.plain_net())
    one, same, other = (
        score_groups(groups, groups.all[:1], "random", seed=seed)[0]
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_ranks_as_importance_keep_the_same_share_everywhere():
    def ranks(model, group):
        order = np.argsort(l2(model, group), kind="stable")
        places = np.argsort(order, kind="stable")
        return (places + 0.5) / group.size

    plan = plan_channels(
        tiny.residual_net(), macs=0.5, importance=ranks, round_to=1
    )
    shares = [r["after"] / r["before"] for r in plan.rows() if not r["why"]]
    assert max(shares) - min(shares) <= 1 / 16
    assert max(shares) < 0.9


def test_channels_are_rounded_where_that_meets_the_budget(monkeypatch):
    model = tiny.plain_net(width=64)
    monkeypatch.setattr(budgets, "NEAR", 0.2)
    rows = plan_channels(model, macs=0.4).rows()
    assert [row["after"] % 8 for row in rows[:2]] == [0, 0]
    monkeypatch.setattr(budgets, "NEAR", 1e-3)
    rows = plan_channels(model, macs=0.4).rows()
    assert any(row["after"] % 8 for row in rows[:2])


@pytest.mark.parametrize(
    ("net", "exclude", "whole"),
    [
        ("residual", "block2_1", ["block2_1"]),
        ("residual", ["block2_1", "stem*"], ["block2_1", "stem"]),
        ("depthwise", layers.DepthwiseConv2D, ["depthwise", "stem"]),
    ],
)
def test_excluded_layers_keep_all_channels(net, exclude, whole):
    model = NETS[net]()
    plan = plan_channels(model, macs=0.7, exclude=exclude)
    for name in whole:
        size = model.get_layer(name).output.shape[-1]
        assert len(plan.keep[name]) == size
    assert plan.table().count("excluded") == len({*whole} - {"depthwise"})


def test_per_layer_shares_override():
    plan = plan_channels(
        tiny.residual_net(),
        macs=0.5,
        per_layer={"block2_1": 0.25, "stem": 1.0},
    )
    assert len(plan.keep["block2_1"]) == 8
    assert len(plan.keep["stem"]) == 16


@pytest.mark.parametrize("worthless", ["conv1", "conv2"])
def test_a_tenth_of_every_layer_is_kept(worthless):
    def importance(model, group):
        return np.ones(group.size) * (group.name != worthless)

    model = tiny.plain_net(width=64)
    plan = plan_channels(model, macs=0.15, importance=importance, round_to=1)
    share = len(plan.keep[worthless]) / model.get_layer(worthless).filters
    assert 0.1 <= share < 0.2


def test_rounds_prune_in_equal_proportion_and_reconstruct():
    model, images = tiny.plain_net(width=32), tiny.images(32)
    before = tiny.weights(model)
    again = model
    for budget in (0.5, 0.25 * total_macs(model)):
        plan = plan_channels(again, macs=budget, original=model, images=images)
        again = student_of(plan, images)
    smaller = prune_channels(model, macs=0.25, images=images, rounds=2)
    tiny.assert_same_function(smaller, again, images, rtol=0)
    tiny.assert_same_weights(before, tiny.weights(model))
    with pytest.raises(
        ValueError, match="value for `rounds`.*at least 1.*rounds=0"
    ):
        prune_channels(model, macs=0.25, rounds=0)
    known = score_channels(model, images)
    with pytest.raises(ValueError, match="Expected: rounds=1.*rounds=2"):
        prune_channels(model, macs=0.25, rounds=2, importance=known)


def test_there_are_two_rounds_where_kernels_are_reconstructed(monkeypatch):
    model, images = tiny.plain_net(), tiny.images(16)
    cuts = []

    def counted(plan, *args, **kwargs):
        cuts.append(plan.after["macs"] / total_macs(model))
        return student_of(plan, *args, **kwargs)

    monkeypatch.setattr(prune, "student_of", counted)
    for count, options in (
        (2, {"images": images}),
        (1, {"images": images, "reconstruct": False}),
        (1, {}),
        (1, {"images": images, "importance": score_channels(model, images)}),
    ):
        cuts.clear()
        prune_channels(model, macs=0.5, **options)
        assert len(cuts) == count
        for number, share in enumerate(cuts, 1):
            most = 0.5 ** (number / count)
            assert 0.9 * most <= share <= most


def test_shares_of_later_rounds_refer_to_the_original(monkeypatch):
    # Accept multiples of `round_to`.
    monkeypatch.setattr(budgets, "NEAR", 0.2)

    def conv2_first(model, group):
        return np.arange(group.size) + 1000 * (group.name != "conv2")

    model = tiny.plain_net(width=64)
    smaller = prune_channels(
        model,
        macs=0.3,
        importance=conv2_first,
        rounds=3,
        per_layer={"conv2": 0.5},
    )
    assert model.get_layer("conv2").filters == 128
    assert smaller.get_layer("conv2").filters == 64
    # Multiples of 8, also of what is left of a wide layer.
    assert smaller.get_layer("conv1").filters % 8 == 0


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("macs", [0.3, 0.7])
def test_a_per_layer_share_may_go_below_the_budget(macs, rounds):
    model = tiny.plain_net(width=64)
    # That share alone leaves 0.28 of the macs.
    options = {"macs": macs, "rounds": rounds, "per_layer": {"conv2": 0.25}}
    smaller = prune_channels(model, **options)
    assert smaller.get_layer("conv2").filters == 32
    assert 0.24 <= total_macs(smaller) / total_macs(model) <= 0.3


def test_an_error_in_a_later_round_refers_to_the_original():
    model, options = tiny.plain_net(), {"rounds": 3}
    with pytest.raises(ValueError) as once:
        prune_channels(model, macs=0.005, **options | {"rounds": 1})
    with pytest.raises(ValueError) as later:
        prune_channels(model, macs=0.005, **options)
    assert "macs=0.005 of a model with" in str(later.value)
    assert str(later.value) == str(once.value)


def test_callable_importance():
    def last_first(model, group):
        return np.arange(group.size)[::-1]

    plan = plan_channels(tiny.plain_net(), macs=0.5, importance=last_first)
    kept = plan.keep["conv2"]
    np.testing.assert_array_equal(kept, np.arange(len(kept)))


def test_taylor_detects_probabilities():
    model = tiny.plain_net()
    softmax = keras.Model(model.inputs, keras.ops.softmax(model.outputs[0]))
    images = tiny.images(64)
    plans = [
        plan_channels(one, macs=0.5, importance="taylor", images=images)
        for one in (model, softmax)
    ]
    for name in ("conv1", "conv2"):
        one, two = (plan.keep[name] for plan in plans)
        np.testing.assert_array_equal(one, two)


def test_taylor_scores_are_divided_by_cost():
    groups = Groups(tiny.plain_net())
    chosen = [group for group in groups.all if group.prunable]
    # conv1 (16 of 1 -> 16), conv2 (32 of 16 -> 32) on 64 pixels, 4 logits:
    # half of conv1 saves 8 * 9 * 64 macs there and as many times 32 after it.
    saved = [9 * 64 * (1 + 32), 9 * 64 * 16 + 4]
    scores = [np.ones(group.size) for group in chosen]
    weighed = per_cost(scores, groups, chosen, COSTS["macs"](groups))
    for score, cost in zip(weighed, saved, strict=True):
        np.testing.assert_allclose(score, 1 / cost)


@pytest.mark.parametrize("name", ["l2", "random", "taylor"])
def test_cached_importance_gives_the_same_model(name):
    model, images = tiny.residual_net(), tiny.images(64, channels=3)
    known = score_channels(model, images, importance=name, seed=3)
    for budget in ({"macs": 0.5}, {"params": 0.3}):
        options = {**budget, "images": images, "seed": 3}
        one = plan_channels(model, importance=name, **options).keep
        two = plan_channels(model, importance=known, **options).keep
        for layer in one:
            np.testing.assert_array_equal(one[layer], two[layer])
    with pytest.raises(ValueError, match="another model.*plain"):
        prune_channels(tiny.plain_net(), macs=0.5, importance=known)


def test_images_make_taylor_the_default():
    images, model = tiny.images(64), tiny.plain_net()

    def keep(**options):
        return plan_channels(model, macs=0.5, **options).keep["conv2"].tolist()

    given = {"images": images}
    assert keep(**given) == keep(importance="taylor", **given)
    assert keep() == keep(importance="l2")
    assert keep(**given) != keep()


def test_a_budget_of_zero_is_not_given():
    model = tiny.plain_net()
    one = plan_channels(model, macs=0, params=0.5, latency=None)
    assert one.keep["conv2"].tolist() == (
        plan_channels(model, params=0.5).keep["conv2"].tolist()
    )
    with pytest.raises(ValueError, match="Exactly one budget"):
        plan_channels(model, macs=0)


def test_latency_is_met_by_bisection():
    model = tiny.plain_net(width=64)

    def measure(model):
        return 1.0 + total_macs(model) / 1e6

    budget = 0.6 * measure(model)
    smaller = prune_channels(model, latency=0.6, measure=measure)
    assert 0.95 * budget <= measure(smaller) <= budget
    with pytest.raises(ValueError, match="nearest"):
        prune_channels(model, latency=0.1, measure=measure)
    with pytest.raises(ValueError, match="`measure`"):
        prune_channels(model, latency=0.5)


class Loop(layers.Layer):
    """Macs in a loop of TensorFlow are not known."""

    def call(self, x):
        def body(step, value):
            return step + 1, 1.1 * value

        return tf.while_loop(lambda step, _: step < 2, body, [0, x])[1]

    def compute_output_shape(self, shape):
        return shape


@pytest.mark.parametrize("images", [None, tiny.images(16)])
def test_latency_is_met_where_macs_are_not_known(images):
    net = tiny.plain_net()
    model = keras.Model(net.input, Loop()(net.output))
    with pytest.raises(ValueError, match="are not known"):
        prune_channels(model, images, macs=0.6)
    student = prune_channels(
        *(model, images, keras.Model.count_params), latency=0.6
    )
    assert student.count_params() <= 0.6 * model.count_params()


def test_rounds_measure_each_model_once_and_keep_none_alive():
    model, seen = tiny.plain_net(width=64), []

    def measure(model):
        assert all(one() is not model for one in seen)
        seen.append(weakref.ref(model))
        return 1.0 + total_macs(model) / 1e6

    prune_channels(
        model,
        latency=0.6,
        measure=measure,
        rounds=3,
        images=tiny.images(64),
    )
    assert [one() for one in seen].count(model) == 1
    assert len(seen) >= 6
    gc.collect()
    assert {one() for one in seen} == {model, None}


def test_an_output_that_nothing_uses_does_not_matter():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(16, 3, activation="relu")(inputs)
    _, half = keras.ops.split(x, 2, axis=-1)
    x = layers.Reshape((36, 8))(layers.Conv2D(8, 1)(half))
    _, state, _ = layers.LSTM(16, return_state=True)(x)
    model = keras.Model(inputs, layers.Dense(4)(state))
    images = tiny.images(32, channels=3)
    student = prune_channels(model, images, macs=0.5)
    assert total_macs(student) <= 0.5 * total_macs(model)


def test_images_reconstruct_the_student_by_default():
    images, model = tiny.images(1024), tiny.plain_net()
    plan = plan_channels(model, macs=0.5, images=images)
    cut = prune_channels(model, macs=0.5, images=images, reconstruct=False)
    tiny.assert_same_function(plan.apply(), cut, images, rtol=0)
    reconstructed = prune_channels(model, macs=0.5, images=images, rounds=1)
    errors = [difference(m, model, images) for m in (reconstructed, cut)]
    assert errors[0] < 0.5 * errors[1]


FORMS = {
    "list": list,
    "generator": iter,
    "batches": lambda images: iter([images[:30], images[30:]]),
    "single images": tf.data.Dataset.from_tensor_slices,
}


@pytest.mark.parametrize("form", FORMS)
def test_all_that_takes_images_reads_them_alike(form):
    model, images = tiny.plain_net(), tiny.images(64)
    received = []
    for given in (lambda: images), (lambda: FORMS[form](images)):
        kept = [
            plan_channels(model, macs=0.5, images=given(), importance=name)
            for name in ("taylor", "reconstruction")
        ]
        student = kept[0].apply()
        reestimate_statistics(student, given(), size=16)
        reconstruct(student, kept[0], given())
        record = sensitivity(model, given(), shares=(0.5,))
        divergences = [row["divergence"] for row in record["groups"]]
        kept = [plan.kept_channels() for plan in kept]
        received.append((kept, divergences, student(images).numpy()))
    (kept, expected, outputs), (own, divergences, found) = received
    assert own == kept
    np.testing.assert_allclose(divergences, expected, rtol=1e-4)
    np.testing.assert_allclose(found, outputs, rtol=1e-2, atol=1e-2)


def test_batches_of_several_inputs_are_read_once_and_again():
    inputs = [keras.Input((6,)), keras.Input((5,))]
    x = layers.Dense(16, "relu", name="wide")(layers.Concatenate()(inputs))
    model = keras.Model(inputs, layers.Dense(4)(x))
    generator = np.random.default_rng(0)
    images = [generator.random((32, n), dtype="float32") for n in (6, 5)]
    batches = tf.data.Dataset.from_tensor_slices(tuple(images)).batch(32)
    plans = [
        plan_channels(model, macs=0.5, images=given, round_to=1)
        for given in (images, batches)
    ]
    assert plans[0].kept_channels() == plans[1].kept_channels()
    prune_channels(model, batches, macs=0.5, rounds=2)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda m: plan_channels("m", macs=0.5), "model"),
        (lambda m: plan_channels(m, macs=0.5, images=3), "images"),
        (lambda m: plan_channels(m, macs=0.5, round_to=0), "round_to"),
        (lambda m: plan_channels(m, macs=0.5, seed="a"), "seed"),
        (lambda m: plan_channels(m, latency=0.5, measure=3), "measure"),
        (lambda m: score_channels("m"), "model"),
        (lambda m: sensitivity("m", tiny.images(8)), "model"),
        (lambda m: sensitivity(m, None), "images"),
        (lambda m: sensitivity(m, tiny.images(8), limit=0), "limit"),
        (lambda m: sensitivity(m, tiny.images(8), shares=0.5), "shares"),
        (lambda m: reestimate_statistics(m, None), "images"),
        (lambda m: reestimate_statistics(3, tiny.images(8)), "model"),
        (lambda m: reconstruct(m, m, tiny.images(8)), "plan"),
        (lambda m: reconstruct(m, plan_channels(m, macs=0.5), 3), "images"),
    ],
)
def test_wrong_arguments_are_named(call, name):
    with pytest.raises(ValueError, match=f"`{name}`.*Expected.*Received"):
        call(tiny.plain_net())


def test_reconstruction_needs_images():
    with pytest.raises(ValueError, match="Received: images=None.*ruct=True"):
        prune_channels(tiny.plain_net(), macs=0.5, reconstruct=True)


@pytest.mark.parametrize(
    "options,message",
    [
        ({}, "Exactly one budget"),
        ({"macs": 0.5, "params": 0.5}, "Exactly one budget"),
        ({"macs": -1.0}, "Invalid value for `macs`"),
        ({"macs": 0.001}, "nearest that can be reached"),
        ({"macs": 0.5, "importance": "l3"}, "Unknown criterion"),
        ({"macs": 0.5, "importance": "taylor"}, "needs images"),
        ({"macs": 0.5, "exclude": "nothing*"}, "matches no layer"),
        ({"macs": 0.5, "exclude": "*"}, "Nothing can be removed"),
        (
            {"macs": 0.5, "importance": lambda model, group: [1.0]},
            "invalid scores",
        ),
    ],
)
def test_invalid_options_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        prune_channels(tiny.plain_net(), **options)


@pytest.mark.parametrize("images", [None, tiny.images(16)])
@pytest.mark.parametrize("budget", ["params", "macs"])
def test_a_budget_above_the_cost_of_the_model_is_an_error(images, budget):
    with pytest.raises(ValueError, match="above what the model has"):
        prune_channels(tiny.plain_net(), images=images, **{budget: 10**9})


def test_the_largest_share_of_a_group_counts():
    plan = plan_channels(
        tiny.residual_net(),
        macs=0.5,
        per_layer={"block2_*": 0.25, "block2_1": 0.5},
    )
    assert len(plan.keep["block2_1"]) == 16


def narrow(width):
    """A network whose layers have `width` channels each."""
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(width, 3, activation="relu")(inputs)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(3)(x))


@pytest.mark.parametrize("images", [None, tiny.images(8)])
def test_the_nearest_below_is_taken_where_nothing_is_nearer(images):
    """Of 2 channels 1 is left, also after rounds in which nothing is left."""
    model = narrow(2)
    with pytest.warns(UserWarning, match="macs=0.7 allows.*nothing nearer"):
        one_round = prune_channels(model, macs=0.7, images=images, rounds=1)
    assert total_macs(one_round) == total_macs(model) / 2
    smaller = prune_channels(model, macs=0.7, images=images)
    assert total_macs(smaller) == total_macs(model) / 2


def test_what_cannot_be_reached_is_found_before_channels_are_scored():
    def never(model, group):
        raise AssertionError("scored")

    with pytest.raises(ValueError, match="nearest that can .*macs=0.5000"):
        prune_channels(narrow(2), macs=0.3, importance=never)
    with pytest.raises(ValueError, match="nearest that can .*latency=1.0000"):
        prune_channels(
            narrow(2), latency=0.9, measure=lambda _: 7.0, importance=never
        )
