#!/usr/bin/env bash
# The main job on the embedded example: a teacher of handwritten digits, five
# labels a class and a pool of printed characters become LiteRT files.
# Safe to run again: it goes on where it stopped, in runs/digits.
set -euo pipefail
source "$(dirname "$0")/venv.sh" .

# TensorFlow's own start-up notes; everything else passes.
quietly() {
  "$@" 2> >(grep -v -e '^[IWE]0000 ' -e 'absl::InitializeLog' >&2)
}

quietly .venv/bin/python -m scripts.train_teacher --config=configs/digits.py
quietly .venv/bin/python -m scripts.compress --config=configs/digits.py \
  --workdir=runs/digits
echo "Draw a digit in your browser: .venv/bin/python -m scripts.try_it \
--workdir=runs/digits"
