"""The examples of the ablation: a teacher, few labels and a pool."""

import dataclasses
import functools

import tfdcu
from tfdcu_cli.configs import cifar10_resnet56
from tfdcu_cli.configs import digits

# The budget of the ablation.
CHANNELS = {"cifar10": {"macs": 0.47}, "digits": {}}
# Images of the pool that are held out of it: agreement on them may choose.
HELD_OUT = {"cifar10": 1000, "digits": 500}


@dataclasses.dataclass(frozen=True)
class Example:
    """An example and where its parts are.

    Attributes:
        name: `"cifar10"` or `"digits"`.
        teacher: Path of the trained teacher.
        data_dir: TFDS folder, or `None`.
        labels_per_class: How many labels a class the ablation has.
        label_epochs: Epochs of the steps that see labeled images only.
        augment: The usual views of such images, those of steps 1 to 4.
        last_layer: Name of the student's last features before the pooling.
    """

    name: str
    teacher: str
    data_dir: str | None
    labels_per_class: int
    label_epochs: int
    augment: str
    last_layer: str

    def config(self, seed):
        """The config that all steps start from, a plain dict."""
        module = {"cifar10": cifar10_resnet56, "digits": digits}[self.name]
        config = module.get_config().to_dict()
        config.pop("train_teacher", None)
        config["data"]["data_dir"] = self.data_dir
        config["data"]["labels_per_class"] = self.labels_per_class
        config["data"]["pool_validation"] = HELD_OUT[self.name]
        config["channels"] |= CHANNELS[self.name]
        config["export"]["formats"] = ("float32", "int8")
        return config | {
            "teacher": self.teacher,
            "seed": seed,
            "baseline": False,
        }

    @functools.cached_property
    def training_images(self):
        """The images that the teacher was trained on, labeled."""
        config = self.config(0)
        return tfdcu.data.open_source(
            config["labeled"],
            split=config["data"]["labeled_split"],
            data_dir=self.data_dir,
        )

    def few(self, seed):
        """The labeled images of a seed, the same as `compress` draws."""
        few, _ = tfdcu.data.few_labels(
            self.training_images, per_class=self.labels_per_class, seed=seed
        )
        return few


def cifar10(teacher, data_dir):
    """CIFAR-10's ResNet-56 with 50 labels a class and Tiny ImageNet."""
    return Example(
        "cifar10", teacher, data_dir, 50, 50, "flip_crop", "stage3_block9_out"
    )


def digits_example(teacher):
    """Handwritten digits with 5 labels a class and printed characters."""
    return Example("digits", teacher, None, 5, 600, "shift", "block3_relu")
