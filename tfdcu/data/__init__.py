"""Image sources, splits with few labels and training batches."""

from tfdcu.data.augment.augment import resolve as check_augment
from tfdcu.data.batches import evaluation_batches
from tfdcu.data.batches import steps_per_epoch
from tfdcu.data.batches import training_batches
from tfdcu.data.color_match import color_levels
from tfdcu.data.color_match import match_colors
from tfdcu.data.color_match import mean_and_deviation
from tfdcu.data.fingerprint import describe_views
from tfdcu.data.junk import count_junk
from tfdcu.data.junk import junk_kinds
from tfdcu.data.junk import junk_measures
from tfdcu.data.prepare import Splits
from tfdcu.data.prepare import prepare
from tfdcu.data.sample import images_of
from tfdcu.data.sample import sample_of
from tfdcu.data.sources.arrays import check_classes
from tfdcu.data.sources.arrays import check_label_range
from tfdcu.data.sources.open import open_source
from tfdcu.data.sources.source import Source
from tfdcu.data.splits import few_labels
from tfdcu.data.splits import hold_out
from tfdcu.data.targets import Targets
from tfdcu.data.targets import claim
from tfdcu.data.targets import describe_images
from tfdcu.data.targets import name_of

__all__ = [
    "Source",
    "Splits",
    "Targets",
    "check_augment",
    "check_classes",
    "check_label_range",
    "claim",
    "color_levels",
    "count_junk",
    "describe_images",
    "describe_views",
    "evaluation_batches",
    "few_labels",
    "hold_out",
    "images_of",
    "junk_kinds",
    "junk_measures",
    "match_colors",
    "mean_and_deviation",
    "name_of",
    "open_source",
    "prepare",
    "sample_of",
    "steps_per_epoch",
    "training_batches",
]
