"""Programs that run LiteRT files elsewhere, of `scripts/clients.sh`."""

import http.server
import json
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

CLIENTS = Path(__file__).parents[2] / ".clients"
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "google-chrome"))), None
)


def folder_of(name):
    """The folder of an installed client; else the test is skipped."""
    folder = CLIENTS / name
    if not (folder / "installed").exists():
        pytest.skip(f"needs .clients/{name} of ./scripts/check.sh --slow")
    return folder


def run_python(name, program, *arguments):
    """Runs a program in a client's environment; what it prints as JSON."""
    python = folder_of(name) / "bin" / "python"
    process = subprocess.run(
        [python, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return json.loads(process.stdout.splitlines()[-1])


PAGE = """<!doctype html><meta charset="utf-8">
<script type="importmap">{"imports": {
  "@litertjs/core": "/node_modules/@litertjs/core/dist/index.js",
  "@litertjs/wasm-utils": "/node_modules/@litertjs/wasm-utils/dist/index.js"
}}</script>
<script>
const say = (found) =>
  fetch("/found", {method: "POST", body: JSON.stringify(found)});
addEventListener("unhandledrejection", (e) => say({error: String(e.reason)}));
addEventListener("error", (e) => say({error: e.message}));
</script>
<script type="module">%s</script>
"""


def run_in_browser(folder, script, seconds=120):
    """Runs a module in a page of headless Chromium, with LiteRT.js.

    Args:
        folder: What the page may fetch.
        script: JavaScript that ends with a call of `say`, whose argument is
            what comes back.
        seconds: How long to wait.
    """
    modules = folder_of("web") / "node_modules"
    if BROWSER is None:
        pytest.skip("needs chromium: apt-get install chromium")
    found, done = [], threading.Event()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def translate_path(self, path):
            if path.startswith("/node_modules/"):
                return str(modules.parent) + path
            return str(folder) + path

        def do_GET(self):
            if self.path != "/":
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.replace("%s", script).encode())

        def do_POST(self):
            length = int(self.headers["Content-Length"])
            found.append(json.loads(self.rfile.read(length)))
            self.send_response(204)
            self.end_headers()
            done.set()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = subprocess.Popen(
            [
                BROWSER,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                f"http://127.0.0.1:{server.server_port}/",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert done.wait(seconds), "the page did not answer"
        finally:
            browser.terminate()
            browser.wait()
            server.shutdown()
    return found[0]
