"""AlignedDistiller: the method as a `keras.Model`."""

import keras
import tensorflow as tf

from tfdcu.distill.align_loss import resolve_align
from tfdcu.distill.alignment import Clock
from tfdcu.distill.alignment import DomainClassifier
from tfdcu.distill.alignment import dann_schedule
from tfdcu.distill.alignment import inside_of
from tfdcu.distill.alignment import layers_to_align
from tfdcu.distill.distributed import check_execution
from tfdcu.distill.distributed import multi_worker
from tfdcu.distill.distributed import predict_share
from tfdcu.distill.distributed import share_statistics
from tfdcu.distill.distributed import shared_batches
from tfdcu.distill.feature_layers import default_pairs
from tfdcu.distill.feature_layers import feature_pairs
from tfdcu.distill.features import feature_term
from tfdcu.distill.heads import Heads
from tfdcu.distill.teacher_outputs import check_classes
from tfdcu.distill.teacher_outputs import different_size
from tfdcu.distill.teacher_outputs import teacher_outputs
from tfdcu.distill.two_pools import TwoPools
from tfdcu.distill.two_pools import all_images
from tfdcu.distill.two_pools import split_pools
from tfdcu.distill.validation import AgreementWarning
from tfdcu.distill.validation import Validation
from tfdcu.graph.fused import Forward
from tfdcu.graph.keras_private import output_within
from tfdcu.graph.parse import structure
from tfdcu.graph.resize import resized
from tfdcu.renamed import refuse_renamed
from tfdcu.training.loss_scaling import loss_scaled
from tfdcu.training.moving_average import has_averages
from tfdcu.training.moving_average import norms_of
from tfdcu.training.moving_average import short_averages
from tfdcu.workdir.arguments import DICT
from tfdcu.workdir.arguments import MODEL
from tfdcu.workdir.arguments import check
from tfdcu.workdir.arguments import check_arguments


