"""Laws of the checks before a run: defaults pass, each misfit is named."""

import keras
import pytest

from tests.support import tiny
from tfdcu.data import prepare
from tfdcu.pruning import score_channels
from tfdcu.stages.config import check_needs
from tfdcu.stages.config import check_options
from tfdcu.stages.config import check_values
from tfdcu.stages.config import identity_of
from tfdcu.stages.config import image_shape_of
from tfdcu.stages.config import option_names

SECTIONS = (
    "batches",
    "channels",
    "targets",
    "sparsity",
    "transfer",
    "training",
    "quantization",
    "export",
)


def config(**sections):
    default = {name: {} for name in SECTIONS} | {"channels": {"macs": 0.5}}
    return {**default, **sections}


@pytest.fixture(scope="module")
def teacher():
    return tiny.plain_net(width=4)


@pytest.fixture(scope="module", params=["labels", "none"])
def splits(request):
    few = (
        (tiny.images(8), tiny.labels(8)) if request.param == "labels" else None
    )
    pool = tiny.images(5, seed=1)
    return prepare(few, pool, num_classes=4, image_shape=(8, 8, 1))


def test_defaults_fit_and_nothing_is_changed(splits, teacher):
    before = tiny.weights(teacher)
    check_values(config(), splits, teacher)
    tiny.assert_same_weights(before, tiny.weights(teacher))


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"batches": {"batch_size": 0}}, "batch_size=0"),
        ({"quantization": {"weight_bits": 2}}, "weight_bits=2"),
        ({"quantization": {"epochs": 0}}, "quantization.epochs=0"),
        ({"transfer": {"align_layers": "nowhere"}}, "nowhere"),
        ({"sparsity": {"final_sparsity": -1}}, "final_sparsity"),
        ({"training": {"warmup": 1.0}}, "warmup=1.0"),
        ({"transfer": {"align": "nearby"}}, "align='nearby'"),
        ({"transfer": {"feature_layers": "no"}}, "'no'"),
        ({"transfer": {"feature_weight": -1}}, "feature_weight=-1"),
        ({"channels": {"macs": 0.5, "rounds": 0}}, "rounds=0"),
        ({"channels": {}}, "Exactly one budget.*none"),
        ({"channels": {"macs": 0.5, "params": 0.5}}, "Exactly one budget"),
        ({"channels": {"macs": -1}}, "macs=-1"),
        ({"channels": {"params": 10**9}}, "above what the model has"),
        ({"channels": {"macs": 0.5, "importance": "l9"}}, "importance='l9'"),
        ({"channels": {"macs": 0.5, "exclude": "stem_*"}}, "'stem_\\*'"),
        ({"channels": {"macs": 0.5, "per_layer": {"no": 1}}}, "'no'"),
        ({"channels": {"macs": 0.5, "exclude": "*"}}, "Nothing can be rem"),
        ({"export": {"formats": ()}}, "no format"),
        ({"export": {"sparse": True}}, "sparse=True with dynamic"),
        (
            {
                "export": {"targets": ("ethos-u",)},
                "quantization": {"weight_bits": {"conv1": 4}},
            },
            "'ethos-u': Vela.*4 bits",
        ),
    ],
)
def test_an_invalid_option_is_named(splits, teacher, sections, message):
    with pytest.raises(ValueError, match=message):
        check_values(config(**sections), splits, teacher)


def test_scores_of_the_teacher_are_refused_for_several_rounds(splits, teacher):
    channels = {"macs": 0.5, "importance": score_channels(teacher)}
    check_values(config(channels=channels), splits, teacher)
    wrong = config(channels={**channels, "rounds": 2})
    with pytest.raises(ValueError, match="score_channels.*rounds=2"):
        check_values(wrong, splits, teacher)


def test_a_given_students_own_layers_may_be_aligned(splits, teacher):
    student = tiny.linear_net()
    named = config(transfer={"align_layers": "flatten"})
    check_values(named, splits, teacher, student)
    with pytest.raises(ValueError, match="flatten"):
        check_values(named, splits, teacher)


def test_a_given_students_features_must_compare(splits, teacher):
    wide = tiny.plain_net(width=6)
    check_values(config(), splits, teacher, wide)
    with pytest.raises(ValueError, match="Features cannot be compared"):
        check_values(
            config(transfer={"feature_layers": "relu2"}), splits, teacher, wide
        )


def test_needs():
    check_needs(config(), None, False)
    check_needs(config(sparsity={"final_sparsity": 0}), "digits", True)
    with pytest.raises(ValueError, match="baseline=True"):
        check_needs(config(), None, True)
    with pytest.raises(ValueError, match="final_sparsity, 0 for dense"):
        check_needs(config(sparsity={"exclude": "conv1"}), None, False)


