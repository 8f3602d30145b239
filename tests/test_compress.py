"""Laws of `compress`: one record, nothing lost, no silent damage."""

import errno
import fnmatch
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

import tfdcu
from tests.support import small_run
from tests.support import tiny
from tfdcu.stages import distill
from tfdcu.stages import export
from tfdcu.stages import start
from tfdcu.stages.config import SECTIONS
from tfdcu.stages.report import samples
from tfdcu.workdir.atomic import MACHINE
from tfdcu.workdir.workdir import Workdir

# `tfdcu.compress` is the function; its module is the one to look into.
MODULE = sys.modules["tfdcu.compress"]
ROW = {
    "name",
    "format",
    "accuracy",
    "agreement",
    "teacher_agreement",
    "mean_average_precision",
    "mean_iou",
    "params",
    "macs",
    "bytes",
    "gzip_bytes",
    "latency_ms",
}
# Of all runs `unbroken` alone draws its figures.
pytestmark = pytest.mark.usefixtures("no_pictures")
QUICK = {
    "training": {"epochs": 1},
    "baseline": False,
    "sparsity": None,
    "test": None,
    "channels": {"macs": 0.5, "rounds": 1},
}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    return folder, small_run.run(folder)


STUDENT = "student*", "report.*", "training/student*"


def lose(folder, *patterns):
    """Takes files from a finished run, as if it had been killed before them.

    Returns the weights that the student had.
    """
    weights = small_run.weights(folder)
    for pattern in patterns:
        for path in (folder / "run").glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return weights


def stopped(*arguments, **options):
    raise KeyboardInterrupt


def assert_equal(first, second):
    for one, two in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, two)


def assert_same(first, second, name="student"):
    assert_equal(
        small_run.weights(first, name), small_run.weights(second, name)
    )


