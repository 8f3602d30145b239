# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
# ---

# %% [markdown]
# # Compress an image classifier with few labels and unlabeled images
#
# You have a trained classifier that is too big for a phone, a few labeled
# images, and images of other things without labels. We remove most of its
# channels, reconstruct the rest, train it to mimic the original, and write a
# LiteRT file.
#
# The images here are small and embedded: scans of handwritten digits, and a
# pool of *printed* letters and digits. For photos, replace `"digits"` by
# `"folder:photos/labeled"` and `"printed"` by `"folder:photos/pool"`, and load
# your own classifier. It takes about two minutes on two CPU cores.
#
# It opens as a notebook: `jupytext --to notebook
# compress_a_photo_classifier.py`.

# %% [markdown]
# ## Setup

# %%
import keras

import tfdcu

keras.utils.set_random_seed(0)

# %% [markdown]
# ## The teacher
#
# Any functional Keras classifier, or the path of one: `.keras` or `.h5`. We
# train a small one.

# %%
tfdcu.train_teacher(
    "example/teacher.keras",
    model="digits",
    labeled="digits",
    augment="shift",
    training={"epochs": 20},
)
teacher = tfdcu.models.load("example/teacher.keras")
print(tfdcu.profile(teacher))
print(tfdcu.evaluate(teacher, "digits", split="test"))

# %% [markdown]
# ## The images
#
# Five labeled images of each class, and the pool. The labels of the pool, if it
# has any, are not used.

# %%
labeled, _ = tfdcu.data.few_labels("digits", per_class=5)
pool = tfdcu.data.open_source("printed", labeled=False)
images = tfdcu.data.images_of(pool, 512)
print(labeled.num_images, "labeled,", pool.num_images, "unlabeled images")

# %% [markdown]
# ## Does the pool suit the teacher?
#
# It need not hold the same classes. It should not be all of one class for the
# teacher, or of other colors.

# %%
diagnosis = tfdcu.diagnose(teacher, labeled, pool)
print(*tfdcu.format_diagnosis(diagnosis), sep="\n")

# %% [markdown]
# ## Prune
#
# At most an eighth of the multiply-accumulates. Which channels are least
# important is found on the pool, and the remaining weights are reconstructed by
# least squares to give the teacher's activations. This needs no labels and no
# training.

# %%
student = tfdcu.prune_channels(teacher, macs=1 / 8, images=images)
print(tfdcu.profile(student))
print(tfdcu.evaluate(student, "digits", split="test", against=teacher))

# %% [markdown]
# ## Train the student to mimic the teacher
#
# In each step: cross-entropy on the labeled images, divergence from the
# teacher on all images, and alignment of the low-level features of both pools.
# It is a Keras model: callbacks, optimizers and `fit` are as ever.

# %%
model = tfdcu.AlignedDistiller(student, teacher)
model.compile(keras.optimizers.Adam(3e-3), metrics=["accuracy"])
model.fit(
    tfdcu.data.training_batches(labeled, pool, augment="shift"),
    epochs=10,
    verbose=2,
)
print(tfdcu.evaluate(student, "digits", split="test", against=teacher))

# %% [markdown]
# ## Export, and check the file
#
# The file is written only after the LiteRT interpreter ran it and it agreed
# with the student.

# %%
tfdcu.export_litert(
    student, "example/student.tflite", quantization="int8", calibration=images
)
for path in ("example/teacher.keras", "example/student.tflite"):
    print(path, tfdcu.evaluate(path, "digits", split="test"))
print(tfdcu.export.file_sizes("example/student.tflite"))

# %% [markdown]
# ## All of it in one call
#
# `tfdcu.compress` does the same in stages that survive a kill, exports several
# formats, times them against the teacher, and writes a report with figures.

# %%
report = tfdcu.compress(
    "example/teacher.keras",
    "digits",
    "printed",
    test="digits",
    data={"labels_per_class": 5, "test_split": "test"},
    batches={"augment": "shift"},
    channels={"macs": 1 / 8},
    training={"epochs": 10},
    workdir="example/run",
)
for row in report["rows"]:
    print(row["name"], row["format"], row["accuracy"], row["bytes"])
