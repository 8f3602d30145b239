"""What lies beside the files is of these files, and runs as it stands."""

import json
import re

import keras
import numpy as np
import pytest

from tests.export.conftest import CLASSES
from tests.support import tiny
from tests.support.processes import run_python
from tfdcu.export import LiteRTModel
from tfdcu.export import export_all
from tfdcu.export import write_app_files
from tfdcu.export.usage import javascript_program
from tfdcu.export.usage import kotlin_program


@pytest.fixture(scope="module")
def app(images, tmp_path_factory):
    """A folder of a gray model with pixels from -1 to 1."""
    folder = tmp_path_factory.mktemp("app")
    photos = 2 * images[..., :1] - 1
    files = export_all(
        tiny.plain_net(),
        folder,
        photos,
        classes=CLASSES,
        value_range=(-1, 1),
        formats=("int8",),
        targets=("web", "microcontroller"),
    )
    write_app_files(files, photos)
    return folder


def blocks(folder, language):
    text = (folder / "USE.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def test_the_python_in_it_runs_and_gives_the_scores_that_are_written(app):
    code = blocks(app, "python")[0]
    label, scores = run_python(code, app).strip().split(" ", 1)
    expected = json.loads((app / "example.json").read_text())["files"]
    expected = expected["student_web.tflite"]
    assert label == expected["class"]
    received = list(eval(scores).values())
    np.testing.assert_allclose(received, expected["probabilities"], atol=1e-4)


def test_labels_and_example_are_of_the_files(app):
    assert (app / "labels.txt").read_text().split() == list(CLASSES)
    example = json.loads((app / "example.json").read_text())
    assert set(example["files"]) == {p.name for p in app.glob("*.tflite")}
    for name, scores in example["files"].items():
        kind = LiteRTModel(app / name).output
        index = int(np.argmax(scores[kind]))
        assert scores["class"] == CLASSES[index]


def test_the_table_says_what_each_file_takes_and_is_for(app):
    text = (app / "USE.md").read_text()
    assert "| `student_int8.tflite` | float32 | float32 logits | – |" in text
    row = "`student_microcontroller.tflite` | int8 | int8 probabilities | "
    assert row + "android, microcontroller, ethos-u |" in text
    assert "None of these files is for MediaPipe" in text


@pytest.mark.parametrize("program", [kotlin_program, javascript_program])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("value_range", "scaled"),
    [
        ((0, 1), ") / 255|] / 255"),
        ((-1, 1), "* 2f - 1f|* 2 - 1"),
        ((0, 255), "* 255f|* 255"),
    ],
)
def test_programs_scale_bytes_to_the_value_range(
    program, channels, value_range, scaled, tmp_path
):
    images = tiny.images(8, channels=channels)
    (path,) = export_all(
        tiny.linear_net(channels=channels),
        tmp_path,
        images,
        formats=("float32",),
    ).values()
    text = program(LiteRTModel(path), value_range)
    assert any(part in text for part in scaled.split("|"))
    assert ("0.114" in text) is (channels == 1)
    assert path.name in text and "{" + "name" not in text


@pytest.mark.parametrize("labels", [1, 3])
def test_labels_are_compared_with_a_threshold(labels, tmp_path):
    photos = tiny.images(8)
    net = tiny.plain_net(num_classes=labels)
    model = keras.Model(net.input, keras.ops.sigmoid(net.output))
    files = export_all(
        model, tmp_path, images=photos, formats=("float32",), min_agreement=0
    )
    write_app_files(files, photos)
    code = blocks(tmp_path, "python")[0]
    printed = run_python(code, tmp_path)
    (about,) = json.loads((tmp_path / "example.json").read_text())[
        "files"
    ].values()
    held = [share > 0.5 for share in about["probabilities"]]
    assert printed.startswith(f"{held} {{0: ")
    assert about["labels"] == np.flatnonzero(held).tolist()
    (kotlin,) = blocks(tmp_path, "kotlin")
    assert "scores.indices.filter { scores[it] > 0.5f }" in kotlin


def test_files_without_their_json_are_refused(app, tmp_path):
    bare = tmp_path / "a.tflite"
    bare.write_bytes((app / "student_int8.tflite").read_bytes())
    with pytest.raises(ValueError, match="nothing to describe"):
        write_app_files({"int8": bare}, tiny.images(2))
    with pytest.raises(ValueError, match="nothing to describe"):
        write_app_files({}, tiny.images(2))


def test_images_that_are_no_photos_have_no_example(tmp_path):
    images = tiny.images(8, channels=4)
    files = export_all(
        tiny.linear_net(channels=4), tmp_path, images, formats=("float32",)
    )
    written = write_app_files(files, images)
    assert [path.name for path in written] == ["USE.md"]
