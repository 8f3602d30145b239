"""Every argument is checked before work: three parts, or it fits."""

import inspect
import math

import pytest

from tests.support import tiny
from tests.support.odd import not_among
from tests.support.odd import says
from tfdcu.data import prepare
from tfdcu.data import training_batches
from tfdcu.distill import AlignedDistiller
from tfdcu.export import check_formats
from tfdcu.pruning import check_channels
from tfdcu.sparsity.sparsify import Sparsify
from tfdcu.stages.config import SECTIONS
from tfdcu.stages.config import check_config
from tfdcu.stages.config import check_values
from tfdcu.stages.config import option_names
from tfdcu.stages.quantize import check_quantization
from tfdcu.training.train import check_training
from tfdcu.workdir.arguments import ARGUMENTS
from tfdcu.workdir.arguments import check_arguments
from tfdcu_cli.configs import common
from tfdcu_cli.keywords import keywords_of

NUMBERS = "3", b"3", [], {}, object(), math.nan, math.inf, -math.inf, -1, 1e400
NOTHING = "", None
FIELDS = [(s, name) for s in SECTIONS for name in option_names(SECTIONS[s])]
IN_TABLE = [field for field in FIELDS if field[1] in ARGUMENTS]
OTHERS = [field for field in FIELDS if field[1] not in ARGUMENTS]
# The odd values that these take.
TAKES = {
    "batches.augment": "none",
    "channels.exclude": "list",
    "channels.image_size": "none",
    "channels.importance": "none",
    "channels.per_layer": "dict none",
    "data.classes": "none",
    "data.image_shape": "none",
    "export.targets": "list",
    "quantization.weight_bits": "dict none",
    "sparsity.block_size": "",
    "sparsity.exclude": "list names text",
    "sparsity.m_by_n": "none",
    "training.optimizer": "none",
    "transfer.align_layers": "none",
    "transfer.feature_layers": "none",
    "transfer.mimic": "dict",
}
# As `check_values` and the stages check them.
CHECKS = {
    "data": lambda splits, model, given: prepare(
        (tiny.images(8), tiny.labels(8)),
        tiny.images(9, seed=1),
        4,
        **{"image_shape": (8, 8, 1), **given},
    ),
    "batches": lambda splits, model, given: training_batches(
        splits.labeled, splits.unlabeled, range(1), **given
    ),
    "channels": lambda splits, model, given: check_channels(
        model, **{"macs": 0.5, **given}
    ),
    "sparsity": lambda splits, model, given: Sparsify(
        **{"final_sparsity": 0.5, **given}
    ),
    "transfer": lambda splits, model, given: AlignedDistiller(
        model, model, **given
    ),
    "training": lambda splits, model, given: check_training(**given),
    "quantization": lambda splits, model, given: check_quantization(
        model, **given
    ),
    "export": lambda splits, model, given: check_formats(
        **{"formats": ("float32",), **given}
    ),
}


def assert_three_parts(error, name):
    message = str(error)
    assert name in message, message
    assert "Expected: " in message and "Received: " in message, message


def optional(section, name):
    signature = inspect.signature(SECTIONS[section])
    return signature.parameters[name].default is None


@pytest.mark.parametrize("name", ARGUMENTS)
def test_what_no_argument_may_be(name):
    bad = [*NUMBERS[1:], *NOTHING]
    if ARGUMENTS[name][0] == "a string":
        bad = [b"x", [], {}, object(), math.nan, -1, None]
    if ARGUMENTS[name][0].startswith("a path"):
        bad = [b"x", [], {}, object(), math.nan, -1, *NOTHING]
    for value in bad:
        with pytest.raises(ValueError) as error:
            check_arguments(**{name: value})
        assert_three_parts(error.value, f"`{name}`")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("epochs", (1, 10**9), (0, 1.5, 2.0, True)),
        ("views", (0, 3), (1.5, -1)),
        ("seed", (0, 2**30 - 1), (2**40, 0.0)),
        ("learning_rate", (1e-9, 1), (0, True)),
        ("warmup", (0, 0.99), (1, 1.0)),
        ("macs", (0, 0.5, 10**9), ()),
        ("sparse", (True, False), (0, 1, "True")),
        ("workdir", ("a", __file__), (3,)),
    ],
)
def test_limits_are_where_the_table_says(name, good, bad):
    for value in good:
        check_arguments(**{name: value})
    for value in bad:
        with pytest.raises(ValueError, match=f"Received: {name}="):
            check_arguments(**{name: value})


@pytest.mark.parametrize(("section", "name"), IN_TABLE)
def test_every_field_of_the_table_is_refused_before_work(section, name):
    text = ARGUMENTS[name][0] == "a string"
    for value in NUMBERS[1:] if text else NUMBERS:
        with pytest.raises(ValueError) as error:
            check_config({section: {name: value}})
        assert_three_parts(error.value, f"{section}.{name}={value!r}")
    if optional(section, name):
        check_config({section: {name: None}})
    else:
        with pytest.raises(ValueError, match="=None"):
            check_config({section: {name: None}})


@pytest.fixture(scope="module")
def run():
    teacher = tiny.linear_net()
    few, pool = (tiny.images(8), tiny.labels(8)), tiny.images(40, seed=1)
    return prepare(few, pool, 4, image_shape=(8, 8, 1)), teacher


@pytest.mark.parametrize(("section", "name"), OTHERS)
def test_what_does_not_fit_in_another_field_is_refused(run, section, name):
    splits, _ = run
    wrong = {}
    for odd, value in not_among(TAKES.get(f"{section}.{name}", "")).items():
        try:
            config = check_config({section: {name: value}})
            CHECKS[section](splits, tiny.plain_net(width=4), config[section])
            wrong[odd] = "was taken"
        except ValueError as error:
            if not says(str(error), name):
                wrong[odd] = error
        except Exception as error:
            wrong[odd] = f"{type(error).__name__}: {error}"
    assert not wrong


def test_the_table_names_fields_that_exist():
    assert set(TAKES) <= {f"{section}.{name}" for section, name in OTHERS}


def test_the_defaults_fit(run):
    splits, _ = run
    config = keywords_of(common.get_config())
    config["channels"]["macs"] = 0.5
    checked = check_config({name: config[name] for name in SECTIONS})
    check_values(checked | {"seed": 0}, splits, tiny.plain_net(width=4))
