#!/usr/bin/env bash
# The main job on the embedded example: a teacher of handwritten digits, five
# labels a class and a pool of printed characters become LiteRT files.
# Safe to run again: it goes on where it stopped, in runs/digits.
set -euo pipefail
source "$(dirname "$0")/venv.sh" .

.venv/bin/tfdcu demo
