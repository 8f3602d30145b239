"""Recurrent layers and wrappers: units are cut gate by gate, exactly."""

import keras
import numpy as np
import pytest
from keras import layers

import tfdcu
from tests.pruning.rules.test_rules import check
from tests.pruning.rules.test_rules import ends
from tests.pruning.rules.test_rules import shaken
from tfdcu.graph.execute import execute
from tfdcu.graph.execute import infer_node
from tfdcu.graph.graph import read_graph
from tfdcu.graph.keras_private import all_layers
from tfdcu.pruning import plan_channels
from tfdcu.pruning import prune_channels
from tfdcu.pruning.groups import Groups
from tfdcu.pruning.importance.scores import score_groups
from tfdcu.pruning.masked import difference
from tfdcu.pruning.rebuild import rebuild

NETS = {}


def net(function):
    NETS[function.__name__] = function
    return function


def sequence(width=7):
    inputs = keras.Input((5, 6))
    return inputs, layers.Dense(width)(inputs)


@net
def one_behind_another():
    inputs, x = sequence()
    x = layers.LSTM(6, return_sequences=True)(x)
    x = layers.GRU(5, return_sequences=True, dropout=0.3)(x)
    x = layers.GRU(
        6,
        return_sequences=True,
        reset_after=False,
        # 0.5 at 0: a unit without weights would not be silent.
        activation="sigmoid",
        use_bias=False,
    )(x)
    x = layers.SimpleRNN(7, go_backwards=True, recurrent_dropout=0.2)(x)
    return keras.Model(inputs, ends(x))


@net
def both_directions():
    inputs, x = sequence()
    x = layers.Bidirectional(layers.LSTM(6, return_sequences=True))(x)
    for mode in ("sum", "mul", "ave"):
        x = layers.Bidirectional(
            layers.GRU(5, return_sequences=True), merge_mode=mode
        )(x)
    a, b = layers.Bidirectional(layers.SimpleRNN(6), merge_mode=None)(x)
    return keras.Model(inputs, ends(a * b))


@net
def encoder_and_decoder():
    source, target = keras.Input((5, 6)), keras.Input((4, 3))
    _, h, c = layers.LSTM(6, return_state=True, name="encoder")(source)
    y = layers.LSTM(6, return_sequences=True, name="decoder")(
        layers.Dense(5)(target), initial_state=[h, c]
    )
    z, state = layers.GRU(6, return_sequences=True, return_state=True)(y)
    z, ahead, back = layers.Bidirectional(
        layers.GRU(6, return_sequences=True, return_state=True)
    )(y, initial_state=[state, h])
    y = layers.Concatenate()([layers.Flatten()(z), ahead, back])
    return keras.Model([source, target], ends(y))


@net
def cells():
    inputs, x = sequence()
    x = layers.RNN(layers.LSTMCell(5), return_sequences=True)(x)
    stack = [layers.LSTMCell(6), layers.GRUCell(5), layers.SimpleRNNCell(7)]
    x = layers.RNN(stack, return_sequences=True)(x)
    stack = [layers.LSTMCell(6), layers.GRUCell(5)]
    return keras.Model(inputs, ends(layers.Bidirectional(layers.RNN(stack))(x)))


@net
def convolutions():
    inputs = keras.Input((3, 6, 6, 2))
    x = layers.TimeDistributed(layers.Conv2D(5, 3))(inputs)
    x = layers.ConvLSTM2D(6, 3, return_sequences=True, padding="same")(x)
    x = layers.TimeDistributed(layers.Conv2D(5, 1))(x)
    x, h, _ = layers.ConvLSTM2D(6, (2, 3), return_state=True)(x)
    x = layers.ConvLSTM1D(5, 2, return_sequences=True)(x + h)
    return keras.Model(inputs, ends(layers.ConvLSTM1D(4, 1)(x)))