def test_the_image_shape_is_the_users_else_the_teachers(teacher):
    assert image_shape_of(teacher, {}) == (8, 8, 1)
    assert image_shape_of(teacher, {"image_shape": [6, 6, 1]}) == (6, 6, 1)
    inputs = keras.Input((None, 8, 1))
    with pytest.raises(ValueError, match="any size.*data.image_shape"):
        image_shape_of(keras.Model(inputs, inputs), {})


def test_a_lambda_layer_is_refused_before_it_is_saved(splits, teacher):
    double = keras.layers.Lambda(lambda x: 2 * x, name="double")
    wrapped = keras.Model(teacher.input, double(teacher.output))
    with pytest.raises(ValueError, match="Lambda layer 'double'"):
        check_values(config(), splits, wrapped)
    with pytest.raises(ValueError, match="Lambda layer 'double'"):
        check_values(config(), splits, teacher, wrapped)


@keras.saving.register_keras_serializable("tests")
def doubled(x):
    return 2 * x


def test_a_lambda_layer_of_a_registered_function_is_read_again(splits, teacher):
    double = keras.layers.Lambda(doubled, output_shape=(4,))
    wrapped = keras.Model(teacher.input, double(teacher.output))
    check_values(config(), splits, wrapped)


def test_a_function_as_an_activation_is_saved_or_refused(splits, teacher):
    scores = keras.layers.Dense(4, activation=lambda x: 2 * x, name="own")
    wrapped = keras.Model(teacher.input, scores(teacher.output))
    with pytest.raises(ValueError, match="function in the Dense layer 'own'"):
        check_values(config(), splits, wrapped)
    scores = keras.layers.Dense(4, activation=doubled)
    known = keras.Model(teacher.input, scores(teacher.output))
    check_values(config(), splits, known)


def pruned(model, seed=0, *, macs=None, params=None, **options):
    return model


class Callback:
    def __init__(self, model=None, *, final_sparsity, schedule="constant"):
        self.final_sparsity = final_sparsity


def test_options_are_the_keyword_only_arguments():
    assert option_names(pruned) == ["macs", "params"]
    assert option_names(Callback) == ["final_sparsity", "schedule"]


def test_a_section_is_a_new_dict_with_the_same_content():
    section = {"macs": 0.5}
    checked = check_options("channels", section, pruned)
    assert checked == section and checked is not section
    assert check_options("channels", None, pruned) == {}


def test_an_unknown_key_names_the_nearest():
    with pytest.raises(ValueError) as error:
        check_options("channels", {"mac": 0.5}, pruned)
    assert str(error.value) == (
        "Unknown field in the section 'channels'. Expected: one of ['macs', "
        "'params']; the nearest is 'macs'. Received: channels.mac=0.5"
    )


def test_an_unknown_key_without_a_similar_one_names_no_nearest():
    with pytest.raises(ValueError, match="Unknown field") as error:
        check_options("channels", {"zzz": 1}, pruned)
    assert "nearest" not in str(error.value)


@pytest.mark.parametrize("key", ["model", "options"])
def test_positional_arguments_and_kwargs_are_no_options(key):
    with pytest.raises(ValueError, match=f"channels.{key}=1"):
        check_options("channels", {key: 1}, pruned)


def test_a_section_that_is_no_dict_is_refused():
    with pytest.raises(ValueError, match="not a dict.*`pruned`.*: 0.5"):
        check_options("channels", 0.5, pruned)


class Block(keras.layers.Layer):
    """A convolution of one's own."""

    def __init__(self, width, **options):
        super().__init__(**options)
        self.width = width
        self.conv = keras.layers.Conv2D(width, 3, padding="same")

    def call(self, x):
        return keras.ops.relu(self.conv(x))

    def get_config(self):
        return {**super().get_config(), "width": self.width}


def test_layers_inside_of_custom_ones_may_be_aligned(splits):
    inputs = keras.Input((8, 8, 1))
    x = Block(16)(Block(16)(inputs))
    x = keras.layers.GlobalAveragePooling2D()(x)
    teacher = keras.Model(inputs, keras.layers.Dense(4)(x))
    check_values(config(), splits, teacher)


def test_equal_runs_have_one_identity():
    def made():
        def jitter(image, seed):
            return image

        return config(batches={"augment": jitter}, data={})

    one, other = made(), made()
    other["transfer"] = {"temperature": 4.0}
    assert identity_of(one) == identity_of(other)
    assert "batches" not in identity_of(one, leave_out=["batches"])
    other["transfer"] = {"temperature": 2.0}
    assert identity_of(one) != identity_of(other)
