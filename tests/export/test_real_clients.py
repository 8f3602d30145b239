"""Files run in the programs that apps use, not in Python's interpreter alone.

`./scripts/check.sh --slow` installs these. docs/deploy.md has the table.
"""

import json
import re
import subprocess

import keras
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

import tfdcu
from tests.support import tiny
from tests.support.clients import folder_of
from tests.support.clients import run_in_browser
from tests.support.clients import run_python
from tfdcu.export import ALL_FORMATS
from tfdcu.export import CLIENTS
from tfdcu.export import LiteRTModel
from tfdcu.export import client_misfits
from tfdcu.export import export_all
from tfdcu.export import export_litert
from tfdcu.export import runs_compiled
from tfdcu.export import write_app_files

pytestmark = pytest.mark.slow

NUM = 50


@pytest.fixture(scope="module")
def digits():
    """(images, labels) of test digits, float32 (50, 8, 8, 1)."""
    source = tfdcu.data.open_source("digits", split="test")
    return tfdcu.data.images_of(source, NUM)


@pytest.fixture(scope="module")
def app(tmp_path_factory, digits):
    """A folder of files of a teacher of digits and its student."""
    folder = tmp_path_factory.mktemp("app")
    teacher = tfdcu.train_teacher(
        folder / "teacher.keras",
        model="digits",
        labeled="digits",
        training={"epochs": 5},
    )
    teacher = tfdcu.models.load(folder / "teacher.keras")
    source = tfdcu.data.open_source("digits", labeled=False)
    images = tfdcu.data.images_of(source, 256)
    student = tfdcu.prune_channels(teacher, macs=0.3, images=images)
    classes = [f"digit {n}" for n in range(10)]
    for name, model in (("teacher", teacher), ("student", student)):
        files = export_all(
            model,
            folder,
            images,
            classes=classes,
            name=name,
            formats=ALL_FORMATS,
            targets=("web", "android", "microcontroller", "ethos-u"),
        )
        for io in ("uint8", "int8"):
            export_litert(
                model,
                folder / f"{name}_int8_{io}.tflite",
                "int8",
                images,
                io=io,
                classes=classes,
            )
    write_app_files(files, images)
    export_all(
        tfdcu.quantize_aware(student, images=images, weight_bits=4),
        folder,
        images,
        name="four",
        formats=("int8_weight4",),
        targets=("web", "android", "microcontroller"),
    )
    return folder


def names_of(app, *kinds):
    return [
        f"{owner}_{kind}.tflite"
        for owner in ("teacher", "student")
        for kind in kinds
    ]


def choices_of(path, images):
    return LiteRTModel(path)(images).argmax(-1).tolist()


MODULE = """
import { Tensor, loadAndCompile, loadLiteRt } from "@litertjs/core";
await loadLiteRt("node_modules/@litertjs/core/wasm/");
const { names, images, shape } = await (await fetch("job.json")).json();
const found = {};
for (const name of names) {
  try {
    const model = await loadAndCompile(name, { accelerator: "wasm" });
    const kind = model.getInputDetails()[0].dtype;
    found[name] = [];
    for (const image of images) {
      const values = kind === "uint8"
        ? Uint8Array.from(image, (x) => Math.round(255 * x))
        : Float32Array.from(image);
      const [output] = await model.run(new Tensor(values, shape));
      const scores = Array.from(await output.data());
      found[name].push(scores.indexOf(Math.max(...scores)));
    }
  } catch (error) {
    found[name] = String(error);
  }
}
await say(found);
"""


def test_a_browser_runs_float_and_uint8_files_and_refuses_int8(app, digits):
    ran = names_of(app, *ALL_FORMATS, "int8_uint8", "web")
    ran += ["four_int8_weight4.tflite", "four_web.tflite"]
    refused = names_of(app, "int8_int8", "microcontroller")
    job = {
        "names": ran + refused,
        "images": digits.reshape(NUM, -1).tolist(),
        "shape": [1, *digits.shape[1:]],
    }
    (app / "job.json").write_text(json.dumps(job))
    found = run_in_browser(app, MODULE)
    for name in ran:
        same = np.mean(np.equal(found[name], choices_of(app / name, digits)))
        # Integers of another processor may round a tie to the other side.
        assert same == 1 if "int8" not in name else same >= 0.98, name
    for name in refused:
        assert isinstance(found[name], str) and "INT8" in found[name].upper()


