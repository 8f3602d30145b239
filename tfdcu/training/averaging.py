"""Averaged weights: what a run leaves behind, and what is validated."""

import keras
from keras import layers


def averaged_variables(model):
    """The variables whose averages fit one another.

    Those that are trained, and BatchNormalization's moving statistics: the
    ones of the last steps fit the last weights, not their average. An
    optimizer with `use_ema=True` that is built with them keeps the averages
    of all, among its own variables.

    Args:
        model: A built `keras.Model`.

    Returns:
        List of variables, the trained ones first.
    """
    statistics = [
        variable
        for layer in model._flatten_layers()
        if isinstance(layer, layers.BatchNormalization) and layer.trainable
        for variable in (layer.moving_mean, layer.moving_variance)
    ]
    return [*model.trainable_variables, *statistics]


class Averaging(keras.callbacks.Callback):
    """Put the optimizer's average of the weights into the model, once.

    The average is Keras' own, after Polyak & Juditsky 1992, of an optimizer
    with `use_ema=True` that was built with `averaged_variables`. It is in the
    model while that is validated, and from the end of the last epoch on; in
    between, training goes on from the weights as they are. What is exactly 0
    there is 0 in the average too, so the zeros of `Sparsify` stay.

    `keras.callbacks.SwapEMAWeights` swaps by adding and subtracting, which
    rounds: validation would then change the training. Here it does not.
    """

    def on_train_begin(self, logs=None):
        # Keras' averages start at 0, and leave it in the first step only if
        # the optimizer counts that as its first.
        if not keras.ops.convert_to_numpy(self.model.optimizer.iterations):
            self.settle()

    def on_test_begin(self, logs=None):
        self.kept = [
            keras.ops.convert_to_numpy(variable)
            for variable, _ in self.averages()
        ]
        self.take()

    def on_test_end(self, logs=None):
        for (variable, _), value in zip(self.averages(), self.kept):
            variable.assign(value)

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.params["epochs"]:
            self.take()
            # Keras puts the average in its place once more when `fit` ends.
            self.settle()

    def take(self):
        """Let the weights be their average."""
        for variable, average in self.averages():
            zero = keras.ops.equal(variable, 0)
            variable.assign(keras.ops.where(zero, variable, average))

    def settle(self):
        """Let the average be the weights."""
        for variable, average in self.averages():
            average.assign(variable)

    def averages(self):
        """Pairs of a variable and its average."""
        optimizer = self.model.optimizer
        # Loss scaling wraps the optimizer that has them.
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        return list(
            zip(
                optimizer._trainable_variables,
                optimizer._model_variables_moving_average,
                strict=True,
            )
        )
