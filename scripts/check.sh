#!/usr/bin/env bash
# Lint and the tests; `--slow` runs the slow tests, those of Apache Beam in an
# environment of their own, .venv-beam, and LiteRT files in the programs that apps
# use, below .clients; other arguments go to pytest.
set -euo pipefail
source "$(dirname "$0")/venv.sh" ".[dev]"

export TF_CPP_MIN_LOG_LEVEL=${TF_CPP_MIN_LOG_LEVEL:-2}
if [ "${1:-}" = "--slow" ]; then
  shift
  set -- -m slow "$@"
  (
    # Beam holds other packages back.
    VENV=.venv-beam source scripts/venv.sh ".[beam,dev]"
    .venv-beam/bin/python -m pytest -m "slow or not slow" tests/pool/test_beam.py
  )
  source scripts/clients.sh
fi
.venv/bin/ruff check .
.venv/bin/ruff format --check .
# In their own order: files of few tests, some of them long, are not left for last.
.venv/bin/python -m pytest --numprocesses auto --dist loadfile \
  --no-loadscope-reorder "$@"