SEVERAL = """
import { Tensor, loadAndCompile, loadLiteRt } from "@litertjs/core";
await loadLiteRt("node_modules/@litertjs/core/wasm/");
const { names, image, shape } = await (await fetch("several.json")).json();
const found = {};
for (const name of names) {
  const model = await loadAndCompile(name, { accelerator: "wasm" });
  const outputs = await model.run(new Tensor(Float32Array.from(image), shape));
  const details = model.getOutputDetails();
  found[name] = {};
  for (let i = 0; i < outputs.length; i++) {
    found[name][details[i].name] = Array.from(await outputs[i].data());
  }
}
await say(found);
"""


def test_a_browser_gives_all_outputs_by_name(tmp_path):
    net = tiny.plain_net()
    outputs = {"kind": net.output, "map": net.get_layer("relu2").output}
    model = keras.Model(net.input, outputs)
    images = tiny.images(100)
    files = export_all(model, tmp_path, images, formats=("float32", "int8"))
    job = {
        "names": [path.name for path in files.values()],
        "image": images[0].ravel().tolist(),
        "shape": [1, *images.shape[1:]],
    }
    (tmp_path / "several.json").write_text(json.dumps(job))
    found = run_in_browser(tmp_path, SEVERAL)
    for path in files.values():
        for name, values in LiteRTModel(path)(images[:1]).items():
            received, slack = found[path.name][name], 0.02 * values.max()
            np.testing.assert_allclose(received, values.ravel(), atol=slack)


def test_the_javascript_in_use_md_runs(app):
    text = (app / "USE.md").read_text()
    (code,) = re.findall(r"```javascript\n(.*?)```", text, re.S)
    call = """
    const photo = new Image();
    photo.src = "example.jpg";
    await photo.decode();
    await say(await classify(photo));
    """
    scores = run_in_browser(app, code + call)
    example = json.loads((app / "example.json").read_text())["files"]
    expected = example["student_web.tflite"]["probabilities"]
    np.testing.assert_allclose(scores, expected, atol=0.02)


CLASSIFIER = """
import json, sys
import mediapipe as mp
import numpy as np
from mediapipe.tasks.python import BaseOptions, vision

images = np.load(sys.argv[1])
found = {}
for name in sys.argv[2:]:
    try:
        options = vision.ImageClassifierOptions(
            base_options=BaseOptions(model_asset_path=name))
        with vision.ImageClassifier.create_from_options(options) as classifier:
            found[name] = []
            for image in images:
                photo = mp.Image(mp.ImageFormat.SRGB, image)
                (head,) = classifier.classify(photo).classifications
                top = head.categories[0]
                found[name].append([top.category_name, top.score])
    except Exception as error:
        found[name] = str(error)
print(json.dumps(found))
"""


def test_mediapipe_names_the_class_of_photos(tmp_path):
    model = tiny.linear_net(size=64, channels=3)
    # Pieces of the two photos that come with scikit-learn, in random order.
    pixels = np.concatenate(
        [
            photo[top : top + 64, left : left + 64][None]
            for photo in load_sample_images().images
            for top in range(0, 364, 60)
            for left in range(0, 577, 64)
        ]
    )
    pixels = np.random.default_rng(0).permutation(pixels)
    images = pixels.astype("float32") / 255
    classes = ("ant", "bee", "cat", "dog")
    files = export_all(
        model,
        tmp_path,
        images,
        classes=classes,
        formats=ALL_FORMATS,
        targets=("mediapipe", "microcontroller"),
    )
    files["uint8"] = export_litert(
        model,
        tmp_path / "uint8.tflite",
        "int8",
        images,
        io="uint8",
        output="probabilities",
        classes=classes,
    )
    np.save(tmp_path / "photos.npy", pixels[:20])
    found = run_python(
        "mediapipe", CLASSIFIER, tmp_path / "photos.npy", *files.values()
    )
    for kind in ("mediapipe", "uint8", *ALL_FORMATS):
        expected = LiteRTModel(files[kind])(images[:20])
        answers = found[str(files[kind])]
        names = [classes[index] for index in expected.argmax(-1)]
        assert len(set(names)) > 1
        assert [name for name, _ in answers] == names
        scores = [score for _, score in answers]
        np.testing.assert_allclose(scores, expected.max(-1), atol=0.01)
    assert "uint8/float32" in found[str(files["microcontroller"])]


