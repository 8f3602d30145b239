"""Laws of the scripts: thin, whole, and no traceback for a wrong value."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

import tfdcu
from tests.support import tiny
from tfdcu.graph.parallel import num_cores

ROOT = Path(__file__).parents[1]
QUICK = (
    "--config=digits",
    "--config.teacher={folder}/teacher.keras",
    "--config.unlabeled=printed:200",
    "--config.channels.rounds=1",
    "--config.baseline=False",
    "--config.data.pool_validation=50",
    "--config.training.epochs=1",
    "--config.export.formats=('float32', 'int8')",
    "--config.export.num_images=100",
)


def run(script, *arguments, folder=None):
    """A script in a process of its own, as a user starts it."""
    arguments = [argument.format(folder=folder) for argument in arguments]
    return subprocess.run(
        [sys.executable, "-m", f"scripts.{script}", *arguments],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        capture_output=True,
        text=True,
    )


def ran(script, *arguments, folder=None):
    process = run(script, *arguments, folder=folder)
    assert process.returncode == 0, process.stderr[-3000:]
    assert "absl::InitializeLog" not in process.stderr
    return process.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a teacher and a finished run, both made by scripts."""
    folder = tmp_path_factory.mktemp("scripts")
    made = ran(
        "train_teacher",
        "--config=digits",
        "--config.teacher={folder}/teacher.keras",
        "--config.train_teacher.training.epochs=2",
        folder=folder,
    )
    run_ = ran("compress", *QUICK, "--workdir={folder}/run", folder=folder)
    (folder / "teacher.txt").write_text(made)
    (folder / "run.txt").write_text(run_)
    return folder


def test_train_teacher_saves_what_it_says(folder):
    said = (folder / "teacher.txt").read_text()
    teacher = tfdcu.models.load(folder / "teacher.keras")
    accuracy = tfdcu.evaluate(teacher, "digits", split="test")["accuracy"]
    assert "teacher: 2/2 epochs" in said
    assert f"{teacher.count_params():,} parameters" in said
    assert f"test accuracy {100 * accuracy:.2f} %" in said


def test_compress_ends_with_a_table_of_what_is_in_the_workdir(folder):
    said = (folder / "run.txt").read_text()
    record = json.loads((folder / "run" / "report.json").read_text())
    assert [(row["name"], row["format"]) for row in record["rows"]] == [
        ("teacher", "keras"),
        ("teacher", "float32"),
        ("student", "keras"),
        ("student", "float32"),
        ("student", "int8"),
    ]
    assert record["config"]["channels"]["params"] == 1 / 16
    assert record["classes"] == [str(digit) for digit in range(10)]
    student = record["rows"][2]
    assert student["params"] <= record["rows"][0]["params"] / 16
    for name in ("teacher float32", "student int8", "report.html"):
        assert name in said
    for name in ("student_float32", "student_int8"):
        assert (folder / "run" / f"{name}.tflite").exists()
        assert (folder / "run" / f"{name}.json").exists()


def test_export_makes_files_without_training(folder):
    model = folder / "run" / "student.keras"
    before = model.read_bytes()
    said = ran(
        "export",
        "--model={folder}/run/student.keras",
        "--folder={folder}/phone",
        "--images=printed:100",
        "--formats=float16,dynamic",
        "--classes=a,b,c,d,e,f,g,h,i,j",
        "--value_range=0,1",
        folder=folder,
    )
    files = sorted(path.name for path in (folder / "phone").glob("*.tflite"))
    assert files == ["student_dynamic.tflite", "student_float16.tflite"]
    assert all(name in said for name in files)
    about = json.loads((folder / "phone" / "student_dynamic.json").read_text())
    assert about["classes"] == list("abcdefghij")
    assert about["value_range"] == [0, 1]
    assert model.read_bytes() == before


def test_evaluate_prints_accuracy_and_agreement(folder):
    arguments = {
        "model": folder / "run" / "student_float32.tflite",
        "source": "digits",
        "split": "test",
        "against": folder / "run" / "student.keras",
    }
    said = ran("evaluate", *(f"--{k}={v}" for k, v in arguments.items()))
    model = arguments.pop("model")
    scores = tfdcu.evaluate(model, arguments.pop("source"), **arguments)
    assert "500 images" in said
    assert f"accuracy {100 * scores['accuracy']:.2f} %" in said
    assert f"agreement {100 * scores['agreement']:.2f} %" in said


