"""Try teacher and student of a run side by side in your browser.

    tfdcu try --workdir=runs/digits

serves one page on this machine alone. A picture that is dropped there, taken
or drawn is classified inside the page by LiteRT.js and sent nowhere.
"""

import functools
import http.server
import json
import shutil
import signal
import subprocess
from pathlib import Path

from tfdcu_cli.flag import Flag

CONFIG = None
FLAGS = (
    Flag("workdir", "Folder of a finished run.", required=True),
    Flag("port", "Port of the page; 0: any free one.", "number", default=8080),
    Flag("litertjs", "Folder with node_modules/@litertjs/core."),
)

PACKAGE = "@litertjs/core@2.5.3"
CACHE = Path.home() / ".cache" / "tfdcu" / "litertjs"
PAGE = Path(__file__).with_name("try_it.html")
# The first of these that a run has is shown.
STUDENTS = ("web", "android", "int8", "weight8", "float16", "float32")


def run(values):
    models = models_of(Path(values.workdir))
    modules = litertjs(values.litertjs)
    address = ("127.0.0.1", values.port)
    handler = functools.partial(Handler, models, modules)
    server = http.server.ThreadingHTTPServer(address, handler)
    # Nothing of it has to go on.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with server:
        url = f"http://127.0.0.1:{server.server_port}"
        print(f"Open {url} in a browser; Ctrl-C ends it.", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


def models_of(workdir):
    """The files that are shown: dict from title to `LiteRTModel`."""
    import tfdcu

    kinds = {"teacher": ("float32",), "student": STUDENTS}
    found = {}
    for name, formats in kinds.items():
        paths = (workdir / f"{name}_{kind}.tflite" for kind in formats)
        for path in paths:
            if path.is_file():
                model = tfdcu.LiteRTModel(path)
                if model.quantization["input"]["dtype"] == "float32":
                    found[name] = model
                    break
    if "student" not in found:
        raise ValueError(
            "There is no file that a browser runs. Expected: a folder with "
            "student_web.tflite or another file that takes floats, as a run "
            f"makes it. Received: '{workdir}'"
        )
    shape = found["student"].output_shape
    if not isinstance(shape, tuple) or len(shape) > 1:
        raise ValueError(
            "The page shows the classes of photos. Expected: files that give "
            "one row of scores; for others the JSON file beside each has a "
            f"program. Received: outputs of shape {shape} in '{workdir}'"
        )
    return found


def litertjs(given=None):
    """The folder of `node_modules`, which npm fills on first use.

    Args:
        given: Path of a folder that has it. Defaults to the user's cache.
    """
    folder = Path(given) if given else CACHE
    modules = folder / "node_modules"
    if (modules / "@litertjs" / "core").is_dir():
        return modules.resolve()
    wanted = (
        f"npm and a network, or --litertjs=DIR, where `npm install {PACKAGE}` "
        "was run"
    )
    if given or shutil.which("npm") is None:
        raise ValueError(
            f"LiteRT.js is not there. Expected: {wanted}. Received: no "
            f"'{modules / '@litertjs' / 'core'}'"
        )
    print(f"Fetching {PACKAGE} (about 40 MB) into {folder} ...", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--prefix", ".", PACKAGE],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if process.returncode:
        raise ValueError(
            f"LiteRT.js could not be fetched. Expected: {wanted}. Received: "
            f"{process.stderr.strip()[-300:]}"
        )
    return modules.resolve()


def describe(models):
    """What the page must know of the models, ready for JSON."""
    return [
        {
            "title": title,
            "file": model.path.name,
            "bytes": model.path.stat().st_size,
            "shape": model.input_shape,
            "range": model.value_range,
            "classes": model.classes
            or [f"class {index}" for index in range(model.num_classes)],
            "output": model.output,
        }
        for title, model in models.items()
    ]


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the page, the models and LiteRT.js; nothing else."""

    extensions_map = {
        ".js": "text/javascript",
        ".wasm": "application/wasm",
        ".html": "text/html; charset=utf-8",
        ".jpg": "image/jpeg",
        "": "application/octet-stream",
    }

    def __init__(self, models, modules, *args, **options):
        self.models, self.modules = models, modules
        super().__init__(*args, **options)

    def do_GET(self):
        if self.path != "/about.json":
            return super().do_GET()
        content = json.dumps(describe(self.models)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def translate_path(self, path):
        name = path.split("?")[0].lstrip("/")
        if not name:
            return str(PAGE)
        folder = next(iter(self.models.values())).path.parent
        served = {m.path.name: m.path for m in self.models.values()}
        served["example.jpg"] = folder / "example.jpg"
        if name in served:
            return str(served[name])
        if name.startswith("node_modules/"):
            file = (self.modules.parent / name).resolve()
            if file.is_relative_to(self.modules) and file.is_file():
                return str(file)
        return str(PAGE.with_name("nothing"))

    def log_message(self, *_):
        pass