MICRO = """
import json, sys
import numpy as np
from tflite_micro import runtime

images = np.load(sys.argv[1])
found = {}
for name in sys.argv[2:]:
    try:
        interpreter = runtime.Interpreter.from_file(name)
        taken = interpreter.get_input_details(0)
        given = interpreter.get_output_details(0)
        choices = []
        for image in images[:, None]:
            if taken["dtype"] == np.int8:
                (scale,), (zero,) = (
                    taken["quantization_parameters"][key]
                    for key in ("scales", "zero_points"))
                image = np.clip(np.round(image / scale) + zero, -128, 127)
            interpreter.set_input(image.astype(taken["dtype"]), 0)
            interpreter.invoke()
            choices.append(int(interpreter.get_output(0).argmax()))
        found[name] = choices
    except Exception as error:
        found[name] = str(error)
print(json.dumps(found))
"""


def test_tflite_micro_runs_the_file_for_microcontrollers(app, digits, tmp_path):
    np.save(tmp_path / "digits.npy", digits)
    refused = ("float16", "dynamic")
    names = names_of(
        app, "microcontroller", "int8", "int8_int8", "web", "float32", *refused
    )
    names += ["four_microcontroller.tflite", "four_int8_weight4.tflite"]
    found = run_python(
        "micro",
        MICRO,
        tmp_path / "digits.npy",
        *(app / name for name in names),
    )
    for name in names:
        answers = found[str(app / name)]
        if any(kind in name for kind in refused):
            assert isinstance(answers, str), name
            continue
        same = np.mean(np.equal(answers, choices_of(app / name, digits)))
        assert same >= 0.98, name


def test_its_arena_is_small(app):
    program = (
        "import sys; from tflite_micro import runtime\n"
        "runtime.Interpreter.from_file(sys.argv[1]).print_allocations()"
    )
    python = folder_of("micro") / "bin" / "python"
    path = app / "student_microcontroller.tflite"
    process = subprocess.run(
        [python, "-c", program, path], capture_output=True, text=True
    )
    said = process.stdout + process.stderr
    (size,) = re.findall(r"allocation total (\d+) bytes", said)
    assert int(size) < 20_000


@pytest.mark.parametrize("owner", ["teacher", "student"])
def test_vela_compiles_all_of_the_file_for_ethos_u(owner, app, tmp_path):
    vela = folder_of("vela") / "bin" / "vela"
    found = {}
    for kind in ("ethos-u", "int8"):
        process = subprocess.run(
            [
                vela,
                app / f"{owner}_{kind}.tflite",
                "--accelerator-config=ethos-u55-128",
                f"--output-dir={tmp_path}",
            ],
            capture_output=True,
            text=True,
        )
        assert process.returncode == 0, process.stderr
        (share,) = re.findall(r"NPU operators = \d+ \((.*)%\)", process.stdout)
        found[kind] = float(share)
    assert found["ethos-u"] == 100 > found["int8"]


def test_vela_compiles_no_weights_of_4_bits(app, tmp_path):
    path = app / "four_microcontroller.tflite"
    process = subprocess.run(
        [folder_of("vela") / "bin" / "vela", path, f"--output-dir={tmp_path}"],
        capture_output=True,
    )
    assert process.returncode
    (reason,) = client_misfits(path)["ethos-u"]
    assert "4 bits" in reason


def test_compiled_model_runs_each_file_whole(app):
    files = [
        app / name for name in names_of(app, *ALL_FORMATS, "web", "android")
    ]
    assert runs_compiled(files) == dict.fromkeys(files, "")
    four = [app / "four_int8_weight4.tflite", app / "four_android.tflite"]
    slower = runs_compiled(four)
    assert all("slower path" in slower[path] for path in four)
    assert set(CLIENTS) >= {"web", "android"}
