"""A training loop of your own: stored targets and a GradientTape.

    python examples/own_training_loop.py

The teacher's logits are stored once, for two augmented views of each image;
the loop then trains without the teacher. About one minute on two CPU cores.
"""

import keras
import tensorflow as tf

import tfdcu

EPOCHS, VIEWS, TEMPERATURE = 4, 2, 4.0

tfdcu.train_teacher(
    "example/teacher.keras",
    model="digits",
    labeled="digits",
    augment="shift",
    training={"epochs": 20},
)
teacher = tfdcu.models.load("example/teacher.keras")
pool = tfdcu.data.open_source("printed", labeled=False)
stored = tfdcu.teacher_targets(
    teacher, pool, "example/targets", views=VIEWS, augment="shift"
)
batches = tfdcu.data.training_batches(
    None,
    pool,
    EPOCHS,
    views=VIEWS,
    targets=stored,
    augment="shift",
    batch_size=64,
)

images = tfdcu.data.images_of(pool, 256)
student = tfdcu.prune_channels(teacher, params=1 / 8, images=images)
optimizer = keras.optimizers.Adam(3e-3)


@tf.function
def step(images, logits):
    """One update; returns the divergence from the teacher."""
    with tf.GradientTape() as tape:
        log_student = tf.nn.log_softmax(student(images) / TEMPERATURE)
        wanted = tf.nn.softmax(logits / TEMPERATURE)
        gap = tf.math.log(wanted + 1e-9) - log_student  # (batch, classes)
        loss = TEMPERATURE**2 * tf.reduce_mean(
            tf.reduce_sum(wanted * gap, axis=-1)
        )
    variables = student.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return loss


for number, (_, images, (logits,)) in enumerate(batches):
    loss = step(images, logits)
    if number % 50 == 0:
        print(f"step {number}: {float(loss):.3f}")

print(tfdcu.evaluate(student, "digits", split="test", against=teacher))
