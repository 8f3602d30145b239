"""Laws of the command `tfdcu`: quick help, plain flags, words for mistakes."""

import importlib
import re
import sys
from pathlib import Path

import keras
import pytest

import tfdcu
from tests.support import tiny
from tests.support.processes import timed
from tfdcu_cli import main
from tfdcu_cli.commands import compress
from tfdcu_cli.commands import demo
from tfdcu_cli.commands import evaluate
from tfdcu_cli.config import CONFIGS
from tfdcu_cli.config import config_path
from tfdcu_cli.config import fields_of
from tfdcu_cli.config import read_flags
from tfdcu_cli.parse import parse

ROOT = Path(__file__).parents[1]

LIGHT = """
import sys
from tfdcu_cli.main import run
try:
    run({arguments!r})
finally:
    heavy = {{"tensorflow", "keras", "numpy", "tfdcu"}} & {{*sys.modules}}
    print("Imported:", heavy or "nothing", file=sys.stderr)
"""


def refused(*arguments):
    with pytest.raises(SystemExit) as error:
        main.run(list(arguments))
    message = str(error.value)
    for part in ("Stopped: ", "Expected: ", "Received: "):
        assert part in message
    return message


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["compress", "--help"],
        ["compress", "--teacher=none.keras"],
        ["compress", "--config.chanels.macs=1"],
    ],
)
def test_help_and_errors_need_no_tensorflow(arguments):
    program = LIGHT.format(arguments=arguments)
    process, seconds = timed([sys.executable, "-c", program])
    assert "Imported: nothing" in process.stderr
    assert seconds < 1


def test_the_help_names_all_commands(capsys):
    for arguments in ([], ["-h"], ["--help"], ["help"]):
        assert main.run(arguments) is None
        said = capsys.readouterr().out
        assert all(f"\n  {name} " in said for name in main.COMMANDS)


@pytest.mark.parametrize("name", main.COMMANDS)
def test_the_help_of_a_command_names_its_flags(name, capsys):
    main.run(["help", name])
    said = capsys.readouterr().out
    command = main.load(name)
    assert all(f"  --{flag.name} " in said for flag in command.FLAGS)
    assert f"    tfdcu {name} " in said or name == "demo"
    assert ("--config" in said) == bool(command.CONFIG)


@pytest.mark.parametrize("name", main.COMMANDS)
def test_a_flag_stands_for_a_field_that_exists(name):
    command = main.load(name)
    fields = {}
    if command.CONFIG:
        module = importlib.import_module(f"tfdcu_cli.configs.{command.CONFIG}")
        fields = dict(fields_of(module.get_config().to_dict()))
    for flag in command.FLAGS:
        assert flag.field is None or flag.field in fields, flag
        assert not fields or flag.name not in ("config", *fields) or flag.field


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A working directory with a teacher and a pool, which may be empty."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "teacher.keras").touch()
    (tmp_path / "pool").mkdir()
    return ["--teacher=teacher.keras", "--pool=pool", "--workdir=run"]


def test_a_flag_sets_its_field(files):
    values = parse(
        compress,
        [
            *files,
            "--macs",
            "0.3",
            "--labels_per_class=5",
            "--targets=web,android",
            "--augment=shift",
            "--classes=b,a",
            "--value_range=-1,1",
            "--config.baseline",
            "--config.transfer.temperature",
            "2",
        ],
    )
    config = values.config.to_dict()
    assert values.workdir == "run"
    assert config["teacher"] == "teacher.keras"
    assert config["unlabeled"] == "pool"
    assert config["channels"]["macs"] == 0.3
    assert config["data"]["labels_per_class"] == 5
    assert config["export"]["targets"] == ("web", "android")
    assert config["batches"]["augment"] == ("shift",)
    assert config["data"]["classes"] == ("b", "a")
    assert config["data"]["value_range"] == (-1, 1)
    assert config["baseline"] is True
    assert config["transfer"]["temperature"] == 2.0


def test_flags_go_before_the_config_they_change(files):
    values = parse(compress, ["--epochs=2", *files, "--config", "digits"])
    assert values.config.training.epochs == 2
    assert values.config.channels.params == 1 / 16


def test_a_config_is_a_path_or_a_name(tmp_path):
    own = tmp_path / "digits.py"
    own.touch()
    assert config_path(str(own)) == own
    assert config_path("digits") == CONFIGS / "digits.py"
    with pytest.raises(SystemExit, match="the nearest is digits. Received"):
        config_path("digit")


