"""Every argument of every public function: what does not fit is refused.

The arguments are read from the signatures. Each is given every odd value but
those that it takes; the error says the argument's name in three parts, and
comes before any work.
"""

import inspect
import re
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf

import tfdcu
import tfdcu.search.search
from tests.support import tiny
from tests.support.odd import not_among
from tests.support.odd import says
from tfdcu.stages.config import SECTIONS

ROOT = Path(__file__).parents[1]
NUMBER, TEXT, SECTION = "zero fraction huge", "empty text", "dict none"
# What an argument takes, wherever it stands; nothing of the above if it is not
# among them.
TAKES = {
    "against": "none",
    "align_weight": NUMBER,
    "augment": "none",
    "baseline": "true",
    "batch_size": "huge",
    "calibration": "none",
    "classes": "none",
    "custom_objects": "dict fields none",
    "data_dir": f"{TEXT} none",
    "epochs": "huge none",
    "feature_weight": NUMBER,
    "freeze_batchnorm": "true none",
    "image_shape": "none",
    "images": "none",
    "label_shape": "list dict none",
    "label_weight": NUMBER,
    "labeled": "none",
    "labeled_batch_size": "huge none",
    "labeled_views": "zero huge none",
    "latency": f"{NUMBER} none",
    "layer": "none",
    "limits": SECTION,
    "macs": f"{NUMBER} none",
    "match_colors": "true",
    "max_trials": "huge",
    "max_winners": "huge",
    "measure": "none",
    "mimic": "dict",
    "mimic_weight": NUMBER,
    "min_agreement": f"{NUMBER} none",
    "mirror": "true",
    "num": "huge none",
    "num_threads": "huge",
    "params": f"{NUMBER} none",
    "path": TEXT,
    "preprocess": "none",
    "quality": "none",
    "quantization": "none",
    "renew": "true",
    "reconstruct": "true none",
    "round_to": "huge",
    "rounds": "huge none",
    "runs": "huge",
    "scale": NUMBER,
    "seed": "zero",
    "shard_size": "huge",
    "shared": "true",
    "sparse": "true",
    "split": f"{TEXT} none",
    "student": "none",
    "temperature": "fraction huge",
    "test": "none",
    "test_split": f"{TEXT} none",
    "labeled_split": f"{TEXT} none",
    "tradeoff": NUMBER,
    "top_k": "none",
    "unlabeled_split": f"{TEXT} none",
    "validation": "none",
    "validation_split": f"{TEXT} none",
    "verbose": "zero",
    "views": "zero huge",
    "width": "fraction",
    "workdir": "text",
    **dict.fromkeys(SECTIONS, SECTION),
}
# The same for one function, where it differs.
TAKES_HERE = {
    "data.open_source.classes": "names none",
    "data.open_source.labeled": "true",
    "train_teacher.labeled": "",
    "AlignedDistiller.align": "",
    "AlignedDistiller.align_layers": "none",
    "AlignedDistiller.feature_layers": "none",
    "AlignedDistiller.kept": "dict fields none",
    "AlignedDistiller.teacher": "none",
    "LiteRTModel.path": "",
    "Sparsify.begin_step": "zero huge",
    "Sparsify.end_step": "huge none",
    "Sparsify.exclude": "list names text",
    "Sparsify.final_sparsity": "zero",
    "Sparsify.frequency": "huge none",
    "Sparsify.layers": "names text none",
    "Sparsify.m_by_n": "none",
    "Sparsify.model": "none",
    "StudentHyperModel.space": "",
    "data.Targets.path": "",
    "data.few_labels.num_classes": "none",
    "data.few_labels.per_class": "huge none",
    "data.few_labels.validation_per_class": "zero huge",
    "data.hold_out.num": "",
    "data.images_of.seed": "zero none",
    "data.prepare.image_shape": "none",
    "data.prepare.labels_per_class": "huge none",
    "data.prepare.pool_validation": "zero none",
    "data.prepare.validation_per_class": "zero huge",
    "data.sample_of.seed": "zero none",
    "data.training_batches.cache": "true",
    "data.training_batches.targets": "none",
    "diagnose.num_images": "",
    "export_litert.num_images": "",
    "models.at_size.image_shape": "",
    "models.build.name": "",
    "models.build.seed": "zero none",
    "prune_channels.exclude": "list",
    "prune_channels.image_size": "none",
    "prune_channels.importance": "none",
    "prune_channels.per_layer": "dict none",
    "quantize_aware.images": "",
    "quantize_aware.weight_bits": "dict fields",
    "search.pool_share": "true",
    "teacher_targets.images": "",
    "teacher_targets.shard": "none",
    "teacher_targets.views": "",
    "train_teacher.model": "",
}
MODEL, FEW = tiny.plain_net(width=8), (tiny.images(12), tiny.labels(12))
POOL = tiny.images(20, seed=1)
OPENED = tfdcu.data.open_source(FEW)
JOB = {"teacher": MODEL, "labeled": FEW, "unlabeled": POOL}
SPACE = {"space": {"channels.macs": [0.5]}}
# What each public name is called with besides.
CALLS = {
    "AlignedDistiller": {"student": MODEL, "teacher": MODEL},
    "GradientReversal": {},
    "LiteRTModel": {"path": "none.tflite"},
    "Sparsify": {"model": MODEL, "final_sparsity": 0.5},
    "StudentHyperModel": {**JOB, **SPACE},
    "channel_groups": {"model": MODEL},
    "compress": {**JOB, "workdir": "new"},
    "data.Targets": {"path": "none"},
    "data.evaluation_batches": {"source": FEW},
    "data.few_labels": {"source": FEW},
    "data.hold_out": {"source": FEW, "num": 3},
    "data.images_of": {"source": OPENED},
    "data.match_colors": {"source": OPENED, "other": OPENED},
    "data.open_source": {"source": FEW},
    "data.prepare": {
        "labeled": FEW,
        "unlabeled": POOL,
        "num_classes": 4,
        "image_shape": (8, 8, 1),
    },
    "data.sample_of": {"source": OPENED},
    "data.training_batches": {"labeled": FEW, "unlabeled": POOL},
    "diagnose": JOB,
    "evaluate": {"model": MODEL, "source": FEW},
    "export_litert": {"model": MODEL, "path": "new.tflite"},
    "format_diagnosis": {"diagnosis": {}},
    "litert_latency": {"model": MODEL},
    "models.at_size": {"model": MODEL, "image_shape": (8, 8, 1)},
    "models.build": {"name": "digits", "num_classes": 4},
    "models.load": {"source": MODEL},
    "profile": {"model": MODEL},
    "prune_channels": {"model": MODEL, "macs": 0.5},
    "quantize_aware": {"model": MODEL, "images": POOL},
    "search": {**JOB, **SPACE, "workdir": "new"},
    "teacher_targets": {"teacher": MODEL, "images": POOL, "path": "new"},
    "train_teacher": {"path": "a.keras", "model": "digits", "labeled": FEW},
}
# What these are about needs no name.
ALONE = ("data.open_source.source", "models.load.source")
MADE_BY_OTHERS = ("data.Source", "data.Splits")


