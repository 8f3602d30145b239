"""The command `tfdcu export` knows what a run's student was trained on."""

import json
import types

from tfdcu.workdir.own_files import record_files
from tfdcu_cli.commands import export


def given(model, **flags):
    return types.SimpleNamespace(
        **{"model": str(model), "classes": None, "value_range": None, **flags}
    )


def test_a_student_has_the_classes_and_pixels_of_its_run(tmp_path):
    model = tmp_path / "student.keras"
    assert export.stated(given(model)) == (None, (0.0, 1.0))
    config = {"data": {"value_range": [-1.0, 1.0]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    # Another program's, until the model is listed as a file of a run.
    assert export.stated(given(model)) == (None, (0.0, 1.0))
    model.touch()
    record_files(tmp_path, [model.name])
    (tmp_path / "labels.txt").write_text("caf\u00e9\nbar\n", "utf-8")
    assert export.stated(given(model)) == (["caf\u00e9", "bar"], [-1.0, 1.0])
    own = given(model, classes=["a", "b"], value_range=["0", "255"])
    assert export.stated(own) == (["a", "b"], ["0", "255"])
