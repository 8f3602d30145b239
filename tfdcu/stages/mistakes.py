"""Where the student differs from the teacher: by class, and in examples."""

import collections

import numpy as np

from tfdcu.data import images_of
from tfdcu.graph.answers import Answers
from tfdcu.workdir.console import printable

# In the report: confusions that are listed, images that are shown, and
# images of one confusion among them.
MOST_PAIRS, MOST_IMAGES, MOST_OF_A_PAIR = 20, 12, 3


def find_mistakes(teacher, student, labels, classes=(), answers=None):
    """Accuracy in each class, and what the student newly mistakes.

    A new mistake is an image that the teacher classifies correctly and the
    student does not; without labels, one that they classify differently.

    Args:
        teacher, student: Int arrays (n,), the predicted classes; of maps
            (n, ...), of several labels an image (n, labels).
        labels: Int array of the same shape, or `None`.
        classes: Names of the classes; their numbers by default.
        answers: The `Answers` of the teacher. Defaults to `None`: one class an
            image or position. Of several outputs the names of classes begin
            with that of the output.

    Returns:
        JSON-ready dict with `by_class` (dicts with `class`, `images` and the
        accuracies `teacher` and `student`; empty without labels), `new` (how
        many images are newly mistaken), `pairs` (dicts with `class`,
        `taken_for` and `images`, the most frequent first) and `examples`
        (dicts with `image`, its number, `class` and `taken_for`).
    """
    if answers and answers.several:
        return of_outputs(teacher, student, labels, classes, answers)
    if answers and answers.only.several_labels:
        return of_labels(teacher, student, labels, classes)
    if teacher.ndim > 1:
        return of_maps(teacher, student, labels, classes)
    right = True if labels is None else teacher == labels
    (new,) = np.nonzero(right & (teacher != student))
    images = collections.defaultdict(list)
    for index in new.tolist():
        images[int(teacher[index]), int(student[index])].append(index)
    pairs = sorted(images, key=lambda pair: (-len(images[pair]), pair))

    def named(pair):
        names = [printable(str(classes[c] if classes else c)) for c in pair]
        return dict(zip(("class", "taken_for"), names))

    return {
        "by_class": by_class(teacher, student, labels, classes),
        "new": len(new),
        "pairs": [
            named(pair) | {"images": len(images[pair])}
            for pair in pairs[:MOST_PAIRS]
        ],
        "examples": [
            {"image": index} | named(pair)
            for pair in pairs
            for index in images[pair][:MOST_OF_A_PAIR]
        ][:MOST_IMAGES],
    }


def of_outputs(teacher, student, labels, classes, answers):
    """As `find_mistakes`, for several outputs.

    Args:
        teacher, student, labels: As of `Answers.choices`.
        classes: Dict by name of names of classes, or nothing.
        answers: The `Answers`.

    Returns:
        Dict as of `find_mistakes`, without pairs and examples; an image is
        newly mistaken if an output is.
    """
    parts = [
        answers.unpack(rows) if rows is not None else {}
        for rows in (teacher, student, labels)
    ]
    by_class = []
    for name, one in answers.by_name.items():
        names = dict(classes or {}).get(name, ())
        alone = Answers({name: one})
        rows = (part.get(name) for part in parts)
        found = find_mistakes(*rows, names, alone)["by_class"]
        by_class += [
            {**row, "class": f"{name}: {row['class']}"} for row in found
        ]
    right = True if labels is None else teacher == labels
    new = num_images(right & (teacher != student))
    return {"by_class": by_class, "new": new, "pairs": [], "examples": []}


def of_labels(teacher, student, labels, classes):
    """As `find_mistakes`, where an image has several labels.

    Args:
        teacher, student: Int arrays (n, ..., labels) of 0 and 1.
        labels: The same, or `None`.
        classes: Names of the labels.

    Returns:
        Dict as of `find_mistakes`, without pairs and examples; an accuracy is
        the share of images for which the label is right.
    """
    right = True if labels is None else teacher == labels
    rows = []
    for index in range(0 if labels is None else labels.shape[-1]):
        mine = labels[..., index]
        rows.append(
            {
                "class": str(classes[index]) if classes else str(index),
                "images": num_images(mine == 1),
                "teacher": float((teacher[..., index] == mine).mean()),
                "student": float((student[..., index] == mine).mean()),
            }
        )
    new = num_images(right & (teacher != student))
    return {"by_class": rows, "new": new, "pairs": [], "examples": []}


def of_maps(teacher, student, labels, classes):
    """As `find_mistakes`, where each position of an image has a class.

    Args:
        teacher, student: Int arrays (n, ...), the predicted classes.
        labels: The same, or `None`.
        classes: Names of the classes.

    Returns:
        Dict as of `find_mistakes`, without pairs and examples; accuracies are
        shares of positions, and an image is newly mistaken if a position is.
    """
    right = True if labels is None else teacher == labels
    return {
        "by_class": by_class(teacher, student, labels, classes),
        "new": num_images(right & (teacher != student)),
        "pairs": [],
        "examples": [],
    }


def num_images(places):
    """How many images have a place that is true, of a bool array (n, ...)."""
    return int(places.reshape(len(places), -1).any(axis=1).sum())


def by_class(teacher, student, labels, classes):
    """A dict for each class that has images, see `find_mistakes`."""
    rows = []
    for label in np.unique([] if labels is None else labels).tolist():
        mine = labels == label
        rows.append(
            {
                "class": str(classes[label]) if classes else str(label),
                "images": num_images(mine),
                "teacher": float((teacher[mine] == label).mean()),
                "student": float((student[mine] == label).mean()),
            }
        )
    return rows


def example_images(mistakes, source):
    """The images of `examples` with a caption each, for the report.

    Args:
        mistakes: What `find_mistakes` returned.
        source: The `Source` that the predictions are of.

    Returns:
        (float32 array, list of strings such as "cat\\n→ dog"); without
        examples, or of other inputs than images, an empty tuple.
    """
    examples = mistakes.get("examples")
    if not examples or source.value_range is None:
        return ()
    numbers = [example["image"] for example in examples]
    order = np.argsort(numbers)
    images = images_of(source.subset(np.sort(numbers)))
    captions = [f"{one['class']}\n→ {one['taken_for']}" for one in examples]
    return images[np.argsort(order)], captions
