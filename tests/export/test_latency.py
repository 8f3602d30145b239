"""Models run in turn, and the median time is returned."""

import importlib

import numpy as np
import pytest

from tests.support import tiny
from tfdcu.export import LiteRTModel
from tfdcu.export import export_litert
from tfdcu.export import latency
from tfdcu.export import latency_runs


class Recorded(LiteRTModel):
    """Notes whose turn it is."""

    turns = []

    def invoke(self):
        self.turns.append(self.path.name)
        super().invoke()


def test_models_take_turns_after_a_warm_up(paths):
    models = {name: Recorded(paths[name]) for name in ("float32", "int8")}
    Recorded.turns.clear()
    times = latency_runs(models, runs=3)
    one_round = 2 * ["student_float32.tflite"] + 2 * ["student_int8.tflite"]
    assert Recorded.turns[-12:] == 3 * one_round
    assert len(Recorded.turns) > 12 + 20
    assert {name: values.shape for name, values in times.items()} == {
        "float32": (3,),
        "int8": (3,),
    }


def test_latency_is_the_median(paths, monkeypatch):
    times = {"student": np.array([3.0, 1.0, 100.0])}
    # The room's name for the function hides the file of that name.
    module = importlib.import_module("tfdcu.export.latency")
    monkeypatch.setattr(module, "latency_runs", lambda *_, **__: times)
    assert latency({"student": paths["int8"]}) == {"student": 3.0}


def test_a_larger_model_takes_longer(paths, images, tmp_path):
    large = export_litert(
        tiny.plain_net(channels=3, width=128),
        tmp_path / "large.tflite",
        images=images,
    )
    measured = latency({"small": paths["int8"], "large": large}, runs=30)
    assert 0 < measured["small"] < measured["large"]


def test_images_are_the_input(paths, images):
    model = LiteRTModel(paths["float32"])
    latency({"student": model}, runs=1, images=images)
    expected = LiteRTModel(paths["float32"])(images[:1])[0]
    np.testing.assert_allclose(model.get_logits(), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("models", "runs", "message"),
    [({}, 1, "nothing to measure"), ({"a": "a.tflite"}, 0, "at least 1.*runs")],
)
def test_nothing_to_measure(models, runs, message):
    with pytest.raises(ValueError, match=message):
        latency(models, runs=runs)


def test_of_two_runs_only_the_second_is_timed_in_milliseconds(
    paths, monkeypatch
):
    module = importlib.import_module("tfdcu.export.latency")
    clock = [0.0]

    class Slow(LiteRTModel):
        """Each run takes a second more than the one before."""

        num_runs = 0

        def invoke(self):
            self.num_runs += 1
            clock[0] += self.num_runs

    monkeypatch.setattr(module.time, "perf_counter", lambda: clock[0])
    times = latency_runs({"student": Slow(paths["int8"])}, runs=2)
    # After 20 runs that warm up, the 22nd and the 24th are timed.
    np.testing.assert_allclose(times["student"], [22e3, 24e3])