def assert_refused(process, *words):
    assert process.returncode == 1, process.stdout + process.stderr[-3000:]
    error = process.stderr[process.stderr.index("Stopped: ") :]
    assert "Traceback" not in process.stderr
    for word in ("Expected", "Received", *words):
        assert word in error


@pytest.mark.slow
def test_another_config_in_the_same_workdir_is_refused(folder):
    process = run(
        "compress",
        *QUICK,
        "--config.seed=1",
        "--config.channels.params=0.1",
        "--workdir={folder}/run",
        folder=folder,
    )
    assert_refused(process, "seed is 1, was 0", "channels.params is 0.1")


@pytest.mark.parametrize(
    ("argument", "word"),
    [
        ("--config.batches.augment=shiftt", "shiftt"),
        pytest.param(
            "--config.training.epochs=0", "epochs=0", marks=pytest.mark.slow
        ),
        pytest.param(
            "--config.labeled=digit", "--labeled=digit", marks=pytest.mark.slow
        ),
        pytest.param(
            "--config.channels.macs=0.3", "one budget", marks=pytest.mark.slow
        ),
        pytest.param(
            "--config.teacher=nowhere.keras",
            "nowhere.keras",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_wrong_value_is_refused_in_words(tmp_path, argument, word):
    tiny.plain_net(num_classes=10).save(tmp_path / "teacher.keras")
    where = "--workdir={folder}/run"
    process = run("compress", *QUICK, where, argument, folder=tmp_path)
    assert_refused(process, word)
    assert [path.name for path in tmp_path.iterdir()] == ["teacher.keras"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "argument", "word"),
    [
        ("digits", "--config.train_teacher.model=resnet57", "resnet56"),
        ("cifar10_resnet56", "--config.seed=0", "section `train_teacher`"),
    ],
)
def test_no_teacher_of_a_wrong_config(tmp_path, config, argument, word):
    process = run(
        "train_teacher",
        f"--config={config}",
        "--config.teacher={folder}/teacher.keras",
        argument,
        folder=tmp_path,
    )
    assert_refused(process, word)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "arguments", "word"),
    [
        ("evaluate", ("--model=nowhere.keras", "--source=digits"), "nowhere"),
        (
            "export",
            (
                "--model={folder}/net.keras",
                "--folder={folder}/out",
                "--images=printed:50",
                "--formats=float31",
            ),
            "float31",
        ),
        (
            "compress",
            (
                "--config=digits_search",
                "--teacher={folder}/net.keras",
                "--workdir={folder}/run",
            ),
            "tfdcu search",
        ),
        (
            "search",
            ("--config=digits", "--workdir={folder}/run"),
            "section `search`",
        ),
        (
            "compress",
            (
                "--config=digits",
                "--config.channels.repair=False",
                "--workdir={folder}/run",
            ),
            "`reconstruct`",
        ),
        (
            "search",
            ("--config=configs/none.py", "--workdir={folder}/run"),
            "configs/none.py",
        ),
    ],
)
def test_other_scripts_refuse_in_words(tmp_path, script, arguments, word):
    tiny.plain_net().save(tmp_path / "net.keras")
    assert_refused(run(script, *arguments, folder=tmp_path), word)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("argument", "word"),
    [
        (
            "config.training.epochs=3",
            "the nearest is --config.training.epochs=3. Received: config",
        ),
        ("workdri=x", "the nearest is --workdir=x"),
        ("--config.chanels.macs=0.5", "nearest is --config.channels.macs"),
        ("--config.training.epoch=3", "nearest is --config.training.epochs"),
        ("--config={folder}/name.py", "name.py, line 3: NameError: name 'no'"),
        ("--config={folder}/syntax.py", "syntax.py, line 1: "),
    ],
)
def test_what_was_mistyped_is_named(tmp_path, argument, word):
    (tmp_path / "syntax.py").write_text("def get_config(:\n")
    (tmp_path / "name.py").write_text("\ndef get_config():\n    return no\n")
    where = "--workdir={folder}/run"
    process = run("compress", *QUICK, where, argument, folder=tmp_path)
    assert_refused(process, word)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_ends_with_one_line_and_keeps_epochs(tmp_path, number, code):
    tiny.plain_net(num_classes=10).save(tmp_path / "teacher.keras")
    arguments = [one.format(folder=tmp_path) for one in QUICK]
    arguments += ["--config.training.epochs=2000", f"--workdir={tmp_path}/run"]
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.compress", *arguments],
        cwd=ROOT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        stderr=subprocess.PIPE,
        text=True,
    )
    checkpoints = tmp_path / "run" / "training" / "student"
    while not list(checkpoints.glob("epoch-???[1-9].weights.h5")):
        time.sleep(0.1)
        assert process.poll() is None
    process.send_signal(number)
    error = process.communicate()[1]
    assert process.returncode == code
    lines = error[error.index("Stopped by") :].splitlines()
    assert len(lines) == 1 and "The same command goes on" in lines[0]
    assert "Traceback" not in error
    assert len(list(checkpoints.glob("epoch-*.weights.h5"))) == 1
    assert not list((tmp_path / "run").rglob("*.tmp"))


