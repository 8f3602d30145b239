"""AlignedDistiller: the method as a `keras.Model` with its own `train_step`."""

import keras
import tensorflow as tf

from tfdcu.distill.align_loss import resolve_align
from tfdcu.distill.alignment import Clock
from tfdcu.distill.alignment import DomainClassifier
from tfdcu.distill.alignment import dann_schedule
from tfdcu.distill.alignment import layers_to_align
from tfdcu.distill.balance import class_weights
from tfdcu.distill.batchnorm import BATCHNORMS
from tfdcu.distill.distributed import check_execution
from tfdcu.distill.distributed import many_workers
from tfdcu.distill.distributed import outputs_of_share
from tfdcu.distill.distributed import share_statistics
from tfdcu.distill.distributed import shared_batches
from tfdcu.distill.feature_layers import feature_pairs
from tfdcu.distill.features import feature_term
from tfdcu.distill.head import check_head
from tfdcu.distill.head import put_head
from tfdcu.distill.losses import check_weights
from tfdcu.distill.losses import label_term
from tfdcu.distill.losses import resolve_label
from tfdcu.distill.losses import resolve_mimic
from tfdcu.distill.teacher_outputs import check_classes
from tfdcu.distill.teacher_outputs import other_size
from tfdcu.distill.teacher_outputs import teacher_answers
from tfdcu.distill.two_pools import TwoPools
from tfdcu.distill.two_pools import all_images
from tfdcu.distill.two_pools import split_pools
from tfdcu.distill.validation import AgreementWarning
from tfdcu.distill.validation import Validation
from tfdcu.graph.logits import as_logits
from tfdcu.models.resize import resized
from tfdcu.training.loss_scaling import loss_scaled
from tfdcu.training.moving_average import short_averages


