"""The JSON file has all that is needed to run the LiteRT file."""

import hashlib
import json
import os

import numpy as np
import pytest

from tests.export.conftest import CLASSES
from tfdcu.export import LiteRTModel


@pytest.mark.parametrize("name", ["float32", "float16", "dynamic", "int8"])
def test_the_program_in_it_runs(name, paths, images, monkeypatch):
    monkeypatch.chdir(paths[name].parent)
    about = json.loads(paths[name].with_suffix(".json").read_text())
    artifact = LiteRTModel(paths[name])
    for image in images[:8]:
        scope = {"image": image}
        exec(about["usage"], scope)
        assert scope["label"] == CLASSES[artifact(image[None]).argmax()]


def test_facts(paths):
    about = json.loads(paths["int8"].with_suffix(".json").read_text())
    content = paths["int8"].read_bytes()
    assert about["file"] == paths["int8"].name
    assert about["format"] == "int8"
    assert about["bytes"] == len(content)
    assert about["sha256"] == hashlib.sha256(content).hexdigest()
    assert about["classes"] == list(CLASSES)
    assert about["input_shape"] == [1, 8, 8, 3]
    assert about["value_range"] == [0, 1]
    assert about["quantization"] == LiteRTModel(paths["int8"]).quantization
    assert about["check"]["agreement"] >= about["check"]["min_agreement"]
    assert about["versions"]["keras"][0].isdigit()


def test_it_contains_no_local_path(paths):
    text = paths["int8"].with_suffix(".json").read_text()
    assert str(paths["int8"].parent) not in text
    assert os.path.expanduser("~") not in text.replace("\\n", "")


def test_numbers_are_plain_json(paths):
    for path in paths.values():
        text = path.with_suffix(".json").read_text()
        about = json.loads(text, parse_constant=pytest.fail)
        assert np.isfinite(about["check"]["max_difference"])