def public_names():
    """Those of the package, and those of its rooms that docs/api.md names."""
    for name in [*vars(tfdcu), "StudentHyperModel"]:
        if callable(getattr(tfdcu, name)) and not name.startswith("_"):
            yield name
    api = (ROOT / "docs/api.md").read_text("utf-8")
    yield from re.findall(r"^### tfdcu\.((?:data|models)\.\w+)$", api, re.M)


def function_of(name):
    *room, name = name.split(".")
    return getattr(getattr(tfdcu, *room) if room else tfdcu, name)


def arguments_of(name):
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    parameters = inspect.signature(function_of(name)).parameters.values()
    return [one.name for one in parameters if one.kind not in kinds]


class Work(BaseException):
    """Nothing of the library catches it."""


def work(*_, **__):
    raise Work


@pytest.fixture(scope="module")
def nothing_works():
    """Whatever takes time or writes is an error."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("fit", "predict", "predict_on_batch", "save"):
            patch.setattr(keras.Model, name, work)
        patch.setattr(tf.lite.TFLiteConverter, "from_saved_model", work)

        for name, function in (
            ("compress", "STAGES"),
            ("evaluate", "predictions"),
            ("pool.diagnose", "collect_outputs"),
            ("pool.targets", "view_batches"),
            ("pruning.prune", "plan_round"),
            ("quantization.quantize_aware", "calibrate"),
            ("search.search", "all_trials"),
        ):
            stub = (work,) if function == "STAGES" else work
            patch.setattr(sys.modules[f"tfdcu.{name}"], function, stub)
        yield


def test_every_public_name_is_called_here():
    assert {*public_names()} == {*CALLS, *MADE_BY_OTHERS}


def test_the_table_names_arguments_that_exist():
    all_of = {name: arguments_of(name) for name in CALLS}
    known = {one for arguments in all_of.values() for one in arguments}
    assert set(TAKES) <= known
    here = {f"{name}.{one}" for name in all_of for one in all_of[name]}
    assert set(TAKES_HERE) <= here


@pytest.mark.parametrize(
    ("name", "argument"),
    [(name, one) for name in CALLS for one in arguments_of(name)],
)
def test_what_does_not_fit_is_refused_by_name_before_work(
    name, argument, nothing_works, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    wrong = {}
    taken = TAKES_HERE.get(f"{name}.{argument}", TAKES.get(argument, ""))
    for odd, value in not_among(taken).items():
        try:
            function_of(name)(**{**CALLS[name], argument: value})
            wrong[odd] = "was taken"
        except ValueError as error:
            alone = f"{name}.{argument}" in ALONE
            if not says(str(error), argument, alone):
                wrong[odd] = error
        except (Exception, Work) as error:
            wrong[odd] = f"{type(error).__name__}: {error}"
    assert not wrong
    assert not list(tmp_path.iterdir())
