"""Laws of the stage that trains the student."""

import dataclasses

from tests.support import tiny
from tests.support.runs import run_of
from tfdcu import data
from tfdcu.models import at_size
from tfdcu.stages.distill import build_distiller


def test_what_comes_of_the_teacher_follows_its_features():
    teacher = tiny.plain_net()
    splits = data.prepare(None, tiny.images(16), 4, image_shape=(8, 8, 1))
    run = run_of(teacher, splits)
    # Smaller images alone, all channels kept.
    student = at_size(teacher, (6, 6, 1))
    model = build_distiller(run, student)
    assert model.feature_layers == {"relu2": "relu2"}
    given = dataclasses.replace(run, given_student=student)
    assert build_distiller(given, student).feature_layers == {}