def killed(folder, moment):
    """Whether a run in a process of its own died at the moment."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.support.small_run", str(folder), moment],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
    )
    assert process.returncode in (-signal.SIGKILL, 0), process.stderr[-2000:]
    return process.returncode != 0


def files_of(folder):
    paths = pathlib.Path(folder).rglob("*")
    return {p.relative_to(folder).as_posix() for p in paths if p.is_file()}


def test_the_record_is_whole_and_on_disk(unbroken):
    folder, record = unbroken
    assert record == json.loads((folder / "run/report.json").read_text())
    assert [(row["name"], row["format"]) for row in record["rows"]] == [
        ("teacher", "keras"),
        ("teacher", "float32"),
        ("labels only", "keras"),
        ("student", "keras"),
        ("student", "float32"),
    ]
    for row in record["rows"]:
        assert set(row) == ROW
        assert 0 <= row["accuracy"] <= 1
        if row["format"] == "float32":
            assert row["agreement"] == 1.0
            assert row["bytes"] > row["gzip_bytes"] > 0 < row["latency_ms"]
    teacher, *_, student, file = record["rows"]
    assert student["macs"] <= 0.5 * teacher["macs"]
    assert file["bytes"] < record["rows"][1]["bytes"]
    assert set(record["seconds"]) == {stage.__name__ for stage in MODULE.STAGES}
    assert record["versions"]["keras"] == keras.__version__
    terms = record["history"]["student"]
    assert all(len(terms[k]) == 3 for k in ("label", "mimic", "align"))
    assert len(record["history"]["baseline"]["accuracy"]) == 3
    first, *others = record["notes"]
    assert first.startswith("On 180 images of the pool the teacher's mean")
    assert any("On 20 held-out images of the pool" in one for one in others)
    assert record["diagnosis"]["num_labeled"] == 12
    assert all(loss > 0 for loss in terms["val_mimic"])
    images = record["config"]["images"]
    assert set(images) == {"labeled", "unlabeled", "test", "pool_validation"}
    assert [images[k]["num_images"] for k in sorted(images)] == [
        12,
        20,
        16,
        180,
    ]


def test_the_workdir_holds_what_was_promised_and_nothing_half_written(unbroken):
    found = files_of(unbroken[0] / "run")
    assert found > {
        "config.json",
        "diagnosis.json",
        "student.keras",
        "baseline.keras",
        "student_float32.tflite",
        "student_float32.json",
        "teacher_float32.tflite",
        "report.json",
        "report.md",
        "report.html",
        "skipped.json",
        "log.txt",
    }
    assert not [name for name in found if ".tmp" in name]
    for name in ("student", "baseline", "images"):
        assert [n for n in found if f"logs/{name}/" in n and "tfevents" in n]


# What is written anew, goes on where it is, or has a checksum of its own.
UNWATCHED = (
    ".lock*",
    "export.json",
    "quantization.json",
    "log.txt",
    "logs/*",
    "seconds.json",
    "training/*/epoch-*",
)
DAMAGE = {
    "emptied": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "replaced": lambda path: path.write_bytes(b"\x00\xff[1]" * 9),
    "other JSON": lambda path: path.write_text("[1]"),
}


def test_each_damaged_file_of_a_run_is_named(unbroken, tmp_path):
    """Refused in three parts, or made again; or nothing depends on it."""
    folder = unbroken[0] / "run"
    config = json.loads((folder / "config.json").read_text())
    versions = config.pop("versions")
    names = [
        name
        for name in files_of(folder)
        if not any(fnmatch.fnmatch(name, p) for p in UNWATCHED)
    ]
    for name, damage in itertools.product(names, DAMAGE):
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("logs"))
        DAMAGE[damage](copy / name)
        try:
            (said,) = Workdir(copy, config, versions).remade
            # So it is made again, and the run is finished again.
            assert not (copy / name).exists()
            assert not (copy / "report.html").exists()
        except ValueError as error:
            said = str(error)
            assert name in ("config.json", "files.json"), (name, damage)
            assert "Expected: " in said and "Received: " in said
        assert name in said, (name, damage, said)
        shutil.rmtree(copy)


def test_damaged_files_are_made_again(unbroken, tmp_path, capsys):
    copy = shutil.copytree(unbroken[0], tmp_path / "copy")
    before = files_of(copy)
    damaged = (
        "student_float32.tflite",
        "example.jpg",
        "seconds.json",
        "export.json",
        "quantization.json",
    )
    for name in damaged:
        DAMAGE["replaced"](copy / "run" / name)
    small_run.run(copy)
    assert (
        f"'{copy / 'run' / damaged[0]}' was changed" in capsys.readouterr().out
    )
    assert before <= files_of(copy)
    for name in damaged[:1]:
        there = (unbroken[0] / "run" / name).read_bytes()
        assert (copy / "run" / name).read_bytes() == there, name
    assert_same(unbroken[0], copy)


def test_the_log_has_what_was_printed(unbroken, capsys):
    folder, record = unbroken
    log = (folder / "run" / "log.txt").read_text()
    assert "student: 3/3 epochs" in log and "Aligned after" in log
    assert all(note in log for note in record["notes"][:1])
    small_run.run(folder, verbose=0)
    assert capsys.readouterr().out == ""
    small_run.run(folder)
    assert "This run is finished." in capsys.readouterr().out


def test_a_student_that_training_ruins_is_handed_over_as_it_was(tmp_path):
    few = {"training": {"epochs": 2, "learning_rate": 1.0}}
    record = small_run.run(tmp_path, **QUICK | few)
    assert_equal(
        small_run.weights(tmp_path), small_run.weights(tmp_path, "pruned")
    )
    (note,) = [n for n in record["notes"] if "made the student worse" in n]
    history = record["history"]["student"]
    assert f"to {100 * history['agreement_pool'][-1]:.1f} % on held-out" in note
    assert "Try a lower training=" in note


def test_a_format_that_fails_is_left_out_and_can_be_made_later(
    tmp_path, monkeypatch
):
    def strict(share):
        options = {"formats": ("float32", "int8"), "num_images": 32}
        return QUICK | {"export": {**options, "min_agreement": {"int8": share}}}

    # More than all images.
    record = small_run.run(tmp_path, **strict(1.1))
    kinds = [
        row["format"] for row in record["rows"] if row["name"] == "student"
    ]
    assert kinds == ["keras", "float32"]
    assert "agrees" in record["failed"]["student int8"]
    assert any(
        "student int8 file was left out" in note for note in record["notes"]
    )
    assert not list((tmp_path / "run").glob("student_int8*"))
    # The trained student is exported again, in another way.
    monkeypatch.setattr(distill, "trained_student", stopped)
    record = small_run.run(tmp_path, **strict(0.0))
    kinds = [
        row["format"] for row in record["rows"] if row["name"] == "student"
    ]
    assert kinds == ["keras", "float32", "int8"] and record["failed"] == {}
    assert record["config"]["export"]["min_agreement"] == {"int8": 0.0}


def test_a_teacher_of_one_size_is_built_at_the_size_of_the_images():
    sources = dict.fromkeys(("validation", "test"))
    sources |= {"labeled": small_run.few(), "unlabeled": "printed:20"}
    config = dict.fromkeys(SECTIONS, {}) | {"data": {"image_shape": (6, 6, 1)}}
    net = tiny.plain_net(width=32)
    teacher, _, splits = start.open_all(net, None, None, sources, config, 0)
    macs = 36 * (9 * 32 + 9 * 32 * 64) + 64 * 4
    assert tfdcu.profile(teacher)["macs"] == macs
    assert splits.unlabeled.image_shape == (6, 6, 1)


def test_sparsity_is_exact_and_holds_in_the_file(unbroken):
    model = keras.models.load_model(unbroken[0] / "run/student.keras")
    kernel = model.get_layer("conv2").kernel.numpy()
    assert np.mean(kernel == 0) == pytest.approx(0.5, abs=1 / kernel.size)
    assert np.all(model.get_layer("conv1").kernel.numpy() != 0)


def test_a_finished_run_returns_at_once(unbroken, monkeypatch):
    folder, record = unbroken

    monkeypatch.setattr(MODULE, "STAGES", (stopped,))
    before = {p: p.stat().st_mtime_ns for p in (folder / "run").glob("[!.]*")}
    assert small_run.run(folder) == record
    after = {p: p.stat().st_mtime_ns for p in (folder / "run").glob("[!.]*")}
    assert before == after


def test_another_config_is_refused_with_its_fields_named(unbroken):
    folder, _ = unbroken
    with pytest.raises(ValueError, match="another config") as error:
        small_run.run(folder, seed=1, training={"epochs": 4}, labeled=few_of(9))
    message = str(error.value)
    assert "seed is 1, was 0" in message
    assert "training.epochs is 4, was 3" in message
    assert "labeled is" in message
    assert "versions" not in message and "sparsity" not in message
    with pytest.raises(ValueError, match="another config.*teacher is"):
        small_run.run(folder, teacher=tiny.plain_net(width=32, seed=1))


def test_other_versions_are_no_other_run(unbroken, monkeypatch):
    folder, record = unbroken
    monkeypatch.setattr(start, "versions", lambda: {"keras": "4.0", "new": "1"})
    assert small_run.run(folder)["versions"] == record["versions"]


def few_of(num):
    return small_run.few(num)


@pytest.mark.slow
def test_killed_while_training_it_goes_on_bit_for_bit(unbroken, tmp_path):
    assert killed(tmp_path, "step:1:1")
    done = files_of(tmp_path / "run")
    assert "training/student/epoch-0001.weights.h5" in done
    assert "student.keras" not in done
    seconds = json.loads((tmp_path / "run" / "seconds.json").read_text())
    record = small_run.run(tmp_path)
    assert record["seconds"]["distill"] > seconds["distill"] > 0
    assert_same(unbroken[0], tmp_path)
    assert_same(unbroken[0], tmp_path, "baseline")


def test_killed_between_last_epoch_and_student(unbroken, tmp_path):
    folder, record = unbroken
    shutil.copytree(folder, tmp_path / "x")
    lose(
        tmp_path / "x", "student.keras", "report.html", "training/student.json"
    )
    mark = f"{MACHINE}-{os.getpid()}.tmp"
    half = tmp_path / f"x/run/.student.keras.{mark}"
    half.write_bytes(b"half")
    again = small_run.run(tmp_path / "x")
    assert_same(folder, tmp_path / "x")
    assert again["history"] == record["history"]
    assert not half.exists()


@pytest.mark.slow
def test_killed_again_and_again_it_ends_bit_for_bit(unbroken, tmp_path):
    moments = [
        "before:config.json",
        "after:config.json",
        "before:diagnosis.json",
        "after:diagnosis.json",
        "before:pruned.keras",
        "after:pruned.keras",
        "step:0:0",
        "after:epoch-0000.json",
        "before:epoch-0001.weights.h5",
        "after:epoch-0001.json",
        "step:1:2",
        "after:epoch-0002.weights.h5",
        "step:2:0",
        "after:epoch-0003.weights.h5",
        "before:student.keras",
        "after:student.json",
        "after:student.keras",
        "step:1:1",
        "before:baseline.keras",
        "before:teacher_float32.tflite",
        "after:student_float32.json",
        "before:report.json",
        "after:report.json",
        "before:report.html",
    ]
    deaths = [killed(tmp_path, moment) for moment in moments]
    assert sum(deaths) >= 18
    record = small_run.run(tmp_path)
    assert_same(unbroken[0], tmp_path)
    assert_same(unbroken[0], tmp_path, "baseline")
    assert record["history"] == unbroken[1]["history"]
    left = files_of(tmp_path / "run") ^ files_of(unbroken[0] / "run")
    assert all("tfevents" in name for name in left)


@pytest.mark.slow
def test_pruned_in_rounds_it_ends_at_the_same_budget(tmp_path):
    options = {
        **QUICK,
        "channels": {"macs": 0.25, "rounds": 2},
    }
    record = small_run.run(tmp_path, **options)
    teacher, _, student, _ = record["rows"]
    assert 0.24 <= student["macs"] / teacher["macs"] <= 0.25
    halfway = small_run.weights(tmp_path, "pruned_1")
    untrained = small_run.weights(tmp_path, "pruned")
    for row in record["channels"]:
        assert row["before"] >= row["after"]
    before = sum(row["before"] for row in record["channels"])
    # The teacher's channels, not those of the last round.
    assert before == 32 + 64 + 4
    assert sum(w.size for w in untrained) < sum(w.size for w in halfway)
    before = lose(tmp_path, "channels", "pruned*", *STUDENT)
    assert small_run.run(tmp_path, **options)["rows"]
    assert_equal(before, small_run.weights(tmp_path))


@pytest.mark.slow
def test_stored_targets_train_without_the_teacher(tmp_path, monkeypatch):
    options = {**QUICK, "targets": {"views": 2}}
    monkeypatch.setattr(distill, "AlignedDistiller", without_teacher)
    record = small_run.run(tmp_path, **options)
    assert record["history"]["student"]["mimic"][0] > 0
    folder = tmp_path / "run/targets"
    made = [tfdcu.data.Targets(path) for path in folder.iterdir()]
    assert [one.views for one in made] == [2, 2]
    assert not any(one.missing() for one in made)


class without_teacher(tfdcu.AlignedDistiller):
    def __init__(self, student, teacher, *others, **options):
        assert teacher is None
        super().__init__(student, teacher, *others, **options)


@pytest.mark.slow
def test_features_are_followed_over_rounds_and_a_kill(tmp_path, monkeypatch):
    options = {
        **QUICK,
        "channels": {
            "macs": 0.25,
            "round_to": 4,
            "rounds": 2,
        },
        "targets": {"views": 1},
        "transfer": {"feature_layers": "relu2", "align_weight": 0.0},
    }
    seen, build = [], distill.build_distiller

    def looked_at(run, student):
        model = build(run, student)
        assert dict(model.feature_layers) == {"relu2": "relu2"}
        width = student.get_layer("relu2").output.shape[-1]
        seen.append((width, run.plan["kept"]["relu2"]))
        return model

    monkeypatch.setattr(distill, "build_distiller", looked_at)
    with monkeypatch.context() as until_then:
        until_then.setattr(distill, "run_training", stopped)
        with pytest.raises(KeyboardInterrupt):
            small_run.run(tmp_path, **options)
    record = small_run.run(tmp_path, **options)
    assert record["history"]["student"]["features"][0] > 0
    (width, kept), again = seen
    assert len(kept) == width and again == (width, kept)


def test_another_seed_and_no_labels_at_all(tmp_path, monkeypatch):
    options = {**QUICK, "labeled": None}
    one = small_run.run(tmp_path / "0", **options)
    monkeypatch.setattr(export, "export_models", stopped)
    with pytest.raises(KeyboardInterrupt):
        small_run.run(tmp_path / "1", **options, seed=1)
    assert {row["accuracy"] for row in one["rows"]} == {None}
    assert one["history"]["student"]["label"] == [0.0]
    log = (tmp_path / "0/run/log.txt").read_text("utf-8")
    assert "Aligned after: no layer" in log
    pairs = zip(
        small_run.weights(tmp_path / "0"), small_run.weights(tmp_path / "1")
    )
    assert any((first != second).any() for first, second in pairs)


def test_live_models_are_left_as_they_were(tmp_path):
    teacher, student = softmax_net(), tiny.plain_net(size=6, seed=3)
    teacher.get_layer("conv1").trainable = False
    teacher.compile("adam", "sparse_categorical_crossentropy")
    optimizer = teacher.optimizer
    labeled = small_run.few()
    copies = [array.copy() for array in labeled]
    before = tiny.weights(teacher), tiny.weights(student)
    options = {"teacher": teacher, "student": student, "labeled": labeled}
    # The student alone, too, sees all images at its own size.
    options |= QUICK | {"baseline": True, "channels": None}
    options["validation"] = small_run.few(8, seed=6)
    record = small_run.run(tmp_path, **options)
    tiny.assert_same_weights(before[0], tiny.weights(teacher))
    tiny.assert_same_weights(before[1], tiny.weights(student))
    for array, copy in zip(labeled, copies):
        np.testing.assert_array_equal(array, copy)
    assert not teacher.get_layer("conv1").trainable
    assert student.trainable and teacher.optimizer is optimizer
    # The student that was given is trained, at its own input size.
    trained = keras.models.load_model(tmp_path / "run/student.keras")
    assert trained.input_shape == (None, 6, 6, 1)
    assert trained.count_params() == student.count_params()
    assert any(
        (a != b).any()
        for a, b in zip(trained.get_weights(), student.get_weights())
    )
    assert "labels only" in [row["name"] for row in record["rows"]]
    for name in ("student", "baseline"):
        assert len(record["history"][name]["val_accuracy"]) == 1
    file = record["rows"][-1]
    assert file["format"] == "float32" and file["agreement"] == 1.0
    # The same live models are the same run.
    assert small_run.run(tmp_path, **options) == record


def softmax_net():
    net = tiny.plain_net(width=16, seed=2)
    return keras.Model(net.input, keras.layers.Softmax()(net.output))


def test_nan_stops_and_keeps_the_last_good_student(tmp_path):
    training = {"epochs": 1, "learning_rate": 1e30, "warmup": 0.0}
    with pytest.raises(FloatingPointError, match="step .* of epoch 1") as error:
        small_run.run(tmp_path, **{**QUICK, "training": training})
    kept = tmp_path / "run" / "last_good.keras"
    assert str(kept) in str(error.value)
    assert "student.keras" not in files_of(tmp_path / "run")
    assert_equal(
        small_run.weights(tmp_path, "last_good"),
        small_run.weights(tmp_path, "pruned"),
    )


@pytest.mark.slow
def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch):
    write = pathlib.Path.write_bytes

    def full(path, content):
        write(path, content[: len(content) // 2])
        if "weights.h5" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    with monkeypatch.context() as until_then:
        until_then.setattr(pathlib.Path, "write_bytes", full)
        with pytest.raises(OSError, match="The disk filled up") as error:
            small_run.run(tmp_path, **QUICK)
    assert error.value.errno == errno.ENOSPC
    there = files_of(tmp_path / "run")
    assert {name for name in there if not name.startswith("logs/")} == {
        ".lock",
        ".lock.json",
        "channels/1.json",
        "config.json",
        "diagnosis.json",
        "export.json",
        "files.json",
        "fitting_input.json",
        "log.txt",
        "pruned.keras",
        "quantization.json",
        "seconds.json",
        "skipped.json",
        "training/student_start.json",
    }
    small_run.run(tmp_path, **QUICK)
    assert "report.html" in files_of(tmp_path / "run")


def picture(path, seed, size=(12, 9)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), "uint8")
    Image.fromarray(pixels).save(path)


@pytest.mark.slow
def test_folders_with_files_that_cannot_be_read(tmp_path):
    for index in range(12):
        name = f"{'abcd'[index % 4]}/{index}.png"
        picture(tmp_path / "few" / name, index)
    for index in range(20):
        picture(tmp_path / "pool" / f"deep/{index % 3}/{index}.jpg", index)
    (tmp_path / "pool/empty.png").touch()
    (tmp_path / "pool/notes.jpg").write_text("no image")
    (tmp_path / "few/a/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    record = small_run.run(
        tmp_path,
        labeled=f"folder:{tmp_path}/few",
        unlabeled=f"folder:{tmp_path}/pool",
        **QUICK | {"batches": {"batch_size": 8}, "data": None},
    )
    listed = json.loads((tmp_path / "run/skipped.json").read_text())
    assert [(one["source"], one["file"]) for one in listed] == [
        ("labeled", "a/broken.png"),
        ("unlabeled", "empty.png"),
        ("unlabeled", "notes.jpg"),
    ]
    assert all(one["reason"] for one in listed)
    assert {k: len(v) for k, v in record["skipped"].items()} == {
        "labeled": 1,
        "unlabeled": 2,
    }
    assert "notes.jpg" in (tmp_path / "run/report.html").read_text()
    assert record["classes"] == list("abcd")


class Subclassed(keras.Model):
    def call(self, inputs):
        return inputs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"training": {"epoch": 1}}, "training.*nearest is 'epochs'"),
        ({"training": {"epochs": 0}}, "whole number, at least 1.*epochs=0"),
        ({"training": {"optimizer": "lion9"}}, "'sgd'.*'lion9'"),
        ({"channels": {"mac": 0.5}}, "channels.*nearest is 'macs'"),
        ({"channels": {"model": 1}}, "Unknown field in the section 'channels'"),
        ({"transfer": {"mimic": "kd"}}, "Received: mimic='kd'"),
        ({"transfer": {"align_layers": "nowhere"}}, "nowhere"),
        ({"transfer": {"kept": {}}}, "Unknown field in the section 'transfer'"),
        (
            {
                "student": tiny.plain_net(),
                "transfer": {"feature_layers": "relu2"},
            },
            "Features cannot be compared.*8, 8, 32.*8, 8, 64",
        ),
        ({"sparsity": {"final_sparsity": 1.5}}, "final_sparsity"),
        ({"sparsity": {"exclude": ["conv1"]}}, "how sparse"),
        (
            {"sparsity": {"final_sparsity": 0.5, "exclude": ["konv"]}},
            "no layer.*'konv'",
        ),
        (
            {"sparsity": {"final_sparsity": 0.5, "block_size": (4, 1)}},
            "rank 2 only.*conv1",
        ),
        ({"export": {"min_agreement": {"web": 0.5}}}, "min_agreement.*web"),
        ({"quantization": {"weight_bits": {"konv1": 4}}}, "'conv1'.*'konv1'"),
        ({"batches": {"augment": "shiftt"}}, "'shift'.*'shiftt'"),
        ({"batches": {"batch_size": 0}}, "batch_size=0"),
        ({"export": {"formats": ("float31",)}}, "float32.*float31"),
        ({"export": 3}, "The section 'export' is not a dict"),
        ({"labeled": None}, "labels alone.*labeled=None"),
        ({"labeled": (tiny.images(4), np.array([0, 1, 2, 7]))}, "0 to 3.*7"),
        ({"unlabeled": np.zeros((0, 8, 8, 1), "float32")}, "empty"),
        ({"unlabeled": None}, "There is no pool"),
        ({"unlabeled": "printd"}, "Unknown source"),
        ({"unlabeled": tiny.images(8) * np.nan}, "The images of"),
        ({"data": {"labels_per_class": 9}}, "9"),
        ({"teacher": "nowhere.keras"}, "nowhere.keras"),
        ({"teacher": Subclassed()}, "subclass|Subclassed"),
        (
            {"student": tiny.plain_net(), "channels": {"macs": 0.5}},
            "not pruned",
        ),
        ({"student": tiny.plain_net(num_classes=3)}, "4 logits"),
    ],
)
def test_invalid_arguments_are_refused_before_anything_is_written(
    tmp_path, options, message
):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        small_run.run(tmp_path, **options)
    assert files_of(tmp_path) <= {"teacher.keras"}


class Doubled(keras.layers.Layer):
    """A layer that no file knows."""

    def call(self, x):
        return 2 * x


def test_a_teacher_of_any_size_is_taken_at_the_size_of_the_images(tmp_path):
    inputs = keras.Input((None, None, 1))
    x = keras.layers.Conv2D(16, 3, padding="same")(inputs)
    x = keras.layers.Conv2D(16, 3, padding="same")(Doubled()(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    teacher = keras.Model(inputs, keras.layers.Dense(4)(x))
    with pytest.raises(ValueError, match="data.image_shape"):
        small_run.run(tmp_path, teacher=teacher)
    options = {
        "teacher": teacher,
        **QUICK,
        "channels": {"macs": 0.5, "rounds": 1},
    }
    options["channels"] |= {"round_to": 1}
    options["data"] = {"image_shape": (8, 8, 1)}
    with pytest.raises(ValueError, match="either `preprocess` or"):
        small_run.run(
            tmp_path / "both",
            **{**options, "data": {**options["data"], "value_range": (-1, 1)}},
            preprocess="tf",
        )
    record = small_run.run(tmp_path, **options, preprocess=(0.5, 0.5))
    kept = keras.models.load_model(tmp_path / "run" / "student.keras")
    assert kept.layers[1].get_config()["scale"] == [2.0]
    whole, student = record["rows"][0], record["rows"][-1]
    assert whole["macs"] == 64 * (9 * 16 + 9 * 16 * 16) + 16 * 4
    assert student["format"] == "float32" and student["agreement"] == 1.0
    assert teacher.input_shape == (None, None, None, 1)


def test_a_workdir_that_cannot_be_written_fails_before_work(
    tmp_path, monkeypatch
):
    (tmp_path / "run").write_text("a file in the way")
    monkeypatch.setattr(MODULE, "STAGES", (stopped,))
    with pytest.raises(ValueError, match="cannot be written"):
        small_run.run(tmp_path)
    assert (tmp_path / "run").read_text() == "a file in the way"


def test_few_samples_in_the_report_carry_their_own_labels():
    images, labels = tiny.images(10), tiny.labels(10)
    splits = tfdcu.data.prepare(
        (images, labels),
        tiny.images(5, seed=1),
        num_classes=4,
        image_shape=(8, 8, 1),
    )
    shown = samples(splits)
    np.testing.assert_array_equal(shown["labeled"][0], images)
    np.testing.assert_array_equal(shown["labeled"][1], labels)


def test_a_run_with_a_baseline_is_another_run(unbroken):
    folder, _ = unbroken
    there = json.loads((folder / "run" / "config.json").read_text())
    with pytest.raises(ValueError, match="another config.*baseline is"):
        small_run.run(folder, baseline=not there.get("baseline", True))


def test_a_teacher_with_one_output_makes_a_student_with_two(tmp_path):
    images = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(16, 3, activation="relu")(images)
    x = keras.layers.Conv2D(16, 3, activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    end = keras.layers.Dense(1, activation="sigmoid")
    teacher = keras.Model(images, end(x))
    shares = teacher(tiny.images(16, seed=5)).numpy()
    # Half of the images are of the second class.
    end.bias.assign(-np.log(np.median(shares) / (1 - np.median(shares)))[None])
    second = teacher(tiny.images(16, seed=5)).numpy()[:, 0] > 0.5
    report = small_run.run(
        tmp_path,
        teacher=teacher,
        labeled=(tiny.images(12), tiny.labels(12) % 2),
        test=(tiny.images(16, seed=5), second.astype("int32")),
        sparsity=None,
        baseline=False,
        training={"epochs": 1},
    )
    teachers, _, students, file = report["rows"]
    assert teachers["accuracy"] == 1.0
    assert students["macs"] <= teachers["macs"] / 2
    assert file["agreement"] == 1.0
    student = tfdcu.models.load(tmp_path / "run" / "student.keras")
    assert student.output_shape == (None, 2)
