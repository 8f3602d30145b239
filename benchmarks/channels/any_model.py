"""Models of other packages: true macs, cut to half of them, exact.

Backbones of keras-hub with a classifier on top, and classifiers of kimm, built
from a small config without weights; sequences have 16 places. Each one's macs
are compared with those of its LiteRT file's operators; it is cut to half,
compared with the masked original, saved, loaded and converted. One process a
model; the table is written after each, and a second run goes on where the first
stopped. keras-hub and kimm are installed beside tfdcu (`pip install keras-hub
kimm`).

    python -m benchmarks.channels.any_model            # all that are missing
    python -m benchmarks.channels.any_model ViT BERT
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.channels.applications import write

TABLE = Path(__file__).parent / "any_model.json"
SIZE = 64


def _text(kind, **options):
    """A backbone of keras-hub for tokens."""

    def build():
        import keras_hub

        defaults = {
            "vocabulary_size": 100,
            "num_layers": 2,
            "num_heads": 4,
            "hidden_dim": 64,
            "intermediate_dim": 128,
        }
        given = {**defaults, **options}
        given = {key: value for key, value in given.items() if value != "-"}
        return getattr(keras_hub.models, f"{kind}Backbone")(**given)

    return build


def _hub(kind, **options):
    """A backbone of keras-hub for images."""

    def build():
        import keras_hub

        return getattr(keras_hub.models, f"{kind}Backbone")(**options)

    return build


def _patches(kind, **options):
    """A vision transformer of keras-hub, by the name of its class."""

    def build():
        import keras_hub

        return getattr(keras_hub.models, kind)(
            image_shape=(SIZE, SIZE, 3),
            patch_size=16,
            num_layers=2,
            num_heads=4,
            hidden_dim=64,
            **options,
        )

    return build


def _kimm(kind):
    def build():
        import kimm

        shape = (SIZE, SIZE, 3)
        return getattr(kimm.models, kind)(
            input_shape=shape,
            weights=None,
            classes=10,
            classifier_activation=None,
        )

    return build


def _hgnet():
    import keras_hub

    return keras_hub.models.HGNetV2Backbone(
        depths=[1, 1, 1],
        embedding_size=32,
        hidden_sizes=[64, 128, 256],
        stem_channels=[3, 16, 32],
        hidden_act="relu",
        use_learnable_affine_block=True,
        num_channels=3,
        stackwise_stage_filters=[
            (32, 16, 64, 1, 1, 3),
            (64, 32, 128, 2, 1, 3),
            (128, 64, 256, 4, 1, 3),
        ],
        apply_downsample=[False, True, True],
        use_lightweight_conv_block=[False, False, True],
        image_shape=(SIZE, SIZE, 3),
    )


def _segformer():
    import keras_hub

    encoder = MODELS["MiT"]()
    return keras_hub.models.SegFormerBackbone(
        image_encoder=encoder, projection_filters=32
    )


_WIDE = {"max_sequence_length": 32}
MODELS = {
    "BERT": _text("Bert", **_WIDE),
    "DistilBERT": _text("DistilBert", **_WIDE),
    "RoBERTa": _text("Roberta", **_WIDE),
    "XLM-RoBERTa": _text("XLMRoberta", **_WIDE),
    "ALBERT": _text("Albert", embedding_dim=32, **_WIDE),
    "ELECTRA": _text(
        "Electra",
        vocab_size=100,
        vocabulary_size="-",
        embedding_dim=64,
        **_WIDE,
    ),
    "DeBERTaV3": _text("DebertaV3", bucket_size=16, **_WIDE),
    "FNet": _text("FNet", num_heads="-", **_WIDE),
    "RoFormerV2": _text("RoformerV2", head_size=16, max_wavelength=10000),
    "ESM": _text(
        "ESM2", max_wavelength=10000, activation="gelu", use_pre_layer_norm=True
    ),
    "GPT-2": _text("GPT2", **_WIDE),
    "GPT-NeoX": _text("GPTNeoX", **_WIDE),
    "OPT": _text("OPT", **_WIDE),
    "Bloom": _text("Bloom", **_WIDE),
    "Llama": _text(
        "Llama", num_heads="-", num_query_heads=4, num_key_value_heads=2
    ),
    "Mistral": _text(
        "Mistral",
        num_heads="-",
        num_query_heads=4,
        num_key_value_heads=2,
        sliding_window=16,
    ),
    "Qwen2": _text(
        "Qwen", num_heads="-", num_query_heads=4, num_key_value_heads=2
    ),
    "Gemma": _text(
        "Gemma",
        num_heads="-",
        num_query_heads=4,
        num_key_value_heads=1,
        head_dim=16,
    ),
    "Phi3": _text(
        "Phi3", num_heads="-", num_query_heads=4, num_key_value_heads=2
    ),
    "Falcon": _text("Falcon", num_heads="-", num_attention_heads=4, **{}),
    "BART": _text("Bart", **_WIDE),
    "T5": _text("T5"),
    "Whisper": _text(
        "Whisper",
        num_mels=80,
        max_encoder_sequence_length=64,
        max_decoder_sequence_length=32,
    ),
    "ViT": _patches("ViTBackbone", mlp_dim=128),
    "DeiT": _patches("DeiTBackbone", intermediate_dim=128),
    "DINOv2": _patches(
        "DINOV2Backbone",
        intermediate_dim=128,
        position_embedding_shape=(SIZE, SIZE),
    ),
    "SigLIP": _patches("SigLIPVisionEncoder", intermediate_dim=128),
    "MiT": _hub(
        "MiT",
        layerwise_num_heads=[1, 2],
        layerwise_depths=[1, 1],
        num_layers=2,
        layerwise_sr_ratios=[4, 2],
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=[7, 3],
        layerwise_strides=[4, 2],
        image_shape=(SIZE, SIZE, 3),
        hidden_dims=[32, 64],
    ),
    "Swin": _hub(
        "SwinTransformer",
        image_shape=(SIZE, SIZE, 3),
        patch_size=4,
        embed_dim=32,
        depths=(2, 2),
        num_heads=(2, 4),
        window_size=4,
    ),
    "SegFormer": _segformer,
    "HGNetV2": _hgnet,
    "ResNet": _hub(
        "ResNet",
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128],
        stackwise_num_blocks=[2, 2],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
        image_shape=(SIZE, SIZE, 3),
    ),
    "DenseNet": _hub(
        "DenseNet",
        stackwise_num_repeats=[2, 2],
        compression_ratio=0.5,
        growth_rate=16,
        image_shape=(SIZE, SIZE, 3),
    ),
    "VGG": _hub(
        "VGG",
        stackwise_num_repeats=[1, 1, 1],
        stackwise_num_filters=[16, 32, 64],
        image_shape=(SIZE, SIZE, 3),
    ),
    "CSPNet": _hub(
        "CSPNet",
        stem_filters=16,
        stem_kernel_size=3,
        stem_strides=1,
        stackwise_num_filters=[16, 32],
        stackwise_depth=[1, 1],
        stackwise_strides=2,
        block_type="dark_block",
        stage_type="dark",
        image_shape=(SIZE, SIZE, 3),
    ),
    "Xception": _hub(
        "Xception",
        stackwise_conv_filters=[[32, 64], [64, 64]],
        stackwise_pooling=[True, True],
        image_shape=(SIZE, SIZE, 3),
    ),
    **{
        f"kimm {kind}": _kimm(kind)
        for kind in (
            "EfficientNetLiteB0",
            "GhostNetW050",
            "GhostNetV2W100",
            "HGNetV2B0",
            "InceptionNeXtTiny",
            "LCNet050",
            "MobileNetV2W050",
            "MobileOneS0",
            "MobileViTV2W050",
            "RegNetX002",
            "RepVGGA0",
        )
    },
}


def measure(name):
    """One row of the table, measured in this process."""
    import keras
    import numpy as np

    from tfdcu.graph.profile import profile
    from tfdcu.pruning import plan_channels
    from tfdcu.pruning.masked import difference

    keras.utils.set_random_seed(0)
    row = {"name": name}
    model = classifier(MODELS[name]())
    generator = np.random.default_rng(0)
    for weight in model.weights:
        if "float" in weight.dtype:
            # Equal kernels of several layers would be one in the file.
            value = weight.numpy() * generator.uniform(0.9, 1.1, weight.shape)
            if len(weight.shape) == 1:
                value += generator.uniform(0, 0.02, weight.shape)
            weight.assign(value)
    given = inputs_for(model, generator)
    row["params"] = model.count_params()
    row["macs"] = profile(model)["macs"]
    start = time.perf_counter()
    try:
        plan = plan_channels(model, macs=0.5)
        row["seconds"] = time.perf_counter() - start
        row["macs_left"] = plan.after["macs"] / plan.before["macs"]
        row["closed"] = plan.unprunable()
        smaller = plan.apply()
        row["counted"] = profile(smaller)["macs"] / plan.after["macs"]
        row["difference"] = difference(smaller, plan.masked(), given)
        row["effect"] = difference(smaller, model, given)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "small.keras"
            smaller.save(path)
            loaded = keras.models.load_model(path)
            row["loaded"] = difference(loaded, smaller, given)
    except Exception as error:
        row["reason"] = f"{type(error).__name__}: {error}"[:600]
    try:
        row["file_macs"] = file_macs(converted(model))
        if "difference" in row:
            file = converted(smaller)
            row["small_file_macs"] = file_macs(file)
            row["float32"] = file_difference(file, smaller, given)
            file = converted(smaller, given)
            row["int8"] = file_difference(file, smaller, given)
    except Exception as error:
        row["file_reason"] = f"{type(error).__name__}: {error}"[-300:]
    return row


def classifier(backbone):
    """A model for inputs of known size, with logits of ten classes."""
    import keras

    def fixed(tensor):
        shape = [size or 16 for size in tensor.shape[1:]]
        return keras.Input(shape, dtype=tensor.dtype, name=tensor.name)

    inputs = keras.tree.map_structure(fixed, backbone.input)
    found = keras.tree.flatten(backbone(inputs))
    # Some have a pooled vector beside the features of each place.
    x = max(found, key=lambda tensor: len(tensor.shape) > 2)
    if len(x.shape) == 2:
        return keras.Model(inputs, x)
    x = keras.ops.mean(x, axis=list(range(1, len(x.shape) - 1)))
    return keras.Model(inputs, keras.layers.Dense(10)(x))


def inputs_for(model, generator):
    """Random inputs in the structure that a model takes."""
    import keras

    def make(tensor):
        shape = [2] + [size or 16 for size in tensor.shape[1:]]
        if "mask" in tensor.name:
            return generator.integers(0, 2, shape).astype(tensor.dtype) * 0 + 1
        if "int" in tensor.dtype:
            most = 2 if "segment" in tensor.name else 50
            return generator.integers(0, most, shape).astype(tensor.dtype)
        return generator.random(shape, dtype="float32").astype(tensor.dtype)

    return keras.tree.map_structure(make, model.input)


def converted(model, images=None):
    """The LiteRT file for one input, as bytes; int8 if calibrated on inputs."""
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    specs = [tf.TensorSpec([1, *t.shape[1:]], t.dtype) for t in model.inputs]

    @tf.function(autograph=False)
    def run(*values):
        given = keras.tree.pack_sequence_as(model.input, values)
        return keras.tree.flatten(model(given, training=False))

    # With one image: of free sizes the file does not know all shapes.
    function = convert_variables_to_constants_v2(
        run.get_concrete_function(*specs)
    )
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function], model
    )
    converter.target_spec.supported_ops = [
        tf.lite.OpsSet.TFLITE_BUILTINS,
        tf.lite.OpsSet.SELECT_TF_OPS,
    ]
    if images is not None:
        images = keras.tree.flatten(images)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [value[row : row + 1] for value in images]
            for row in range(len(images[0]))
        )
    return converter.convert()


def file_macs(file):
    """Macs of the operators of a file."""
    from tfdcu.export.flatbuffer import inspect_litert

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(file)
        return sum(inspect_litert(path)["macs"].values())


def file_difference(file, model, images):
    """Largest difference of a file's outputs, over the largest output."""
    import keras
    import numpy as np
    import tensorflow as tf

    expected = keras.ops.convert_to_numpy(model(images, training=False))[:1]
    interpreter = tf.lite.Interpreter(model_content=file)
    interpreter.allocate_tensors()
    values = keras.tree.flatten(images)
    for detail, value in zip(
        interpreter.get_input_details(), values, strict=True
    ):
        interpreter.set_tensor(detail["index"], value[:1])
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def render(rows):
    """The table as Markdown."""
    lines = [
        "# Models of keras-hub and kimm at half their macs",
        "",
        "Written by `python -m benchmarks.channels.any_model`, from small "
        "configs without weights. `file` is the macs of the LiteRT file's "
        "operators over those counted. `difference` is the largest difference "
        "of the outputs to those of the masked original, over the largest "
        "output; `effect` that to the original; `loaded` that of the saved "
        "and loaded model; `float32` and `int8` those of its LiteRT files, "
        "int8 calibrated on the two random inputs.",
        "",
        "| model | macs (M) | file | macs left | difference | effect | loaded "
        "| float32 | int8 | plan s | not opened, or why not cut |",
        "|---|" + "---:|" * 9 + "---|",
    ]
    for row in rows:
        file = row.get("file_macs")
        ratio = f"{file / row['macs']:.3f}" if file and row["macs"] else "–"
        reasons = [row["reason"]] if "reason" in row else row.get("closed", ())
        why = "; ".join([*reasons, *filter(None, [row.get("file_reason")])])
        why = row.get("error", why).replace("\n", " ").replace("|", "/")[-300:]
        cells = [
            row["name"],
            f"{row['macs'] / 1e6:.3g}" if row.get("macs") else "–",
            ratio,
            *(
                f"{row[key]:{form}}" if key in row else "–"
                for key, form in (
                    ("macs_left", ".3f"),
                    ("difference", ".1e"),
                    ("effect", ".1e"),
                    ("loaded", ".1e"),
                    ("float32", ".1e"),
                    ("int8", ".1e"),
                    ("seconds", ".1f"),
                )
            ),
            why,
        ]
        lines.append("| " + " | ".join(cells) + " |")
    exact = [r for r in rows if r.get("difference", 1) < 1e-5]
    lines += [
        "",
        f"{len(exact)} of {len(rows)} are cut and exact to 1e-5.",
    ]
    return "\n".join(lines) + "\n"


def main(chosen):
    rows = json.loads(TABLE.read_text()) if TABLE.exists() else []
    done = {row["name"] for row in rows}
    for name in chosen or MODELS:
        if name in done and not chosen:
            continue
        command = [sys.executable, "-m", __spec__.name, "--one", name]
        result = subprocess.run(command, capture_output=True, text=True)
        lines = [x for x in result.stdout.splitlines() if x.startswith("{")]
        if result.returncode == 0 and lines:
            row = json.loads(lines[-1])
        else:
            lines = result.stderr.strip().splitlines() or ["no output"]
            row = {"name": name, "error": lines[-1][-400:]}
        rows = [r for r in rows if r["name"] != name] + [row]
        rows.sort(key=lambda r: list(MODELS).index(r["name"]))
        write(TABLE, json.dumps(rows, indent=1) + "\n")
        write(TABLE.with_suffix(".md"), render(rows))
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(sys.argv[2])))
    else:
        main(sys.argv[1:])
