"""Build models by name."""

import difflib
import functools
import random

from tfdcu.models.applications import application
from tfdcu.models.applications import application_names
from tfdcu.models.digits import digits_net
from tfdcu.models.resnet import resnet
from tfdcu.models.vgg import vgg16_bn
from tfdcu.workdir.arguments import IMAGE_SHAPE
from tfdcu.workdir.arguments import check
from tfdcu.workdir.arguments import check_arguments

OURS = {
    "digits": digits_net,
    "resnet20": functools.partial(resnet, 20),
    "resnet32": functools.partial(resnet, 32),
    "resnet56": functools.partial(resnet, 56),
    "resnet110": functools.partial(resnet, 110),
    "vgg16_bn": vgg16_bn,
}


def build(
    name, *, num_classes, image_shape=None, width=1.0, seed=None, **options
):
    """A new classifier by name: images in [0, 1] to logits.

    Use it for a teacher to train, or for a student whose architecture
    differs from the teacher's. Does not change the global random state.

    Args:
        name: `"digits"`, `"resnet20"`, `"resnet32"`, `"resnet56"`,
            `"resnet110"`, `"vgg16_bn"` (see `digits_net`, `resnet` and
            `vgg16_bn`), or the name of any model function of
            `keras.applications`. Case-insensitive.
        num_classes: Number of logits, at least 1.
        image_shape: `(height, width, channels)`. Defaults to `(8, 8, 1)` for
            `"digits"` and `(32, 32, 3)` for the CIFAR nets; required for
            `keras.applications`.
        width: Factor on the number of channels, above 0. Defaults to 1.
        seed: Integer that determines the initial weights. `None` draws new
            weights at every call.
        **options: For `keras.applications` only: `weights=` (`None`,
            `"imagenet"` or a path; `None` by default) and other arguments of
            the model function.

    Returns:
        A functional `keras.Model`: float32 images in [0, 1],
        `(batch, height, width, channels)`, to float32 logits
        `(batch, num_classes)`. A layer inside converts the images to the pixel
        range of the network.

    Raises:
        ValueError: If the name is unknown or an argument is out of range.

    Example:

    ```python
    teacher = tfdcu.models.build("resnet56", num_classes=10, seed=0)
    student = tfdcu.models.build(
        "MobileNetV2", num_classes=10, image_shape=(96, 96, 3), width=0.35
    )
    ```
    """
    key, applications = check_name(name), _applications()
    check_arguments(("seed",), num_classes=num_classes, width=width, seed=seed)
    if image_shape is not None:
        check("image_shape", image_shape, IMAGE_SHAPE)
    if key in OURS:
        if options:
            raise ValueError(
                f"The model {key!r} has no other options. Expected: only "
                "num_classes, image_shape, width and seed. Received: "
                f"{', '.join(sorted(options))}"
            )
        make = OURS[key]
        if image_shape is not None:
            make = functools.partial(make, image_shape=tuple(image_shape))
    else:
        if image_shape is None:
            raise ValueError(
                "Models of keras.applications need an `image_shape`. Expected: "
                "e.g. image_shape=(224, 224, 3). Received: image_shape=None "
                f"for {applications[key]!r}"
            )
        make = functools.partial(
            application, applications[key], tuple(image_shape), **options
        )
    with _seeded(seed):
        return make(num_classes=num_classes, width=width)


def check_name(name):
    """The key of a model's name, if there is one.

    Args:
        name: As in `build`.

    Raises:
        ValueError: If there is no such model; the message names the nearest.
    """
    applications, key = _applications(), str(name).lower()
    if key not in OURS and key not in applications:
        raise ValueError(_unknown(name, key, applications))
    return key


def _applications():
    return {known.lower(): known for known in application_names()}


def _unknown(name, key, applications):
    near = difflib.get_close_matches(key, [*OURS, *applications], n=3)
    near = ", ".join(applications.get(known, known) for known in near)
    return (
        f"There is no model named {name!r}. Expected: one of "
        f"{', '.join([*OURS, *applications.values()])}. "
        f"Received: name={name!r}" + (f"; nearest: {near}" if near else "")
    )


class _seeded:
    """Seeds `random`, from which Keras seeds initializers, for a block."""

    def __init__(self, seed):
        self.seed = seed

    def __enter__(self):
        self.state = random.getstate()
        if self.seed is not None:
            random.seed(self.seed)

    def __exit__(self, *error):
        if self.seed is not None:
            random.setstate(self.state)
