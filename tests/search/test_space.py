import keras_tuner
import pytest

from tfdcu.search.space import Choices
from tfdcu.search.space import Range
from tfdcu.search.space import check_names
from tfdcu.search.space import read_space
from tfdcu.search.space import with_values
from tfdcu.stages.config import check_config

CONFIG = check_config({"channels": {"params": 0.1, "round_to": 8}})


def read(space):
    return read_space(space, CONFIG)


def test_a_tuple_is_a_range_and_a_list_a_choice():
    space = {"channels": {"params": (0.01, 0.5, "log"), "round_to": [4, 8]}}
    assert read(space) == [
        Range("channels.params", 0.01, 0.5, None, "log", 0.1),
        Choices("channels.round_to", (4, 8), 8),
    ]


def test_flat_and_nested_spaces_are_the_same():
    nested = {"channels": {"macs": (0.1, 0.5)}, "training": {"epochs": [1]}}
    flat = {"channels.macs": (0.1, 0.5), "training.epochs": [1]}
    assert read(nested) == read(flat)


def test_fields_that_are_none_are_not_searched():
    space = {"channels": {"macs": None, "round_to": [4, 8]}}
    assert [leaf.name for leaf in read(space)] == ["channels.round_to"]


@pytest.mark.parametrize(
    ("values", "default"),
    [
        ((0.01, 0.5), 0.1),
        ((0.2, 0.5), 0.5),
        ((0.02, 0.2, 0.04), 0.1),
        ((0.02, 0.2, 0.05), 0.2),
        ([0.3, 0.1], 0.1),
        ([0.3, 0.2], 0.3),
    ],
)
def test_the_default_is_the_value_of_the_config_or_the_upper_end(
    values, default
):
    (leaf,) = read({"channels.params": values})
    assert leaf.default == default


def test_without_a_value_in_the_config_the_default_of_the_function_counts():
    (leaf,) = read({"transfer.temperature": (1.0, 8.0)})
    assert leaf.default == 4.0


@pytest.mark.parametrize(
    "values",
    [
        (4, 64),
        (1.0, 2.0),
        (1, 2.5),
        [1, 2],
        ["sgd", "adam"],
        [None, "a"],
        [True, False],
        [("float32",), ("int8",)],
        [1, 2.0],
    ],
)
def test_every_value_drawn_belongs_to_the_leaf_and_keeps_its_type(values):
    field = "export.formats" if isinstance(values[0], tuple) else "data.classes"
    (leaf,) = read({field: values})
    hp = keras_tuner.HyperParameters()
    leaf.ask(hp)
    seen = set()
    for seed in range(30):
        hp.values[leaf.name] = hp.space[0].random_sample(seed)
        value = leaf.ask(hp)
        seen.add(value)
        if isinstance(values, list):
            assert value in values
            assert type(value) in {type(one) for one in values}
        else:
            assert values[0] <= value <= values[1]
            whole = all(isinstance(one, int) for one in values)
            assert isinstance(value, int if whole else float)
    if isinstance(values, list):
        assert seen == set(values)


def test_the_value_of_the_config_may_have_another_type():
    (leaf,) = read({"transfer.temperature": [1, 2.5, 4]})
    assert leaf.ask(keras_tuner.HyperParameters()) == 4.0 == leaf.default


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"chanels": {"macs": (0.1, 0.5)}}, "nearest is 'channels'"),
        ({"channels": {"mac": (0.1, 0.5)}}, "nearest is 'macs'"),
        ({"channels": {"model": ["a"]}}, "Unknown field"),
        ({"channels.macs": (0.5, 0.5)}, "Invalid range"),
        ({"channels.macs": (0.5, 0.1)}, "Invalid range"),
        ({"channels.macs": (0.0, 0.5, "log")}, "Invalid range"),
        ({"channels.macs": (0.1, 0.5, 0.6)}, "Invalid range"),
        ({"channels.macs": (0.1, 0.5, 0)}, "Invalid range"),
        ({"channels.macs": (0.1, float("inf"))}, "Invalid range"),
        ({"channels.macs": (0.1, 0.5, "cubic")}, "Invalid range"),
        ({"channels.macs": ("a", "b")}, "Invalid range"),
        ({"channels.macs": []}, "Invalid choices"),
        ({"channels.macs": [0.1, 0.1]}, "Invalid choices"),
        ({"channels.macs": 0.5}, "cannot be searched"),
        ({"channels.macs": (0.5,)}, "cannot be searched"),
        ({"transfer.mimic": [len, "kl"]}, "stored as JSON"),
        ({"channels": 0.5}, "names fields of sections"),
        ({}, "nothing to search"),
        ({"channels": {"macs": None}}, "nothing to search"),
        ((1, 2), "not a dict"),
        (
            {"channels": {"macs": (0.1, 0.5), "params": (0.1, 0.5)}},
            "one budget",
        ),
    ],
)
def test_bad_spaces_are_refused(space, message):
    with pytest.raises(ValueError, match=message):
        read(space)


def test_values_replace_fields_and_the_config_is_unchanged():
    config = {**CONFIG, "seed": 3}
    changed = with_values(config, {"channels.macs": 0.3, "training.epochs": 2})
    assert changed["channels"] == {"macs": 0.3, "round_to": 8}
    assert changed["training"] == {"epochs": 2}
    assert changed["seed"] == 3
    assert config["channels"] == {"params": 0.1, "round_to": 8}
    assert config["training"] == {}


def test_fields_without_effect_on_trials_cannot_be_searched():
    with pytest.raises(ValueError, match="one round.*channels.rounds"):
        read_space({"channels.rounds": [1, 2]}, check_config({}))


def test_without_a_near_name_all_are_listed():
    with pytest.raises(ValueError, match=r"one of \['bytes', 'macs'\]\. "):
        check_names("cost", ["joule"], ("bytes", "macs"))