class AlignedDistiller(TwoPools):
    """Train a student on few labels and a biased pool of unlabeled images.

    For each batch of labeled images `x_l, y_l` and unlabeled images `x_u`::

        loss = label_weight * CE(student(x_l), y_l)
             + mimic_weight * T^2 KL(teacher(x) || student(x); T)
             + align_weight * BCE(domain(reverse(features(x))), x is x_u)

    where `x` is all images, `features` a low-level activation of the student
    and `reverse` the gradient reversal layer. `align` can replace the last
    term by a distance between the pools' features. For a pruned student, or
    if `feature_layers` are named, a term is added that matches layers of the
    student to layers of the teacher:
    `feature_weight * MSE(teacher_features(x), student_features(x))`.

    `fit` takes a `tf.data.Dataset` of `((image, label), unlabeled)`, such as
    `tfdcu.data.training_batches` returns, of `((image, label,
    sample_weight), unlabeled)`, or, without labels, of `(unlabeled,)`. Of
    several outputs labels, and weights if they differ, are dicts. If the
    batches contain the teacher's targets (`training_batches(targets=...)`),
    the teacher is run only for `feature_layers` and can otherwise be `None`.
    `fit` logs the unweighted terms `label`, `mimic`, `align` and, if used,
    `features`, and the accuracy of the domain classifier, `domain_accuracy`
    (0.5: it cannot tell the two pools apart).

    `evaluate`, `predict`, `call` and validation in `fit` use the student
    alone. The student's weights are trained in place; the teacher is never
    changed. To train under a `tf.distribute` strategy, create and compile
    student and distiller inside its scope and pass the global batches to
    `fit`; their sizes must be multiples of the number of replicas. Under
    `MultiWorkerMirroredStrategy` every process runs the same program with the
    same batches; see `tfdcu/distill/distributed.py`.

    Reference: Tang et al. 2019, arXiv:1907.06065; see docs/method.md.

    Args:
        student: A functional `keras.Model` from images (batch, height,
            width, channels) to logits; a final softmax is removed for
            training. Its weights are trained in place. If it or the teacher
            ends in sigmoids of several labels, labels are multi-hot, the
            label and mimic terms are those of each label's yes and no, and
            "accuracy" counts labels. It may also have several outputs, whose
            terms are added, and outputs for each position, (batch, height,
            width, classes), whose terms are averaged.
        teacher: A `keras.Model` on the same classes (any architecture; a
            final softmax is removed), or a function from float images to
            logits. Batches are resized to the input size of each model. Can
            be `None` if all batches contain targets.
        align_layers: Name or names of student layers whose outputs are
            aligned; "base/conv" in a nested model. Defaults to `None`: one
            low-level layer chosen from the graph, available as the attribute
            `align_layers`.
        mimic: `"kl"`, `"mse"`, a function `(targets, logits) -> loss`, or a
            `keras.distillation.DistillationLoss`; of several outputs also a
            dict by name. `"kl"` is `"mse"` for outputs of a regression.
            Defaults to `"kl"`.
        temperature: Float above 0 for `"kl"`. Defaults to 4.
        label_weight: Float, at least 0. Defaults to 1.
        mimic_weight: Float, at least 0. Defaults to 1.
        align_weight: Float, at least 0; 0 disables alignment. The gradient
            that reaches the student is multiplied by
            `2 / (1 + exp(-10 p)) - 1`, where p in [0, 1] is the progress of
            training (DANN, arXiv:1409.7495). Defaults to 0.1.
        align: `"adversarial"`, or a function `(labeled features, unlabeled
            features) -> loss` of float32 (images, ..., channels) to minimize
            instead; the domain classifier then only measures
            `domain_accuracy`. Defaults to `"adversarial"`.
        feature_layers: Name or names of layers, the same in student and
            teacher, or a dict from names in the student to names in the
            teacher ("base/conv" in a nested model), whose outputs are
            compared on all images: squared errors as a share of the teacher's
            squares, averaged over the layers; see `tfdcu/distill/features.py`.
            Maps of the teacher are resized to those of the student. Requires a
            functional `keras.Model` as teacher, which is run in every step.
            Defaults to `None`: for a pruned student, one with `kept`, whose
            teacher is run anyway, the last layer before global pooling; else
            none.
        feature_weight: Float, at least 0; 0 disables the term. Defaults to
            100: it is a share in [0, 1], and its gradient is about a twentieth
            of that of the mimic term.
        kept: Dict from names of teacher layers to the indices of the channels
            that the student kept, such as `ChannelPlan.kept_channels()`; a
            missing layer kept all. Only these are compared. Empty for a
            student of smaller images that kept all channels. `tfdcu.compress`
            sets it.
        freeze_batchnorm: Whether the student runs in inference mode while it
            is trained: BatchNormalization keeps its moving averages, and there
            is no dropout. `False` normalizes by the statistics of both pools
            together. Defaults to `None`: true for a student that has moving
            averages, such as a pruned or trained one. Those of its teacher fit
            the task, and a pool from elsewhere would shift them; those of a
            new layer, 0 and 1, have to be learned.
        **kwargs: Passed to `keras.Model`.

    Attributes:
        student: The student, ending in logits. It shares its weights with the
            model that was passed in.
        align_layers: Tuple of the names of the aligned layers.
        feature_layers: Dict from names of student layers to names of the
            teacher layers they are matched to.

    Raises:
        ValueError: If a weight is negative, a name unknown, a layer missing,
            if student and teacher differ in the number of classes, or if
            features have different sizes or the teacher's layers are not
            accessible; in `fit`, if there is neither a teacher nor targets.

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
        kept=None,
        *,
        align_layers=None,
        mimic="kl",
        temperature=4.0,
        label_weight=1.0,
        mimic_weight=1.0,
        align_weight=0.1,
        align="adversarial",
        feature_layers=None,
        feature_weight=100.0,
        freeze_batchnorm=None,
        **kwargs,
    ):
        refuse_renamed("transfer", kwargs)
        super().__init__(**kwargs)
        check("student", student, MODEL)
        check("kept", kept, DICT, optional=True)
        check_arguments(
            ("freeze_batchnorm",),
            temperature=temperature,
            label_weight=label_weight,
            mimic_weight=mimic_weight,
            align_weight=align_weight,
            feature_weight=feature_weight,
            freeze_batchnorm=freeze_batchnorm,
        )
        if freeze_batchnorm is None:
            freeze_batchnorm = any(map(has_averages, norms_of(student)))
        self.heads = Heads(student, teacher, mimic, temperature)
        self.student, teacher = self.heads.student, self.heads.teacher
        network = inside_of(self.student)
        if isinstance(teacher, keras.Model):
            teacher = inside_of(teacher)
        self.label_weight = label_weight
        self.mimic_weight = mimic_weight
        self.align_weight = align_weight
        self.feature_weight = feature_weight
        classes = self.student.outputs[0].shape[-1]
        self.align = resolve_align(align)
        self.freeze_batchnorm = freeze_batchnorm
        self.align_layers, pairs = (), []
        if align_weight:
            self.align_layers = layers_to_align(network, align_layers)
        if feature_weight and feature_layers is None:
            pairs = default_pairs(network, teacher, kept)
        elif feature_weight:
            pairs = feature_pairs(network, teacher, feature_layers, kept)
        self.feature_layers = {pair.student: pair.teacher for pair in pairs}
        self.feature_loss = feature_term(pairs)
        self.teacher_outputs = teacher_outputs(
            teacher, classes, [pair.teacher for pair in pairs]
        )
        check_classes(teacher, self.student)
        self.resizes = different_size(teacher, self.student)
        aligned = [output_within(network, n) for n in self.align_layers]
        self.tap = keras.Model(
            structure(network, "input"),
            {
                "logits": structure(network, "output"),
                "aligned": aligned,
                "features": [pair.student_output for pair in pairs],
            },
        )
        self.domains = [
            DomainClassifier(name=f"domain_{name}")
            for name in self.align_layers
        ]
        for domain, feature in zip(self.domains, aligned):
            domain.build(feature.shape)
        self.clock = Clock()
        names = ["label", "mimic", "align", "domain_accuracy"]
        if pairs:
            names.insert(2, "features")
        self.trackers = {n: keras.metrics.Mean(name=n) for n in names}
        if len(self.heads.names) > 1:
            self.untracked = tuple(f"{n}_loss" for n in self.heads.names)
        self.built = True

    def build_like(self, data):
        labeled, _, _ = split_pools(data)
        if labeled:
            self.heads.check(self.loss, labeled[1], self.student.outputs)
        super().build_like(data)

    def call(self, inputs, training=None):
        images = resized(inputs, self.student.input_shape)
        if not training and multi_worker(self.distribute_strategy):
            return predict_share(self.student, images)
        return self.student(images, training=training)

    def compile(self, optimizer="sgd", loss=None, metrics=None, **kwargs):
        """Configure training; see `keras.Model.compile`.

        Args:
            optimizer: As in Keras. Defaults to `"sgd"`.
            loss: A `keras.losses.Loss` on logits for the labeled images,
                averaged over the batch; its `reduction` is ignored. For
                several outputs a dict or list of them. Defaults to
                `SparseCategoricalCrossentropy(from_logits=True)`.
            metrics: As in Keras, on the labeled images.
            **kwargs: As in Keras.

        Raises:
            ValueError: If `loss` is not a `Loss` instance or expects
                probabilities, or the student has no trainable weights.
        """
        loss = self.heads.label_loss(loss)
        metrics = self.heads.metrics(metrics)
        if not self.weights_in_training(idle=self.domains):
            raise ValueError(
                "The student has no trainable weights. Expected: at least "
                "one; `student.trainable = True` unfreezes all. "
                f"Received: {self.student.name!r}, none of whose "
                f"{len(self.student.weights)} weights is trainable"
            )
        if kwargs.get("auto_scale_loss", True):
            optimizer = loss_scaled(optimizer, self)
        if self.resizes and kwargs.get("jit_compile", "auto") == "auto":
            # XLA, which Keras uses on GPUs, cannot resize images.
            kwargs["jit_compile"] = False
        super().compile(optimizer, loss, metrics=metrics, **kwargs)

    def fit(self, x=None, *args, callbacks=None, **kwargs):
        """Train the student; see `keras.Model.fit`.

        Args:
            x: A dataset of batches as described in the class docstring.
            *args: As in Keras.
            callbacks: As in Keras.
            **kwargs: As in Keras, except that `shuffle` defaults to `False`.

        Returns:
            A `History`. Warns if the student agrees less with the teacher
            after training than before, on the first images of `x`.

        Raises:
            ValueError: If batches have no unlabeled images or cannot be
                divided among the replicas, if `class_weight` is given, or if
                `steps_per_execution` is above 1 on several workers.
        """
        if kwargs.get("class_weight") is not None:
            raise ValueError(
                "`class_weight` is not supported. Expected: batches of "
                "((image, label, sample_weight), unlabeled). "
                f"Received: class_weight={kwargs['class_weight']}"
            )
        callbacks = keras.tree.flatten(callbacks or [])
        callbacks = [self.clock.callback(), *callbacks]
        # Keras warns if it is asked to shuffle a dataset.
        kwargs = {"shuffle": False, **kwargs}
        check_execution(self)
        validated = any(isinstance(c, Validation) for c in callbacks)
        single = self.distribute_strategy.num_replicas_in_sync == 1
        if single and not validated and isinstance(x, tf.data.Dataset):
            callbacks.append(AgreementWarning(x))
        x = shared_batches(x, self.distribute_strategy)
        return super().fit(x, *args, callbacks=callbacks, **kwargs)

    def train_step(self, data):
        labeled, pool, targets = split_pools(data)
        x, y, weight = labeled or (None, None, None)
        num_labeled = None if x is None else tf.shape(x)[0]
        images = all_images(labeled, pool)
        targets, teacher_features = self.teacher_outputs(images, targets)
        images = resized(images, self.student.input_shape)
        # Before the momenta become tensors, which no config can hold.
        forward = Forward(self.tap)
        with tf.GradientTape() as tape:
            with short_averages(self.tap, self.clock.steps.value):
                outputs = forward(images, training=not self.freeze_batchnorm)
            logits = keras.tree.map_structure(
                lambda z: tf.cast(z, tf.float32), outputs["logits"]
            )
            own = keras.tree.map_structure(lambda z: z[:num_labeled], logits)
            label = self.heads.label(self.loss, y, own, weight)
            mimic = self.heads.mimic(targets, logits)
            features = self.feature_loss(teacher_features, outputs["features"])
            align, accuracy = self.align_loss(outputs["aligned"], num_labeled)
            extra = [tf.cast(term, tf.float32) for term in self.losses]
            loss = (
                self.label_weight * label
                + self.mimic_weight * mimic
                + self.feature_weight * features
                + self.align_weight * align
                + tf.add_n(extra or [0.0])
            )
            # Gradients are summed over replicas; losses are means.
            shared = loss / self.distribute_strategy.num_replicas_in_sync
            scaled = self.optimizer.scale_loss(shared)
        if not self.optimizer.built:
            # For all weights: a later `fit` may have labels.
            self.optimizer.build(self.weights_in_training())
        # Without labeled images there is nothing to align.
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
        labeled = None if x is None else (x, y, own, weight)
        return self.logged(loss, terms, labeled)

    def weights_in_training(self, idle=()):
        """The trainable weights except those of `idle`.

        Args:
            idle: Layers without a gradient.
        """
        ids = {id(weight) for layer in idle for weight in layer.weights}
        return [w for w in self.trainable_weights if id(w) not in ids]

    def align_loss(self, features, num_labeled):
        """Align loss and domain accuracy, averaged over the aligned layers."""
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
            "An AlignedDistiller cannot be serialized. "
            "Expected: `distiller.student.save(...)`, or `save_weights` for "
            "a checkpoint. Received: a call of `save` or `get_config`"
        )
