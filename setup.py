"""Installs tfdcu: `pip install .`; to work on it, `pip install -e ".[dev]"`."""

from pathlib import Path

from setuptools import find_packages
from setuptools import setup

setup(
    name="tfdcu",
    version="0.1.0",
    description=(
        "Compress a trained Keras classifier into a small, fast LiteRT file "
        "with a few labeled images and a pool of unlabeled ones."
    ),
    long_description=Path(__file__).with_name("README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["tfdcu", "tfdcu.*"]),
    package_data={"tfdcu.report": ["*.jinja"]},
    install_requires=[
        "absl-py",
        "ai-edge-litert>=2.3",
        # One run at a time in a workdir.
        "filelock>=3.12",
        # Softmax and metadata are written into LiteRT files with it.
        "flatbuffers>=25",
        "jinja2>=3.1",
        # 3.13 brought `model.export(format="litert")`.
        "keras>=3.13",
        # The search mends its oracles through a few private names.
        "keras-tuner==1.4.*",
        "matplotlib>=3.9",
        "ml_collections>=1.1",
        "pillow>=10",
        "scikit-learn>=1.5",
        # keras-tuner imports scipy and tensorboard inside its trials.
        "scipy>=1.13",
        "tensorboard",
        "tensorflow>=2.20,<2.22",
        "tensorflow-datasets>=4.9.7",
        # Sparsify drives TFMOT's engine, which lives under a private path:
        # a new minor version is adopted by hand, after the tests.
        "tensorflow-model-optimization==0.8.*",
        # TFMOT imports it, and it must match TensorFlow's minor version.
        "tf_keras>=2.20,<2.22",
        # scikit-learn brings it; the search limits its threads.
        "threadpoolctl",
        "tqdm>=4.66",
    ],
    extras_require={
        # `tfdcu.pool.beam`. TensorFlow 2.21 needs protobuf 6, which Beam allows
        # since 2.69. Beam holds pillow, protobuf and pyarrow back, so it is
        # not among what everybody installs.
        "beam": ["apache-beam>=2.69,<3"],
        "dev": [
            "hypothesis>=6",
            "pytest>=8",
            "pytest-xdist>=3.7",
            "ruff==0.17.*",
        ],
    },
)
