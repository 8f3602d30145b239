# Sourced by check.sh: what runs LiteRT files elsewhere, each in an environment
# of its own below .clients, for tests/export/test_real_clients.py. One that
# cannot be installed is left out, and its tests say so.
client() {
  local folder=.clients/$1 packages=${*:2}
  [ -e "$folder/installed" ] && return
  echo "Installing into $folder ..."
  rm -rf "$folder"
  if [ "$1" = web ]; then
    mkdir -p "$folder"
    (cd "$folder" && npm install --silent --no-audit --no-fund $packages)
  else
    .venv/bin/python -m venv "$folder"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check $packages
  fi && touch "$folder/installed" || echo "$packages: cannot be installed" >&2
}

client web @litertjs/core@2.5.3
client mediapipe mediapipe==1.2.3
client micro tflite-micro numpy
client vela ethos-u-vela==5.2.0
command -v chromium >/dev/null || command -v google-chrome >/dev/null ||
  echo "No browser: apt-get install chromium" >&2