@net
def convolutions_3d():
    inputs = keras.Input((2, 3, 3, 3, 2))
    return keras.Model(inputs, ends(layers.ConvLSTM3D(6, 2)(inputs)))


@net
def masks():
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Embedding(8, 7, mask_zero=True)(inputs)
    x = layers.LSTM(6, return_sequences=True)(x)
    x = layers.Bidirectional(layers.GRU(5, return_sequences=True))(x)
    return keras.Model(inputs, ends(layers.GRU(5)(x)))


@net
def called_twice():
    inputs = keras.Input((5, 6))
    one = layers.LSTM(6, return_sequences=True)
    two = layers.Bidirectional(layers.GRU(4, return_sequences=True))
    x = two(layers.Dense(8)(one(inputs)))
    return keras.Model(inputs, ends(layers.Dense(4)(two(x))))


@net
def in_time_distributed():
    inputs = keras.Input((3, 4, 2))
    x = layers.TimeDistributed(layers.LSTM(5, return_sequences=True))(inputs)
    x = layers.TimeDistributed(layers.Bidirectional(layers.LSTM(5)))(x)
    return keras.Model(inputs, ends(layers.Dense(6)(x)))


@net
def spectral():
    inputs = keras.Input((6, 6, 2))
    x = layers.SpectralNormalization(layers.Conv2D(6, 3))(inputs)
    x = layers.SpectralNormalization(layers.Conv2DTranspose(5, 3))(x)
    x = layers.Flatten()(layers.MaxPooling2D(2)(x))
    return keras.Model(
        inputs, ends(layers.SpectralNormalization(layers.Dense(6))(x))
    )


@pytest.mark.parametrize("name", NETS)
def test_pruned_equals_masked(name, tmp_path):
    groups, _, smaller = check(shaken(NETS[name]()))
    free = [group for group in groups.all if group.prunable]
    # All but the logits, whatever reads raw inputs included.
    assert len(free) >= len(groups.all) - 1
    smaller.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    inputs = [
        np.random.default_rng(0)
        .integers(0, 5, [2, *tensor.shape[1:]])
        .astype(tensor.dtype)
        for tensor in smaller.inputs
    ]
    inputs = inputs if len(inputs) > 1 else inputs[0]
    assert difference(loaded, smaller, inputs) == 0


def test_gates_are_cut_by_hand():
    inputs = keras.Input((5, 6))
    recurrent = layers.LSTM(3, name="lstm")
    model = shaken(keras.Model(inputs, layers.Dense(2)(recurrent(inputs))))
    groups = Groups(model)
    (group,) = [group for group in groups.all if group.prunable]
    assert (group.name, group.size, group.width) == ("lstm", 3, 1)
    kept = np.ones(groups.num_units, bool)
    kept[group.units[1]] = False
    smaller = rebuild(groups, kept)
    columns = [0, 2, 3, 5, 6, 8, 9, 11]
    kernel, rows, bias = (weight.numpy() for weight in recurrent.weights)
    for received, expected in zip(
        smaller.get_layer("lstm").weights,
        [kernel[:, columns], rows[[0, 2]][:, columns], bias[columns]],
    ):
        np.testing.assert_array_equal(received, expected)
    assert smaller.get_layer("lstm").units == 2


def test_a_state_given_to_a_decoder_ties_its_units():
    groups = Groups(encoder_and_decoder()).all
    (tied,) = [group for group in groups if "encoder" in group.layers]
    assert "decoder" in tied.layers and tied.size == 6


def test_weakest_units_of_both_directions_go_together():
    inputs = keras.Input((5, 6))
    both = layers.Bidirectional(layers.SimpleRNN(2))
    model = keras.Model(inputs, layers.Dense(3)(both(inputs)))
    for layer, scales in (
        (both.forward_layer, [1, 9]),
        (both.backward_layer, [9, 1]),
    ):
        for weight in layer.cell.kernel, layer.cell.recurrent_kernel:
            weight.assign(np.ones(weight.shape) * scales)
    plan = plan_channels(model, macs=0.5)
    assert plan.keep[both.name].tolist() == [1, 2]