class AlignedDistiller(TwoPools):
    """Train a student on few labels and a biased pool of unlabeled images.

    For each batch of labeled images `x_l, y_l` and unlabeled images `x_u`::

        loss = label_weight * CE(student(x_l), y_l)
             + mimic_weight * T^2 KL(teacher(x) || student(x); T)
             + align_weight * BCE(domain(reverse(features(x))), x is x_u)

    where `x` is all images, `features` a low-level activation of the student
    and `reverse` the gradient reversal; in place of the last term a distance
    of the two pools' features can be made small (`align`), and a term can be
    added by which layers of the student follow the teacher's (`features`):
    `feature_weight * difference(features of teacher(x), of student(x))`.

    `fit` takes a `tf.data.Dataset` of `((image, label), unlabeled)`, such as
    `tfdcu.data.training_batches` makes (also `((image, label, sample_weight),
    unlabeled)`), or, with no labels at all, of `(unlabeled,)`. Where the
    batches hold the teacher's targets too (`training_batches(targets=...)`),
    the teacher is asked for features only, and need not be there where none
    are followed. `fit` logs the terms unweighted as `label`, `mimic`,
    `features`, where some are followed, and `align`, and `domain_accuracy`,
    the dial that says how well the pools can still be told apart (0.5: not at
    all).

    `evaluate`, `predict`, calling the model and validation in `fit` speak of
    the student alone. The student's weights are trained in place; the teacher
    is read and never changed. To train under a `tf.distribute` strategy,
    create student and distiller inside its scope, compile there, and give
    `fit` the global batches; their sizes must be multiples of the number of
    replicas. Under `MultiWorkerMirroredStrategy` every process runs the same
    program with the same batches; see `tfdcu/distill/distributed.py`.

    The setting and the idea are those of Tang et al. 2019
    (arXiv:1907.06065). The form of the losses, the layers, the domain
    classifier, the weights and the schedule are ours, after Hinton et al.
    2015 (arXiv:1503.02531) and Ganin et al. 2016 (arXiv:1409.7495).

    Args:
        student: A functional `keras.Model` from images (batch, height,
            width, channels) to class scores; a softmax at its end is left
            out of training. Its weights are trained in place.
        teacher: A `keras.Model` on the same classes (any architecture; a
            softmax at its end is left out), or a function from float images
            to logits. Batches are resized to each model's own input size
            where they differ from it. `None` where all batches hold targets.
        align_layers: Name or names of student layers whose outputs are
            aligned. Defaults to `None`: one low-level activation found from
            the graph, see `align_layers` on the instance.
        mimic: `"kl"`, `"mse"`, a function `(targets, logits) -> loss`, or a
            `keras.distillation.DistillationLoss`. Defaults to `"kl"`.
        temperature: Float above 0 for `"kl"`. Defaults to 4.
        mimic_balance: Float in [0, 1], how far the mimic term makes up for
            unequal classes: an image weighs (classes * share)^-mimic_balance,
            by the share of the class that the teacher puts first, over the
            mean of this over the pool. At 1 scarce classes count as much as
            frequent ones, but for those below a tenth of their even share.
            Defaults to 0: all images weigh alike.
        class_shares: For `mimic_balance`: floats (classes,), how often the
            teacher puts each class first on the pool, such as `shares` of
            `tfdcu.diagnose`. `tfdcu.compress` gives them itself.
        label_weight: Float, at least 0. Defaults to 1.
        mimic_weight: Float, at least 0. Defaults to 1.
        align_weight: Float, at least 0; at 0 no domain classifier is made.
            Its gradient reaches the student more and more: times
            `2 / (1 + exp(-10 p)) - 1` at the share p of the run (DANN,
            arXiv:1409.7495). Defaults to 0.1.
        align: `"adversarial"`, against the domain classifier, or a function
            `(labeled features, unlabeled features) -> loss` of float32
            (images, ..., channels) to make small in its place. The domain
            classifier then only measures `domain_accuracy`. Defaults to
            `"adversarial"`.
        features: How layers of the student follow the teacher's, on all
            images: `"mse"`, channel by channel; `"attention"`, where
            activations are strong; `"relation"`, how far images are from one
            another (`tfdcu/distill/features.py`); a function `(teacher's
            features, student's features) -> loss` of float32 (images, ...,
            channels); or a `keras.distillation.DistillationLoss`. The teacher
            must then be a functional `keras.Model`, and is asked in every
            step. Defaults to `None`: they do not.
        feature_layers: Name or names of layers of the student, which follow
            the teacher's of the same names; or a dict from the student's
            names to the teacher's. Several weigh alike. Defaults to `None`:
            the last layer before the pooling.
        feature_weight: Float, at least 0; at 0 no features are followed.
            Defaults to 1.
        kept: Dict from names of the teacher's layers to the indices of their
            channels that the student kept, such as
            `ChannelPlan.kept_channels()`; only these are compared, but by
            `"attention"` and `"relation"`, which compare all. A layer that is
            not in it lost none. `tfdcu.compress` gives it itself.
        head: `"trained"`, or `"teacher"`: the student's last layer with
            weights is given the teacher's, of the channels in `kept`, and not
            trained (`tfdcu/distill/head.py`), for a student whose features
            follow the teacher's. Defaults to `"trained"`.
        batchnorm: How BatchNormalization meets the two pools: `"joint"` (one
            pass over both), `"split"` (a pass each), `"labeled_only"` (a
            pass each; only the labeled one moves the statistics used at
            inference) or `"frozen"` (one pass as at inference, with the
            statistics that the student came with: for a student that was
            reconstructed, at a rate some ten times lower and with `clipnorm`).
            Defaults to `"joint"`, which works with any student.
        **kwargs: Passed to `keras.Model`.

    Attributes:
        student: The student, ending in logits; the trained weights are those
            of the model that was given.
        align_layers: Tuple of the names of the aligned layers.
        feature_layers: Dict from the names of the student's layers that
            follow to those of the teacher's.

    Raises:
        ValueError: If a weight is negative, a name unknown, a layer missing,
            the shares of classes are none, student and teacher differ in the
            number of classes, or features or heads are of other sizes or of a
            teacher that shows none; in `fit`, if there is neither a teacher nor
            targets, or images are weighed in a mimic loss that is a scalar.

    Example:

    >>> model = tfdcu.AlignedDistiller(student, teacher)
    >>> model.compile("sgd", metrics=["accuracy"])
    >>> model.fit(tfdcu.data.training_batches(labeled, unlabeled), epochs=20)
    >>> tfdcu.export_litert(model.student, "student.tflite")
    """

    def __init__(
        self,
        student,
        teacher,
        class_shares=None,
        kept=None,
        *,
        align_layers=None,
        mimic="kl",
        temperature=4.0,
        mimic_balance=0.0,
        label_weight=1.0,
        mimic_weight=1.0,
        align_weight=0.1,
        align="adversarial",
        features=None,
        feature_layers=None,
        feature_weight=1.0,
        head="trained",
        batchnorm="joint",
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_weights(
            temperature,
            label_weight=label_weight,
            mimic_weight=mimic_weight,
            align_weight=align_weight,
            feature_weight=feature_weight,
        )
        if batchnorm not in BATCHNORMS:
            raise ValueError(
                "Unknown way for BatchNormalization to meet the two pools. "
                f"Expected: one of {sorted(BATCHNORMS)}. "
                f"Received: batchnorm={batchnorm!r}"
            )
        check_head(head, teacher)
        self.student = as_logits(student)
        self.label_weight = label_weight
        self.mimic_weight = mimic_weight
        self.align_weight = align_weight
        self.feature_weight = feature_weight
        classes = self.student.output_shape[-1]
        weights = class_weights(class_shares, mimic_balance, classes)
        self.mimic_loss = resolve_mimic(mimic, temperature, weights)
        self.align = resolve_align(align)
        self.forward = BATCHNORMS[batchnorm]
        self.align_layers, pairs = (), []
        if align_weight:
            self.align_layers = layers_to_align(self.student, align_layers)
        if features is not None and feature_weight:
            pairs = feature_pairs(self.student, teacher, feature_layers)
        self.feature_layers = {pair.student: pair.teacher for pair in pairs}
        self.feature_loss = feature_term(features, pairs, kept)
        self.ask = teacher_answers(
            teacher, classes, [pair.teacher for pair in pairs]
        )
        check_classes(teacher, self.student)
        self.resizes = other_size(teacher, self.student)
        aligned = [self.student.get_layer(n).output for n in self.align_layers]
        self.tap = keras.Model(
            self.student.input,
            {
                "logits": self.student.output,
                "aligned": aligned,
                "features": [pair.own for pair in pairs],
            },
        )
        self.domains = [
            DomainClassifier(name=f"domain_{name}")
            for name in self.align_layers
        ]
        for domain, feature in zip(self.domains, aligned):
            domain.build(feature.shape)
        self.fixed = []
        if head == "teacher":
            self.fixed = put_head(self.student, teacher, kept)
        self.clock = Clock()
        names = ["label", "mimic", "align", "domain_accuracy"]
        if pairs:
            names.insert(2, "features")
        self.trackers = {n: keras.metrics.Mean(name=n) for n in names}
        self.built = True

    def call(self, inputs, training=None):
        images = resized(inputs, self.student.input_shape)
        if not training and many_workers(self.distribute_strategy):
            return outputs_of_share(self.student, images)
        return self.student(images, training=training)

    def compile(self, optimizer="sgd", loss=None, metrics=None, **kwargs):
        """Configure training; see `keras.Model.compile`.

        Args:
            optimizer: As in Keras. Defaults to `"sgd"`.
            loss: A `keras.losses.Loss` on logits for the labeled images; its
                values are averaged over the batch, whatever its `reduction`.
                Defaults to `SparseCategoricalCrossentropy(from_logits=True)`.
            metrics: As in Keras, on the labeled images.
            **kwargs: As in Keras.

        Raises:
            ValueError: If `loss` is no `Loss` instance or expects
                probabilities, or the student has nothing to train.
        """
        loss = resolve_label(loss)
        if not self.weights_in_training(idle=self.domains):
            raise ValueError(
                "There is nothing to train. Expected: a student with trainable "
                "weights; `student.trainable = True` thaws a frozen one. "
                f"Received: {self.student.name!r}, none of whose "
                f"{len(self.student.weights)} weights is to be trained"
            )
        if kwargs.get("auto_scale_loss", True):
            optimizer = loss_scaled(optimizer, self)
        if self.resizes and kwargs.get("jit_compile", "auto") == "auto":
            # XLA, which Keras takes where a GPU is, cannot resize images.
            kwargs["jit_compile"] = False
        super().compile(optimizer, loss, metrics=metrics, **kwargs)

    def fit(self, x=None, *args, callbacks=None, **kwargs):
        """Train the student; see `keras.Model.fit`.

        Args:
            x: A dataset of batches as in the class's description.
            *args: As in Keras.
            callbacks: As in Keras.
            **kwargs: As in Keras, but that `shuffle` defaults to `False`.

        Returns:
            The `History` of the run. A warning says where the student agrees
            less with its teacher afterwards, on the first images of `x`.

        Raises:
            ValueError: If batches have no pool, or cannot be divided among the
                replicas, if classes are weighed, or if, on several workers,
                `steps_per_execution` is above 1.
        """
        if kwargs.get("class_weight") is not None:
            raise ValueError(
                "Classes cannot be weighed by a keyword. Expected: batches of "
                "((image, label, sample_weight), unlabeled). "
                f"Received: class_weight={kwargs['class_weight']}"
            )
        callbacks = keras.tree.flatten(callbacks or [])
        callbacks = [self.clock.callback(), *callbacks]
        # Batches come in their own order: Keras warns where it is to shuffle.
        kwargs = {"shuffle": False, **kwargs}
        check_execution(self)
        watched = any(isinstance(one, Validation) for one in callbacks)
        alone = self.distribute_strategy.num_replicas_in_sync == 1
        if alone and not watched and isinstance(x, tf.data.Dataset):
            callbacks.append(AgreementWarning(x))
        x = shared_batches(x, self.distribute_strategy)
        return super().fit(x, *args, callbacks=callbacks, **kwargs)

    def train_step(self, data):
        labeled, pool, targets = split_pools(data)
        x, y, weight = labeled or (None, None, None)
        num_labeled = None if x is None else tf.shape(x)[0]
        images = all_images(labeled, pool)
        targets, followed = self.ask(images, targets)
        images = resized(images, self.student.input_shape)
        with tf.GradientTape() as tape:
            with short_averages(self.student, self.clock.steps.value):
                outputs = self.forward(self.tap, images, num_labeled)
            logits = tf.cast(outputs["logits"], tf.float32)
            label = label_term(self.loss, y, logits[:num_labeled], weight)
            mimic = self.mimic_loss(targets, logits)
            features = self.feature_loss(followed, outputs["features"])
            align, accuracy = self.align_loss(outputs["aligned"], num_labeled)
            own = [tf.cast(term, tf.float32) for term in self.losses]
            loss = (
                self.label_weight * label
                + self.mimic_weight * mimic
                + self.feature_weight * features
                + self.align_weight * align
                + tf.add_n(own or [0.0])
            )
            # Gradients are summed over replicas; losses are means.
            shared = loss / self.distribute_strategy.num_replicas_in_sync
            scaled = self.optimizer.scale_loss(shared)
        if not self.optimizer.built:
            # For all of them: labels may come in a later `fit`.
            self.optimizer.build(self.weights_in_training())
        # In the pool alone there are no two pools to tell.
        idle = self.domains if num_labeled is None else ()
        weights = self.weights_in_training(idle)
        self.optimizer.apply_gradients(
            zip(tape.gradient(scaled, weights), weights)
        )
        share_statistics(self.student, self.distribute_strategy)
        self.clock.tick()
        terms = {
            "label": label,
            "mimic": mimic,
            "features": features,
            "align": align,
            "domain_accuracy": accuracy,
        }
        few = None if x is None else (x, y, logits[:num_labeled], weight)
        return self.logged(loss, terms, few)

    def weights_in_training(self, idle=()):
        """The trainable weights but those of a head that stays and of `idle`.

        Args:
            idle: Layers.
        """
        left_out = [*self.fixed, *(w for layer in idle for w in layer.weights)]
        known = {id(weight) for weight in left_out}
        return [w for w in self.trainable_weights if id(w) not in known]

    def align_loss(self, features, num_labeled):
        """Mean align loss and domain accuracy over the aligned layers."""
        if not self.domains or num_labeled is None:
            return 0.0, 0.5
        scale = dann_schedule(self.clock.progress)
        by_layer = [
            self.align(domain, feature, num_labeled, scale)
            for domain, feature in zip(self.domains, features)
        ]
        return tuple(tf.reduce_mean(values) for values in zip(*by_layer))

    def get_config(self):
        raise NotImplementedError(
            "An AlignedDistiller is a way to train, not a model to keep. "
            "Expected: `distiller.student.save(...)`, or `save_weights` for "
            "a checkpoint. Received: a request to serialize the distiller"
        )
