"""The check accepts good files and refuses bad ones."""

import warnings

import keras
import numpy as np
import pytest

from tests.export.test_convert import inverse_net
from tests.support import tiny
from tfdcu.evaluate import evaluate
from tfdcu.export import LiteRTModel
from tfdcu.export import check_litert
from tfdcu.export import export_litert
from tfdcu.export.check import MAX_DIFFERENCE
from tfdcu.export.check import MIN_AGREEMENT
from tfdcu.export.check import are_sure
from tfdcu.export.check import first_choices
from tfdcu.export.check import smallest_agreement


def test_agreement_and_difference_by_hand(model, images, paths):
    measured = check_litert(paths["int8"], model, images)
    expected = np.asarray(model(images, training=False))
    received = LiteRTModel(paths["int8"])(images)
    assert measured["agreement"] == np.mean(
        expected.argmax(1) == received.argmax(1)
    )
    difference = np.abs(expected - received).max()
    assert measured["max_difference"] == pytest.approx(difference, rel=1e-4)
    assert measured["relative_difference"] == pytest.approx(
        difference / np.abs(expected).max(), rel=1e-4
    )
    assert measured["num_images"] == 100
    assert measured["images"] == "given"


def test_precise_formats_differ_less(model, images, paths):
    differences = [
        check_litert(paths[name], model, images)["relative_difference"]
        for name in ("float32", "float16", "dynamic")
    ]
    assert differences[0] < 1e-5 < differences[1] < differences[2] < 0.02


def test_another_models_file_is_refused(images, paths):
    with pytest.raises(ValueError, match="differs too much"):
        check_litert(paths["float32"], tiny.residual_net(seed=1), images)


@pytest.fixture
def any_difference(monkeypatch):
    monkeypatch.setitem(MAX_DIFFERENCE, "float32", 1e9)


def test_rare_agreement_is_refused(images, paths, any_difference):
    other = tiny.residual_net(seed=1)
    with pytest.raises(ValueError, match="agrees too rarely"):
        check_litert(paths["float32"], other, images)


def test_agreement_on_noise_is_measured_but_not_required(paths, any_difference):
    other = tiny.residual_net(seed=1)
    with pytest.warns(UserWarning, match="No images were given"):
        measured = check_litert(paths["float32"], other)
    assert measured["agreement"] < MIN_AGREEMENT["float32"]
    assert measured["images"] == "noise"


def test_noise_is_seeded(model, paths):
    with pytest.warns(UserWarning, match="noise"):
        first, again, other = (
            check_litert(paths["int8"], model, seed=seed) for seed in (1, 1, 2)
        )
    assert first == again != other


def test_shape_of_another_model(images, paths):
    other = tiny.residual_net(num_classes=5)
    with pytest.raises(
        ValueError, match=r"output \(5,\). Received.*output \(4,\)"
    ):
        check_litert(paths["float32"], other, images)


def test_flex_operators_are_refused(images, tmp_path):
    model, path = inverse_net(), tmp_path / "flex.tflite"
    model.export(str(path), format="litert", verbose=False)
    with pytest.raises(ValueError, match="FlexMatrixInverse"):
        check_litert(path, model, images)


