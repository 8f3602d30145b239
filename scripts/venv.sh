# Sourced by the shell scripts: goes to the root, makes .venv and installs into it.
# Usage: source venv.sh <what pip installs>, with another folder as VENV=...

cd "$(dirname "${BASH_SOURCE[0]}")/.."

missing() {
  echo "$1 is missing. Expected: $2. On Debian: apt-get install $3" >&2
  exit 1
}

python=${PYTHON:-python3}
command -v "$python" >/dev/null ||
  missing "$python" "Python 3.11 to 3.13" "python3 python3-venv"
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' ||
  missing "A suitable Python" "3.11 to 3.13, not $("$python" -V 2>&1)" python3.11
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
  missing "The venv module" "python3 with venv and pip" python3-venv

# The mark names what was installed, so that a changed pyproject.toml installs anew.
venv=${VENV:-.venv}
mark="$venv/installed-$(echo "$1" | cat - pyproject.toml | cksum | cut -d' ' -f1)"
if [ ! -e "$mark" ]; then
  echo "Installing into $venv (about 3 GB, some minutes) ..."
  [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e "$1"
  rm -f "$venv"/installed-*
  touch "$mark"
fi
