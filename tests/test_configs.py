"""Laws of configs: one leaf is one keyword, and common.py tells its default."""

import importlib
import inspect
import sys

import numpy as np
import pytest
from absl import flags
from ml_collections import config_flags

import tfdcu
from tfdcu.search import search
from tfdcu.stages.config import SECTIONS
from tfdcu.stages.config import check_options
from tfdcu.stages.config import without_defaults
from tfdcu_cli.config import CONFIGS

# Sections that `compress` does not read.
OTHERS = {"train_teacher": tfdcu.train_teacher, "search": search}
# What stands for fields that their functions must be given: dense weights, and
# the images that the teacher takes.
NOT_GIVEN = {"final_sparsity": 0.0, "image_shape": None}
NAMES = sorted(
    path.stem for path in CONFIGS.glob("*.py") if path.stem != "__init__"
)


def config_of(name):
    return (
        importlib.import_module(f"tfdcu_cli.configs.{name}")
        .get_config()
        .to_dict()
    )


def for_compress(config):
    return {k: v for k, v in config.items() if k not in OTHERS}


def leaves(config, prefix=""):
    for key, value in config.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def as_list(value):
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("name", NAMES)
def test_every_section_binds_to_the_function_it_feeds(name):
    config = config_of(name)
    for section, function in SECTIONS.items():
        checked = check_options(section, config[section], function)
        inspect.signature(function).bind_partial(**checked)


@pytest.mark.parametrize("name", NAMES)
def test_everything_else_is_a_keyword_of_compress(name):
    config = for_compress(config_of(name))
    inspect.signature(tfdcu.compress).bind(**config, workdir="runs/x")


@pytest.mark.parametrize("name", NAMES)
def test_sections_of_other_programs_bind_to_their_functions(name):
    config = config_of(name)
    for section, function in OTHERS.items():
        if section in config:
            checked = check_options(section, config[section], function)
            inspect.signature(function).bind_partial(**checked)
    training = config.get("train_teacher", {}).get("training")
    check_options("training", training, SECTIONS["training"])


@pytest.mark.parametrize("name", NAMES)
def test_an_experiment_invents_no_field(name):
    config = for_compress(config_of(name))
    assert set(leaves(config)) == set(leaves(config_of("common")))


@pytest.mark.parametrize(
    ("field", "given", "value"),
    [
        ("batches.augment", "shift", "shift"),
        ("batches.augment", "('flip_crop', 'zoom')", ("flip_crop", "zoom")),
        ("batches.augment", "None", None),
        ("data.pool_validation", "0.1", 0.1),
        ("data.pool_validation", "1000", 1000),
        ("export.min_agreement", "{'int8': 0.8}", {"int8": 0.8}),
        ("data.image_shape", "(96, 96, 3)", (96, 96, 3)),
        ("data.classes", "['dog', 'cat']", ["dog", "cat"]),
        ("channels.per_layer", "{'stem*': 0.5}", {"stem*": 0.5}),
        ("transfer.align_layers", "relu1", "relu1"),
    ],
)
def test_fields_of_any_kind_are_flags(monkeypatch, field, given, value):
    config = importlib.import_module("tfdcu_cli.configs.common").get_config()
    arguments = ["program", f"--config.{field}={given}"]
    monkeypatch.setattr(sys, "argv", arguments)
    values = flags.FlagValues()
    config_flags.DEFINE_config_dict("config", config, flag_values=values)
    values(arguments)
    section, name = field.split(".")
    assert values.config.to_dict()[section][name] == value


def test_common_holds_the_defaults():
    config = config_of("common")
    wrong = {}
    for section, function in SECTIONS.items():
        parameters = inspect.signature(function).parameters
        for key, value in config[section].items():
            default = parameters[key].default
            if default is inspect.Parameter.empty:
                default = NOT_GIVEN[key]
            if as_list(value) != as_list(default):
                wrong[f"{section}.{key}"] = (value, default)
    parameters = inspect.signature(tfdcu.compress).parameters
    for key, value in config.items():
        default = parameters[key].default
        if key not in SECTIONS and default is not inspect.Parameter.empty:
            if value != default:
                wrong[key] = (value, default)
    assert wrong == {}


def test_defaults_that_are_written_out_are_those_of_a_call_without():
    config = config_of("common")
    for section in SECTIONS:
        assert without_defaults(section, config[section]) == {}
    config = config_of("photos")
    assert without_defaults("batches", config["batches"]) == {
        "augment": "flip_crop",
        "batch_size": 8,
    }
    array = np.ones(2)
    assert without_defaults("data", {"classes": array}) == {"classes": array}


@pytest.mark.parametrize(
    "name", [n for n in NAMES if n not in ("common", "teacher")]
)
def test_an_experiment_has_one_budget(name):
    channels = config_of(name)["channels"]
    budgets = [channels[key] for key in ("macs", "params", "latency")]
    assert sum(budget is not None for budget in budgets) == 1


def test_no_section_lets_through_what_a_run_passes_itself():
    for section, key in (
        ("data", "test"),
        ("batches", "targets"),
        ("channels", "images"),
        ("transfer", "student"),
        ("training", "callbacks"),
        ("export", "folder"),
        ("sparsity", "model"),
    ):
        assert key in inspect.signature(SECTIONS[section]).parameters
        with pytest.raises(ValueError, match="Unknown field"):
            check_options(section, {key: 1}, SECTIONS[section])
