"""The Markdown pages of the project and the code in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Folders that are made, beside those whose names begin with a dot.
MADE = {"build", "example", "node_modules", "runs"}

# What the pages ask for, in small: fewer printed characters and images, one
# round of pruning, and times that are not measured.
SMALL = """
import tfdcu
tfdcu.data.sources.printed.NUM_IMAGES = 600
images_of = tfdcu.data.images_of
tfdcu.data.images_of = lambda source, num=32: images_of(source, min(num, 32))
tfdcu.litert_latency = lambda model: 1e-6 * tfdcu.profile(model)["macs"]
from tfdcu.pruning import prune
prune.ROUNDS = 1
"""


def blocks(language, page):
    """The code blocks of a page in one language, as it stands."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.S | re.M
    )


def pages():
    """All Markdown files of the project."""
    return [path for path in sorted(ROOT.rglob("*.md")) if is_kept(path)]


def is_kept(path):
    parts = path.relative_to(ROOT).parts
    made = any(part.startswith(".") for part in parts) or MADE & set(parts)
    return not made or parts[0] == ".github"
