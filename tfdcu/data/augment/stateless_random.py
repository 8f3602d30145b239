"""Stateless random numbers, one independent row per seed."""

import tensorflow as tf

# SplitMix64's increment and multipliers (Steele, Lea & Flood 2014, figure 17).
_STEP = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def uniform(seeds, num):
    """Uniform draws in [0, 1) for many seeds at once.

    TensorFlow's stateless generators take one seed per call. This is
    SplitMix64 (Steele, Lea & Flood 2014) with a state hashed from each seed.
    The result does not depend on TensorFlow's version, the batch or the
    machine.

    Args:
        seeds: Int64 tensor (batch, 2).
        num: Draws per seed.

    Returns:
        Float32 tensor (batch, num), multiples of 2**-24.
    """
    # Odd factors: two seeds that differ in one number have different states.
    words = tf.cast(seeds, tf.uint64) * _word([_FIRST, _STEP])
    state = mixed(tf.reduce_sum(words, 1, keepdims=True))  # (batch, 1)
    steps = tf.cast(tf.range(1, num + 1), tf.uint64) * _word(_STEP)
    bits = tf.bitwise.right_shift(mixed(state + steps), _word(40))
    return tf.cast(bits, tf.float32) * 2.0**-24


def mixed(words):
    """SplitMix64's mixing function, a bijection of 64 bits.

    Args:
        words: Uint64 tensor of any shape.

    Returns:
        Uint64 tensor of the same shape.
    """
    for shift, factor in ((30, _FIRST), (27, _SECOND)):
        words = _folded(words, shift) * _word(factor)
    return _folded(words, 31)


def _folded(words, shift):
    shifted = tf.bitwise.right_shift(words, _word(shift))
    return tf.bitwise.bitwise_xor(words, shifted)


def _word(value):
    return tf.constant(value, tf.uint64)
