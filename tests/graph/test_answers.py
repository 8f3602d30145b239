"""Laws of what outputs answer: values by hand."""

import keras
import numpy as np
import pytest
from keras import layers

from tfdcu.graph.answers import Answer
from tfdcu.graph.answers import Answers
from tfdcu.graph.answers import answers_of

BOTH = Answers(
    {"kind": Answer("classes", (3,)), "tags": Answer("labels", (2,))}
)


@pytest.mark.parametrize(
    ("answer", "label_shape", "num_values"),
    [
        (Answer("classes", (5,)), (), 5),
        (Answer("labels", (5,)), (5,), 2),
        (Answer("classes", (4, 4, 5)), (4, 4), 5),
        # A map of one channel is one of two classes.
        (Answer("labels", (4, 4, 1)), (4, 4), 2),
        (Answer("labels", (4, 4, 5)), (4, 4, 5), 2),
    ],
)
def test_labels_that_fit(answer, label_shape, num_values):
    assert answer.label_shape == label_shape
    assert answer.num_values == num_values
    alone = Answers({"out": answer})
    assert alone.label_shape == label_shape
    assert alone.only is answer


def test_agreement_is_the_mean_over_the_outputs():
    first = BOTH.pack({"kind": [0, 1, 2, 2], "tags": np.zeros((4, 2), int)})
    second = first.copy()
    second[0, 0] = 1  # kind: 3 of 4 left
    second[:2, 1:] = 1  # tags: 4 of 8 left
    assert BOTH.agreement(first, second) == (0.75 + 0.5) / 2
    assert BOTH.agreement_by_name(first, second) == {"kind": 0.75, "tags": 0.5}
    assert BOTH.agreement(first, None) is None
    assert BOTH.agreement_by_name(first, None) == {"kind": None, "tags": None}


def test_choices_of_several_outputs_stand_side_by_side():
    outputs = {
        "tags": np.float32([[1, -1], [0.2, 0.1]]),
        "kind": np.float32([[0, 1, 2], [3, 0, 1]]),
    }
    assert BOTH.choices(outputs).tolist() == [[2, 1, 0], [0, 1, 1]]


def test_those_of_a_model_have_the_names_that_its_user_gave():
    inputs = keras.Input((4,))
    x = layers.Dense(3, activation="softmax", name="first")(inputs)
    y = layers.Dense(2, activation="sigmoid", name="second")(inputs)
    found = answers_of(keras.Model(inputs, {"kind": x, "tags": y}))
    assert found == BOTH
    assert found.several
    assert found.only is None
    assert [*answers_of(keras.Model(inputs, [x, y])).by_name] == [
        "first",
        "second",
    ]


def test_an_output_of_a_regression_is_named():
    inputs = keras.Input((4,))
    depth = layers.Dense(1, name="depth")(inputs)
    kind = layers.Dense(3, activation="softmax", name="kind")(inputs)
    model = keras.Model(inputs, [depth, kind])
    model.compile(loss=["mse", "sparse_categorical_crossentropy"])
    with pytest.raises(ValueError, match="regression.*'depth', 'kind'"):
        answers_of(model)
