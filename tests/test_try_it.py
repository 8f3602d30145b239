"""The page that runs teacher and student in a browser."""

import json
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from tests.support import tiny
from tests.support.clients import BROWSER
from tests.support.clients import folder_of
from tfdcu.export import export_all
from tfdcu.export import write_app_files
from tfdcu_cli.commands import try_it

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder as a run leaves it, of which the student has a web file."""
    folder = tmp_path_factory.mktemp("run")
    images = tiny.images(100)
    for name, targets in (("teacher", ()), ("student", ("web",))):
        files = export_all(
            tiny.plain_net(),
            folder,
            images,
            name=name,
            formats=("float32",),
            targets=targets,
            classes=("ant", "bee", "cat", "dog"),
        )
    write_app_files(files, images)
    return folder


def test_the_students_file_for_the_web_is_shown(run):
    shown = try_it.describe(try_it.models_of(run))
    assert [model["file"] for model in shown] == [
        "teacher_float32.tflite",
        "student_web.tflite",
    ]
    assert [model["output"] for model in shown] == ["logits", "probabilities"]
    assert json.loads(json.dumps(shown))[0]["shape"] == [8, 8, 1]


def test_a_folder_without_a_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Expected: a folder with student_web"):
        try_it.models_of(tmp_path)


def test_files_that_do_not_classify_photos_are_refused(tmp_path):
    net = tiny.plain_net()
    features = net.get_layer("relu2").output
    several = {"map": features, "kind": net.output}
    for outputs, shape in ((features, "8, 8, 32"), (several, "'kind'")):
        model = keras.Model(net.input, outputs)
        export_all(model, tmp_path, tiny.images(100), formats=("float32",))
        with pytest.raises(ValueError, match=f"row of scores.*{shape}"):
            try_it.models_of(tmp_path)


def test_nothing_but_page_models_and_litertjs_is_served(run, tmp_path):
    modules = tmp_path / "node_modules"
    file = modules / "@litertjs" / "core" / "index.js"
    file.parent.mkdir(parents=True)
    file.touch()
    (tmp_path / "secret").touch()
    handler = try_it.Handler.__new__(try_it.Handler)
    handler.models, handler.modules = try_it.models_of(run), modules
    where = handler.translate_path
    assert where("/") == str(try_it.PAGE)
    assert where("/student_web.tflite") == str(run / "student_web.tflite")
    assert where("/node_modules/@litertjs/core/index.js") == str(file)
    for path in (
        "/student_float32.tflite",
        "/node_modules/../secret",
        "/../secret",
        "/try_it.py",
        "/node_modules/@litertjs/core/none.js",
    ):
        assert not Path(where(path)).exists(), path


def dumped(url, seconds):
    """A page as it stands after so many seconds of the browser's clock."""
    arguments = ("--headless", "--no-sandbox", "--disable-gpu", "--dump-dom")
    budget = f"--virtual-time-budget={1000 * seconds}"
    return subprocess.run(
        [BROWSER, *arguments, budget, url], capture_output=True, text=True
    ).stdout


@pytest.mark.slow
def test_the_page_classifies_the_example(run):
    if BROWSER is None:
        pytest.skip("needs chromium: apt-get install chromium")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "scripts.try_it",
            f"--workdir={run}",
            "--port=0",
            f"--litertjs={folder_of('web')}",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        url = re.search(r"http://\S+", process.stdout.readline())[0]
        # A browser's own clock runs ahead of a busy machine.
        for seconds in (30, 300, 3000):
            shown = dumped(url, seconds)
            if "data-ready" in shown:
                break
    finally:
        process.terminate()
        process.wait()
    assert 'data-ready="true"' in shown
    expected = json.loads((run / "example.json").read_text())["files"]
    name = expected["student_web.tflite"]["class"]
    assert re.findall(r'<p class="class">(\w+)</p>', shown) == [name] * 2
    assert "student_web.tflite" in shown