@pytest.mark.slow
def test_a_given_student_is_trained_and_not_pruned(folder):
    student = tiny.plain_net(num_classes=10)
    student.save(folder / "given.keras")
    ran(
        "compress",
        *QUICK,
        "--config.student={folder}/given.keras",
        "--workdir={folder}/other",
        folder=folder,
    )
    trained = keras.models.load_model(folder / "other" / "student.keras")
    assert trained.count_params() == student.count_params()
    assert any(
        np.any(one != two)
        for one, two in zip(trained.get_weights(), student.get_weights())
    )


SHOWN = """
import tensorflow as tf
import tfdcu
from tfdcu_cli.main import run

def shown(**config):
    print(tf.config.threading.get_intra_op_parallelism_threads())
    return {{"failed": {{}}}}

tfdcu.{script} = shown
run([
    "{script}",
    "--config={config}",
    "--teacher={teacher}",
    "--config.transfer.freeze_batchnorm={frozen}",
    "--workdir=none",
])
"""


@pytest.mark.parametrize(
    ("script", "config", "frozen"),
    [
        ("compress", "digits", True),
        pytest.param("compress", "digits", False, marks=pytest.mark.slow),
        pytest.param("search", "digits_search", True, marks=pytest.mark.slow),
    ],
)
def test_frozen_training_gives_an_operation_half_of_the_cores(
    script, config, frozen, tmp_path
):
    environment = dict(os.environ)
    environment.pop("TF_NUM_INTRAOP_THREADS", None)
    teacher = tmp_path / "teacher.keras"
    teacher.touch()
    code = SHOWN.format(
        script=script, config=config, frozen=frozen, teacher=teacher
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    half = max(1, num_cores() // 2) if frozen else 0
    assert process.stdout.split()[-1:] == [str(half)], process.stderr


@pytest.mark.slow
def test_a_model_of_any_size_is_exported_at_the_size_that_is_said(tmp_path):
    images = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(4, 3)(images)
    x = keras.layers.GlobalAveragePooling2D()(x)
    keras.Model(images, x).save(tmp_path / "any.keras")
    arguments = (
        "--model={folder}/any.keras",
        "--folder={folder}/out",
        "--images=printed:100",
        "--formats=int8",
    )
    process = run("export", *arguments, folder=tmp_path)
    assert_refused(process, "any size", "--image_shape")
    ran("export", *arguments, "--image_shape=9,7,1", folder=tmp_path)
    made = tfdcu.LiteRTModel(tmp_path / "out" / "any_int8.tflite")
    assert made.input_shape == (9, 7, 1)


@pytest.mark.slow
def test_a_teacher_that_is_there_is_said_to_be(folder):
    before = (folder / "teacher.keras").read_bytes()
    said = ran(
        "train_teacher",
        "--config=digits",
        "--config.teacher={folder}/teacher.keras",
        "--config.train_teacher.training.epochs=3",
        folder=folder,
    )
    assert "which existed and is not trained again" in said
    assert (folder / "teacher.keras").read_bytes() == before