def why(layer, inputs):
    x = layer(layers.Dense(6)(inputs))
    model = keras.Model(inputs, ends(layers.Dense(8)(x)))
    return " ".join(plan_channels(model, params=0.95).unprunable())


class Cell(layers.Layer):
    state_size = output_size = 4

    def call(self, inputs, states):
        return states[0] + inputs[:, :4], [states[0]]


def test_what_stays_is_named():
    inputs = keras.Input((5, 6), batch_size=2)
    assert "LSTM 'a': it is stateful" in why(
        layers.LSTM(4, stateful=True, name="a"), inputs
    )
    assert "RNN 'b': its cell Cell is custom" in why(
        layers.RNN(Cell(), name="b"), inputs
    )
    inner = keras.Sequential([keras.Input((6,)), layers.Dense(7)], name="c")
    found = why(layers.TimeDistributed(inner, name="d"), inputs)
    assert "TimeDistributed 'd': it holds the model 'c' (" in found
    assert "activation 'softmax' of 'e' mixes channels" in why(
        layers.GRU(4, recurrent_activation="softmax", name="e"), inputs
    )


def test_pruning_moves_no_state():
    """Neither seeds, which Keras advances for dropout masks, nor weights."""
    inputs, x = sequence()
    x = layers.GRU(8, dropout=0.3, recurrent_dropout=0.2)(x)
    model = keras.Model(inputs, ends(x))
    variables = [v for layer in all_layers(model) for v in layer.variables]
    before = [v.numpy() for v in variables]
    images = np.random.default_rng(0).random((16, 5, 6), "float32")
    groups = Groups(model)
    free = [group for group in groups.all if group.prunable]
    for importance in ("l1", "l2", "random", "taylor", "reconstruction"):
        for scores in score_groups(groups, free, importance, images):
            assert len(np.unique(scores)) > 1
    smaller = prune_channels(model, images, macs=0.6, importance="l2")
    assert smaller.count_params() < model.count_params()
    for old, new in zip(before, variables):
        np.testing.assert_array_equal(old, new.numpy())


def test_taylor_sees_what_other_units_read():
    """Unit 0 is read by the recurrent kernel alone, unit 1 by nothing."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 3))
    recurrent, head = layers.SimpleRNN(4), layers.Dense(3)
    model = keras.Model(inputs, head(recurrent(inputs)))
    rows, kernel = recurrent.cell.recurrent_kernel.numpy(), head.kernel.numpy()
    rows[1], kernel[:2] = 0, 0
    recurrent.cell.recurrent_kernel.assign(rows)
    head.kernel.assign(kernel)
    groups = Groups(model)
    free = [group for group in groups.all if group.prunable]
    images = np.random.default_rng(0).normal(size=(64, 4, 3))
    (scores,) = score_groups(groups, free, "taylor", images.astype("float32"))
    assert scores[1] == 0 and scores[0] > 0.01 * scores[2:].min()


def test_masks_pass_the_graph():
    model = masks()
    inputs = np.array([[1, 2, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0]])
    (found,) = execute(read_graph(model), inputs, infer_node)
    np.testing.assert_allclose(found, model(inputs), atol=1e-6)


@pytest.mark.slow
def test_an_unrolled_lstm_runs_as_a_file(tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 6, 1))
    x = layers.LSTM(12, unroll=True)(layers.Reshape((8, 6))(inputs))
    smaller = prune_channels(keras.Model(inputs, layers.Dense(3)(x)), macs=0.5)
    images = np.random.default_rng(0).random((64, 8, 6, 1), "float32")
    path = tmp_path / "model.tflite"
    tfdcu.export_litert(smaller, path, images=images)
    found = tfdcu.LiteRTModel(path)(images)
    np.testing.assert_allclose(found, smaller(images), atol=1e-5)
