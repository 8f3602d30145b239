"""Every argument is checked before work: three parts, or it fits."""

import inspect
import math

import pytest

import tfdcu
from tests.support import tiny
from tfdcu.data import prepare
from tfdcu.stages.config import SECTIONS
from tfdcu.stages.config import check_config
from tfdcu.stages.config import check_values
from tfdcu.stages.config import option_names
from tfdcu.workdir.arguments import ARGUMENTS
from tfdcu.workdir.arguments import check_arguments
from tfdcu_cli.configs import common
from tfdcu_cli.keywords import keywords_of

NUMBERS = "3", b"3", [], {}, object(), math.nan, math.inf, -math.inf, -1, 1e400
NOTHING = "", None
FIELDS = [(s, name) for s in SECTIONS for name in option_names(SECTIONS[s])]
IN_TABLE = [field for field in FIELDS if field[1] in ARGUMENTS]
OTHERS = [field for field in FIELDS if field[1] not in ARGUMENTS]
ODD = [math.nan, ["nonsense"], {"a": 1}, b"x"]


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
def test_other_fields_fit_or_are_refused_in_three_parts(run, section, name):
    splits, teacher = run
    pruned = tiny.plain_net(width=4) if section == "channels" else None
    for value in ODD:
        sections = {section: {name: value}, "channels": {"macs": 0.5}}
        sections[section] = {**sections.get(section, {}), name: value}
        try:
            config = check_config(sections)
            if section == "data":
                prepare(
                    (tiny.images(8), tiny.labels(8)),
                    tiny.images(9, seed=1),
                    4,
                    **{"image_shape": (8, 8, 1), **config["data"]},
                )
            else:
                config["targets"].setdefault("views", 1)
                models = (pruned,) if pruned else (teacher, teacher)
                check_values(config | {"seed": 0}, splits, *models)
        except ValueError as error:
            assert_three_parts(error, "")


def test_the_defaults_fit(run):
    splits, _ = run
    config = keywords_of(common.get_config())
    config["channels"]["macs"] = 0.5
    checked = check_config({name: config[name] for name in SECTIONS})
    check_values(checked | {"seed": 0}, splits, tiny.plain_net(width=4))


ARRAYS = tiny.images(12), tiny.labels(12)
CALLS = {
    "compress": lambda **bad: tfdcu.compress(
        tiny.linear_net(), ARRAYS, ARRAYS[0], **{"workdir": "never", **bad}
    ),
    "search": lambda **bad: tfdcu.search(
        tiny.linear_net(),
        ARRAYS,
        ARRAYS[0],
        **{"workdir": "never", "space": {"channels.macs": [0.5]}, **bad},
    ),
    "train_teacher": lambda **bad: tfdcu.train_teacher(
        **{"path": "a.keras", "model": "digits", "labeled": "digits", **bad}
    ),
    "open_source": lambda **bad: tfdcu.data.open_source("digits", **bad),
    "diagnose": lambda **bad: tfdcu.diagnose(
        tiny.linear_net(), None, ARRAYS[0], **bad
    ),
    "teacher_targets": lambda **bad: tfdcu.teacher_targets(
        tiny.linear_net(), ARRAYS[0], "never", **bad
    ),
    "export_litert": lambda **bad: tfdcu.export_litert(
        tiny.linear_net(), "never/a.tflite", **bad
    ),
    "litert_latency": lambda **bad: tfdcu.litert_latency(
        tiny.linear_net(), **bad
    ),
    "prune_channels": lambda **bad: tfdcu.prune_channels(
        tiny.plain_net(), **bad
    ),
}


@pytest.mark.parametrize(
    ("function", "bad"),
    [
        ("compress", {"workdir": ""}),
        ("compress", {"workdir": None}),
        ("compress", {"seed": -1}),
        ("compress", {"seed": 2**40}),
        ("compress", {"baseline": "no"}),
        ("compress", {"data": {"classes": ["cat"] * 4}}),
        ("compress", {"export": {"num_images": 0}}),
        ("compress", {"training": {"epochs": "3"}}),
        ("search", {"workdir": None}),
        ("search", {"max_trials": math.nan}),
        ("search", {"pool_share": math.inf}),
        ("search", {"tradeoff": math.nan}),
        ("search", {"seed": 1.0}),
        ("train_teacher", {"path": ""}),
        ("train_teacher", {"width": math.inf}),
        ("train_teacher", {"batch_size": 1.5}),
        ("train_teacher", {"seed": None}),
        ("open_source", {"value_range": (0, math.inf)}),
        ("open_source", {"image_shape": (8.5, 8, 1)}),
        ("open_source", {"seed": "0"}),
        ("diagnose", {"seed": None}),
        ("teacher_targets", {"views": 1.5}),
        ("teacher_targets", {"mirror": 1}),
        ("teacher_targets", {"seed": 2**40}),
        ("teacher_targets", {"top_k": math.nan}),
        ("export_litert", {"num_images": 0}),
        ("export_litert", {"value_range": 3}),
        ("export_litert", {"sparse": 1}),
        ("litert_latency", {"runs": math.inf}),
        ("litert_latency", {"num_threads": 0}),
        ("prune_channels", {"macs": math.nan}),
        ("prune_channels", {"macs": "0.5"}),
        ("prune_channels", {"macs": 0.5, "round_to": 0}),
        ("prune_channels", {"macs": 0.5, "rounds": 1.5}),
        ("prune_channels", {"macs": 0.5, "seed": -1}),
    ],
)
def test_public_functions_refuse_before_work(
    function, bad, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as error:
        CALLS[function](**bad)
    assert_three_parts(error.value, "")
    assert list(tmp_path.iterdir()) == []