def test_outputs_that_are_not_finite(tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = keras.ops.log(keras.layers.Flatten()(inputs) - 0.5)
    model = keras.Model(inputs, keras.layers.Dense(4)(x))
    path = tmp_path / "nan.tflite"
    model.export(str(path), format="litert", verbose=False)
    with pytest.raises(ValueError, match="not finite"):
        check_litert(path, model, tiny.images(4, channels=3))


def test_labels_are_thresholded():
    def held(outputs, expected):
        return first_choices(outputs, expected, "labels").ravel().tolist()

    shares = np.float32([[0.2], [0.6], [0.9]])
    assert held(shares, shares) == [False, True, True]
    scores = np.float32([[-2.0], [0.2], [3.0]])
    assert held(scores, scores) == [False, True, True]
    assert held(shares - 0.3, shares) == [False, False, True]
    both = np.float32([[1, 2], [2, 1]])
    assert first_choices(both, both).tolist() == [1, 0]


def regression(numbers):
    """Numbers that are almost equal, around 1."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1, -0.5)(keras.layers.Flatten()(inputs))
    small = keras.initializers.RandomNormal(0, 1e-4)
    end = keras.layers.Dense(numbers, None, True, small, "ones", name="box")(x)
    model = keras.Model(inputs, end)
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("numbers", [1, 4])
def test_numbers_of_a_regression_must_be_similar_alone(
    numbers, images, tmp_path
):
    model, path = regression(numbers), tmp_path / "a.tflite"
    export_litert(model, path, "int8", images)
    file = LiteRTModel(path)
    if numbers > 1:
        # Rounding makes another one the largest.
        largest = file(images).argmax(-1), np.argmax(model(images), -1)
        assert np.mean(largest[0] == largest[1]) < 0.9
    assert file.kind == file.sidecar["kind"] == "values"
    assert file.sidecar["output"] == "the numbers of a regression"
    check = file.sidecar["check"]
    assert check["agreement"] is check["sure_agreement"] is None
    assert 0 < check["relative_difference"] < 0.02
    model.get_layer("box").bias.assign([2.0] * numbers)
    with pytest.raises(ValueError, match="differs too much"):
        check_litert(path, model, images)
    with pytest.raises(ValueError, match="numbers of a regression"):
        evaluate(path, (images, np.zeros(100, "int32")))


def test_a_regression_beside_classes_does_not_set_the_agreement(
    images, tmp_path
):
    box = regression(4)
    x = keras.layers.Flatten()(box.input)
    kind = keras.layers.Dense(3, "softmax", name="kind")(x)
    model = keras.Model(box.input, {"box": box.output, "kind": kind})
    losses = {"box": "mse", "kind": "sparse_categorical_crossentropy"}
    model.compile("sgd", losses)
    path = export_litert(model, tmp_path / "a.tflite", "int8", images)
    check = LiteRTModel(path).sidecar["check"]
    assert check["outputs"] == {"box": None, "kind": check["agreement"]}
    assert check["sure_agreement"] > 0.9


def test_min_agreement_is_a_number_a_dict_or_the_default():
    assert smallest_agreement(None, "int8") == MIN_AGREEMENT["int8"]
    assert smallest_agreement(0.5, "int8") == 0.5
    assert smallest_agreement({"int8": 0.5}, "int8") == 0.5
    assert (
        smallest_agreement({"int8": 0.5}, "float16")
        == (MIN_AGREEMENT["float16"])
    )


@pytest.mark.parametrize("name", ["float16", "dynamic", "int8"])
def test_every_format_of_another_model_is_refused(
    name, images, paths, monkeypatch
):
    other = tiny.residual_net(seed=1)
    with pytest.raises(ValueError, match="differs too much"):
        check_litert(paths[name], other, images, min_agreement=0.01)
    # At 0 agreement and difference are only measured.
    measured = check_litert(paths[name], other, images, min_agreement=0.0)
    assert measured["agreement"] < MIN_AGREEMENT[name]
    monkeypatch.setitem(MAX_DIFFERENCE, name, 1e9)
    with pytest.raises(ValueError, match="agrees too rarely"):
        check_litert(paths[name], other, images)


def test_only_int8_warns_about_float_operators(model, images, paths):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for path in paths.values():
            check_litert(path, model, images)


def test_images_of_which_the_model_is_unsure_do_not_count():
    rows = np.array([[0.4, 0.3, 0.3], [0.1, 0.5, 0.4], [0.9, 0.1, 0.0]])
    assert are_sure(rows).tolist() == [False, True, True]
    # Where it is sure of none, all count; of labels all do.
    assert are_sure(rows[:1]).tolist() == [True]
    assert are_sure(rows, "labels").all()
