"""Lets the site show files beside `docs/`: a hook of mkdocs.

Pages link to them as on the disk, `../CHANGELOG.md`, so that they can be read
as plain Markdown too; the site gets a copy of each linked file, and the link
is changed to it.
"""

import re
from pathlib import Path

from mkdocs.structure.files import File

OUTSIDE = re.compile(r"\]\(\.\./([\w./-]+)")
BESIDE = re.compile(r"\]\(([\w][\w./-]*\.\w+)\)")


def on_files(files, config):
    """Add what pages link to outside of `docs/`, and what that links to."""
    docs = Path(config["docs_dir"])
    root = docs.parent
    for name in sorted(linked(docs, root)):
        files.append(
            File.generated(config, name, abs_src_path=str(root / name))
        )
    return files


def linked(docs, root):
    """Paths of the files, relative to the root of the project."""
    found, seen = set(), set()
    for page in docs.glob("*.md"):
        found.update(OUTSIDE.findall(page.read_text("utf-8")))
    while found - seen:
        name = (found - seen).pop()
        seen.add(name)
        if name.endswith(".md"):
            text = (root / name).read_text("utf-8")
            folder = Path(name).parent
            found.update(str(folder / link) for link in BESIDE.findall(text))
    return {name for name in found if not name.startswith("docs/")}


def on_page_markdown(markdown, page, config, files):
    """Links as the site has them: `docs/` is its root."""
    # Files at the root link to pages as `docs/`.
    return OUTSIDE.sub(r"](\1", markdown).replace("](docs/", "](")