def test_switches_need_no_value(files):
    flags = ["--model=teacher.keras", "--source=pool"]
    assert parse(evaluate, flags).labeled is True
    assert parse(evaluate, [*flags, "--nolabeled"]).labeled is False
    assert parse(evaluate, [*flags, "--labeled=False"]).labeled is False


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["compres"], "the nearest is compress. "),
        (["train_teachr"], "the nearest is train-teacher. "),
        (["compress", "--pol=x"], "the nearest is --pool=x. "),
        (["compress", "--config.training.epoch=3"], "--config.training.epochs"),
        (["compress", "--temperature=2"], "--config.transfer.temperature=2"),
        (["compress", "macs=0.5"], "the nearest is --macs=0.5. "),
        (["compress", "--macs"], "--macs has no value"),
        (["compress", "--macs=half"], "--config.channels.macs=half"),
        (["compress", "--config=digit"], "the nearest is digits"),
        (["compress"], "--teacher, --pool, --workdir"),
        (["compress", "--teacher=techer.keras"], "nearest is teacher.keras"),
        (["compress", "--labeled=pol"], "the nearest is pool. "),
        (["compress", "--labeled=folder:pol"], "the nearest is pool. "),
        (["evaluate", "--config=digits"], "there is no such flag"),
        (["export", "--num_images=many"], "--num_images=many"),
    ],
)
def test_a_mistake_is_answered_with_the_nearest(files, arguments, word):
    assert word in refused(*arguments)


def test_what_the_library_refuses_ends_with_one_and_its_words(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    tiny.plain_net().save("model.keras")
    arguments = ("--model=model.keras", "--source=digits", "--split=tests")
    assert "split" in refused("evaluate", *arguments)


def test_evaluate_prints_each_output(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    net = tiny.plain_net(num_classes=10)
    tags = keras.layers.Dense(3, activation="sigmoid", name="tags")
    digit = keras.layers.Softmax()(net.output)
    outputs = {"digit": digit, "tags": tags(net.get_layer("pool").output)}
    keras.Model(net.input, outputs).save("two.keras")
    arguments = ["--source=digits", "--nolabeled", "--against=two.keras"]
    main.run(["evaluate", "--model=two.keras", *arguments])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    for line in "agreement", "digit agreement", "tags agreement":
        assert f"{line} 100.00 %" in lines


def test_prune_saves_a_smaller_model(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    teacher = tiny.plain_net(num_classes=10)
    teacher.save("teacher.keras")
    arguments = ["--teacher=teacher.keras", "--pool=printed:100", "--macs=0.6"]
    # Not scored on images, which takes seconds.
    arguments += ["--config.channels.importance=l2"]
    arguments += ["--config.channels.rounds=1"]
    main.run(["prune", *arguments, "--output=small.keras"])
    small = tfdcu.models.load("small.keras")
    share = tfdcu.profile(small)["macs"] / tfdcu.profile(teacher)["macs"]
    assert share <= 0.6
    assert "pruned" in capsys.readouterr().out
    assert "--output=small.h5" in refused(
        "prune", *arguments, "--output=small.h5"
    )


def test_diagnose_prints_what_stands_out(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tiny.plain_net(num_classes=10).save("teacher.keras")
    main.run(
        [
            "diagnose",
            "--teacher=teacher.keras",
            "--labeled=digits",
            "--pool=printed:100",
            "--num_images=50",
        ]
    )
    said = capsys.readouterr().out
    assert "50 images" in said and "A-distance" in said


def test_the_demo_gives_on_the_code_of_its_parts():
    assert demo.call("--version") == 0
    assert demo.call("compres") == 1


PAGES = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if "tfdcu " in path.read_text("utf-8")
]


def commands_in(text):
    """The name and the flags of each `tfdcu` command of a text."""
    text = text.replace("\\\n", " ")
    for line in re.findall(r"\btfdcu [a-z-]+(?: +--[\w.]+[^\s`]*)+", text):
        _, name, *arguments = line.split()
        yield name, [one.lstrip("-").partition("=")[0] for one in arguments]


@pytest.mark.parametrize("name", ["docs", *main.COMMANDS])
def test_commands_that_are_shown_have_such_flags(name):
    texts = [main.load(name).__doc__] if name != "docs" else []
    if not texts:
        texts = [path.read_text("utf-8") for path in PAGES]
    for text in texts:
        for shown, flags in commands_in(text):
            command = main.load(shown)
            known = {flag.name for flag in command.FLAGS} | {"help"}
            if command.CONFIG:
                path = config_path(command.CONFIG)
                config = read_flags([f"--config={path}"], ["config"]).config
                fields = dict(fields_of(config.to_dict()))
                known |= {"config", *(f"config.{field}" for field in fields)}
            assert not {*flags} - known, (shown, flags)
