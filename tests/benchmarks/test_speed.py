"""The rows of the speed benchmark, on networks and pools of no size."""

import json
import sys
import time

import numpy as np
import pytest
from keras import layers

import tfdcu
from benchmarks.speed import against_torch
from benchmarks.speed import first_step
from benchmarks.speed import memory
from benchmarks.speed import pipeline
from benchmarks.speed import rows
from benchmarks.speed import steps
from benchmarks.speed import switches
from benchmarks.speed import targets
from benchmarks.speed import turns
from benchmarks.speed.workload import Workload
from tests.support import tiny
from tfdcu.data.sources import source as source_lib
from tfdcu.graph.parallel import num_cores

# A process that says how many steps it was asked for, as if those were seconds.
ECHO = """
import sys
print("echo 1.0")
for line in sys.stdin:
    print(line.split()[1], flush=True)
"""


@pytest.fixture(scope="module")
def workload(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speed")
    teacher = folder / "teacher.keras"
    tiny.plain_net(channels=3).save(teacher)
    write_pool(folder / "data", tiny.images(40, channels=3))
    pool = tfdcu.data.open_source(
        "tfds:specks", labeled=False, data_dir=folder / "data"
    )
    return Workload(
        str(teacher),
        tfdcu.data.open_source((tiny.images(8, channels=3), tiny.labels(8))),
        pool,
        folder / "runs",
        batch_size=8,
        steps=2,
        warmup=1,
        turns=2,
        target_pools=(8, 16, 32),
        memory_pools=(10, 80),
        data_dir=folder / "data",
    )


def write_pool(folder, images):
    """A TFDS data set `specks` without code or labels, as the shared one."""
    import tensorflow_datasets as tfds

    place = folder / "specks" / "1.0.0"
    place.mkdir(parents=True)
    image = tfds.features.Image(shape=images.shape[1:], encoding_format="png")
    info = tfds.core.DatasetInfo(
        builder=tfds.core.DatasetIdentity(
            name="specks",
            version=tfds.core.Version("1.0.0"),
            data_dir=str(place),
            module_name="nowhere",
        ),
        features=tfds.features.FeaturesDict({"image": image}),
    )
    writer = tfds.core.SequentialWriter(info, 100, overwrite=False)
    writer.initialize_splits(["unlabeled"])
    pixels = (255 * images).astype("uint8")
    writer.add_examples({"unlabeled": [{"image": one} for one in pixels]})
    writer.close_all()


def check_ratio(row, name, above, below):
    """The median of the pairs of two measured lists is what a row says."""
    seconds = row["seconds a step"]
    pairs = np.divide(seconds[above], seconds[below])
    assert row["ratios"][name]["median"] == pytest.approx(np.median(pairs))
    assert row["ratios"][name]["highest"] == pytest.approx(pairs.max())
    assert all(len(each) == 2 and min(each) > 0 for each in seconds.values())


def test_turns_alternate_after_a_warm_up_of_one_step():
    asked = []

    def variant(name, seconds):
        return lambda steps: asked.append((name, steps)) or seconds

    found = turns.in_turns({"a": variant("a", 1.0), "b": variant("b", 2)}, 2, 7)
    assert asked[:2] == [("a", 1), ("b", 1)]
    assert asked[2:] == [("a", 7), ("b", 7), ("b", 7), ("a", 7)]
    assert found == {"a": [1.0, 1.0], "b": [2, 2]}


def test_a_ratio_is_the_median_of_the_pairs():
    assert turns.ratio([1, 4, 9], [1, 2, 3], 0.9) == {
        "median": 2.0,
        "lowest": 1.0,
        "highest": 3.0,
        "wanted": 0.9,
    }


@pytest.mark.slow
def test_row_1_has_the_limit_and_both_ways_of_training(workload):
    row = steps.limit(workload)
    check_ratio(row, "stored targets / limit", "limit", "fit, stored targets")
    assert row["images a step"] == 16


@pytest.mark.slow
def test_row_2_trains_both_on_the_pool_alone(workload):
    row = steps.keras_distiller(workload)
    check_ratio(row, "live teacher / Keras", "Keras' Distiller", "live teacher")
    check_ratio(
        row, "stored targets / Keras", "Keras' Distiller", "stored targets"
    )


@pytest.mark.slow
def test_row_3_runs_the_other_process(workload, tmp_path, monkeypatch):
    script = tmp_path / "echo.py"
    script.write_text(ECHO, "utf-8")
    monkeypatch.setattr(against_torch, "SIDE", script)
    monkeypatch.setattr(workload, "torch", sys.executable)
    row = against_torch.torch(workload)
    assert row["seconds a step"]["PyTorch, live teacher"] == [2.0, 2.0]
    check_ratio(
        row,
        "live teacher / PyTorch",
        "PyTorch, live teacher",
        "fit, live teacher",
    )
    assert "echo 1.0" in row["notes"][0]


def test_row_3_describes_widths_and_inputs_of_each_layer():
    student = tfdcu.prune_channels(tiny.residual_net(), macs=0.5)
    told = against_torch.described(student)
    widths = [row["shape"] for row in told if row["kind"] == "conv"]
    convs = [x for x in student.layers if type(x) is layers.Conv2D]
    assert widths == [list(layer.kernel.shape) for layer in convs]
    alive = {""}
    for row in told:
        assert set(row["inputs"]) <= alive
        alive = alive - set(row["drop"]) | {row["name"]}
    assert alive == {"logits"}


@pytest.mark.slow
def test_row_4_measures_pools_larger_than_their_files(workload, monkeypatch):
    for name in ("MEMORY_LIMIT", "SHUFFLE_LIMIT"):
        monkeypatch.setattr(source_lib, name, getattr(source_lib, name))
    method = source_lib.Source.fits_in_memory
    monkeypatch.setattr(method, "__defaults__", method.__defaults__)
    done = []

    def in_process(task):
        memory.work(task)
        done.append((task["what"], task["limit"], task["num"]))
        return memory.peak()

    monkeypatch.setattr(memory, "in_process", in_process)
    monkeypatch.setattr(memory, "LIMITS", (2000,))
    row = memory.memory(workload)
    folders = workload.folder.glob("memory-*/targets/pool")
    sizes = [tfdcu.data.Targets(folder).num_images for folder in folders]
    assert sorted(sizes) == [10, 80]
    assert done == [
        ("teacher_targets", 2000, 10),
        ("fit", 2000, 10),
        ("teacher_targets", 2000, 80),
        ("fit", 2000, 80),
    ]
    assert all(peaks[0] > 50 for peaks in row["MB"].values())


def test_row_5_measures_every_size_and_the_line(workload):
    row = targets.store_targets(workload)
    seconds = row["seconds"]
    assert min(seconds["32 images"]) > min(seconds["bare teacher, an image"])
    line = np.divide(
        seconds["16 images"],
        np.add(np.multiply(seconds["8 images"], 2), seconds["32 images"]) / 3,
    )
    found = row["ratios"]["16 images / straight line"]["median"]
    assert found == pytest.approx(np.median(line))


@pytest.mark.slow
def test_row_6_accounts_for_all_time_to_the_second_step(tmp_path):
    start = time.time()
    marks = first_step.Marks(start)
    teacher = tiny.plain_net()

    def run():
        tfdcu.compress(
            teacher,
            (tiny.images(16), tiny.labels(16)),
            tiny.images(64),
            workdir=tmp_path,
            batches={"batch_size": 8},
        )
        pytest.fail("The run was not stopped.")

    seconds = first_step.watched(run, marks)
    assert sum(seconds.values()) == pytest.approx(marks.last - start)
    assert seconds["tracing and first step"] > seconds["second step"]
    assert set(first_step.STAGES.values()) < set(seconds)
    assert tfdcu.AlignedDistiller.fit.__name__ == "fit"


@pytest.mark.slow
def test_row_7_sets_every_view_beside_the_step(workload):
    row = pipeline.pipeline(workload)
    step = "a step on a fixed batch"
    for name in ("flip_crop, stored targets", *pipeline.VIEWS):
        check_ratio(row, f"{name} / the step", step, name)


@pytest.mark.parametrize(
    ("row", "name", "variable", "first", "second"),
    [
        (switches.kernels, "step", switches.KERNELS, ("off", "0"), ("on", "1")),
        (
            switches.threads,
            "frozen step",
            switches.THREADS,
            ("all cores", None),
            ("half of them", str(max(1, num_cores() // 2))),
        ),
    ],
)
def test_rows_8_and_9_measure_both_settings_in_turns(
    workload, monkeypatch, row, name, variable, first, second
):
    asked = []

    def in_process(task, environment):
        asked.append(environment.get(variable))
        return dict.fromkeys(task["names"], len(asked) + 0.5)

    monkeypatch.setenv(variable, "another")
    monkeypatch.setattr(switches, "in_process", in_process)
    found = row(workload)
    (one, low), (other, high) = first, second
    assert asked == [low, high, low, high, high, low]
    assert found["seconds a step"][f"{name}, {one}"] == [3.5, 6.5]
    assert found["seconds a step"][f"{name}, {other}"] == [4.5, 5.5]
    ratio = f"{name}, {other} / {one}"
    check_ratio(found, ratio, f"{name}, {one}", f"{name}, {other}")


def test_missing_rows_are_measured_and_chosen_ones_again(
    workload, tmp_path, monkeypatch
):
    counts = {"1": 0, "6": 0}

    def row(name):
        def measured(workload):
            counts[name] += 1
            one = turns.ratio([1.0, 1.2], [1.0, 1.0], 1.05)
            return {
                "title": "a row",
                "seconds": {"all": [counts[name]]},
                "ratios": {"a / b": one},
            }

        return measured

    monkeypatch.setattr(rows, "ROWS", {name: row(name) for name in counts})
    file = tmp_path / "table.json"
    rows.measure(workload, file, ["6"])
    rows.measure(workload, file)
    rows.measure(workload, file)
    assert counts == {"1": 1, "6": 1}
    rows.measure(workload, file, ["6"])
    assert counts == {"1": 1, "6": 2}
    found = json.loads(file.read_text("utf-8"))
    assert list(found) == ["1", "6"]
    assert found["6"]["seconds"] == {"all": [2]}
    text = file.with_suffix(".md").read_text("utf-8")
    assert "| a / b | 1.100 (1.000 to 1.200) | at least 1.05: yes |" in text
