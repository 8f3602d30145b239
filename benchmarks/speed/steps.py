"""Rows 1 and 2: a step of `fit` against the limit, and against Keras' own."""

import keras
import tensorflow as tf

import tfdcu
from benchmarks.speed.turns import calling
from benchmarks.speed.turns import fitting
from benchmarks.speed.turns import in_turns
from benchmarks.speed.turns import ratio
from benchmarks.speed.workload import sgd
from tfdcu.graph.fused import Forward


def limit(workload):
    """Row 1: `fit` against the bare compiled student and teacher."""
    images, labels = fixed_batch(workload)
    teacher = tf.function(workload.new_teacher(), autograph=False)
    stored = aligned(workload, None)
    variants = {
        "limit": calling(bare_step(workload.new_student()), images, labels),
        "limit, norms fused": calling(
            bare_step(workload.new_student(), Forward), images, labels
        ),
        "fit, stored targets": fitting(
            stored, workload.batches(workload.targets), workload.warmup
        ),
        "fit, stored targets, one fixed batch": fitting(
            stored,
            repeated(workload.batches(workload.targets)),
            workload.warmup,
        ),
        "one teacher forward": calling(teacher, images),
        "fit, live teacher": fitting(
            aligned(workload, workload.new_teacher()),
            workload.batches(),
            workload.warmup,
        ),
    }
    seconds = in_turns(variants, workload.turns, workload.steps)
    both = zip(seconds["limit"], seconds["one teacher forward"])
    live = seconds["fit, live teacher"]
    return {
        "title": "images/s of `fit` against the limit",
        "seconds a step": seconds,
        "images a step": 2 * workload.batch_size,
        "ratios": {
            "stored targets / limit": ratio(
                seconds["limit"], seconds["fit, stored targets"], 0.93
            ),
            "stored targets / limit, norms fused": ratio(
                seconds["limit, norms fused"], seconds["fit, stored targets"]
            ),
            "live teacher / limit with one teacher forward": ratio(
                [step + forward for step, forward in both], live, 0.93
            ),
            "stored targets without an input pipeline / limit": ratio(
                seconds["limit"],
                seconds["fit, stored targets, one fixed batch"],
            ),
        },
    }


def keras_distiller(workload):
    """Row 2: against `keras.distillation.Distiller`, unlabeled images only."""
    targets = workload.batches(workload.targets, labeled=False)
    fresh = workload.batches(labeled=False)
    variants = {
        "Keras' Distiller": fitting(
            distiller(workload), fresh, workload.warmup
        ),
        "live teacher": fitting(
            aligned(workload, workload.new_teacher()), fresh, workload.warmup
        ),
        "stored targets": fitting(
            aligned(workload, None), targets, workload.warmup
        ),
    }
    seconds = in_turns(variants, workload.turns, workload.steps)
    theirs = seconds["Keras' Distiller"]
    return {
        "title": "images/s against `keras.distillation.Distiller`",
        "seconds a step": seconds,
        "images a step": workload.batch_size,
        "ratios": {
            "live teacher / Keras": ratio(theirs, seconds["live teacher"], 1.0),
            "stored targets / Keras": ratio(
                theirs, seconds["stored targets"], 1.4
            ),
        },
    }


def aligned(workload, teacher):
    """An `AlignedDistiller` on a student of its own, alignment on."""
    model = tfdcu.AlignedDistiller(workload.new_student(), teacher)
    model.compile(sgd(), metrics=["accuracy"])
    return model


def distiller(workload):
    """Keras' own, its loss repaired: its default never takes a softmax."""
    model = keras.distillation.Distiller(
        workload.new_teacher(),
        workload.new_student(),
        keras.distillation.LogitsDistillation(
            4.0, loss=keras.losses.KLDivergence()
        ),
        student_loss_weight=0.0,
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(sgd(), loss=loss)
    return model


def bare_step(student, forward=lambda student: student):
    """Forward, backward and update, compiled, and nothing besides."""
    optimizer, forward = sgd(), forward(student)
    weights = student.trainable_weights
    optimizer.build(weights)

    @tf.function(autograph=False)
    def step(images, labels):
        with tf.GradientTape() as tape:
            logits = forward(images, training=True)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            )
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
        return loss

    return step


def fixed_batch(workload):
    """Images of a whole batch, and labels for all of them."""
    (images, labels), pool = next(iter(workload.batches()))
    return tf.concat([images, pool], 0), tf.tile(labels, [2])


def repeated(batches):
    """The first batch, again and again: no input pipeline."""
    (first,) = batches.take(1)
    return tf.data.Dataset.from_tensors(first)
