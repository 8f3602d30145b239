import base64
import errno
import html.parser
import os
import re

import pytest

from tests.support import tiny
from tfdcu.report import accuracy_figure
from tfdcu.report import headline
from tfdcu.report import render
from tfdcu.report import write_report
from tfdcu.report.page import flat
from tfdcu.workdir import atomic as whole

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>"


class Page(html.parser.HTMLParser):
    """What a browser would find: tags with attributes, and the text."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.words = [], ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_rendering_twice_gives_the_same_files(tmp_path):
    record = tiny.report_record()
    samples = {"labeled": (tiny.images(4), [0, 1, 0, 1])}
    page = render(record, tmp_path, samples)
    assert page == tmp_path / "report.html"
    first = files(tmp_path)
    assert sorted(first) == [
        "figures/accuracy.png",
        "figures/relative.png",
        "figures/samples.png",
        "figures/training.png",
        "report.html",
        "report.md",
    ]
    assert first["figures/accuracy.png"] == accuracy_figure(record["rows"])
    write_report(tmp_path / "report.json", record)
    render(tmp_path / "report.json", tmp_path)
    del first["figures/samples.png"]
    assert first.items() <= files(tmp_path).items()


def test_the_page_holds_its_pictures_and_fetches_nothing(tmp_path):
    record = tiny.report_record()
    page = Page(render(record, tmp_path))
    pictures = [attrs["src"] for tag, attrs in page.tags if tag == "img"]
    assert [
        base64.b64decode(source.removeprefix("data:image/png;base64,"))
        for source in pictures
    ] == [
        (tmp_path / "figures" / f"{name}.png").read_bytes()
        for name in ("accuracy", "relative", "training")
    ]
    for tag, attrs in page.tags:
        assert tag not in ("script", "link", "iframe")
        assert "href" not in attrs
        assert attrs.get("src", "data:").startswith("data:")


def test_page_and_markdown_say_the_same(tmp_path):
    record = tiny.report_record()
    page = Page(render(record, tmp_path))
    markdown = (tmp_path / "report.md").read_text("utf-8")
    for said in (
        headline(record["rows"]),
        "8.0x smaller",
        "The int8 file is slower here.",
        "transfer.mimic",
        "noise",
        "4127",
        "1 min 30 s",
        "1 min 31 s",
        "3.15.1",
        "zero, one",
    ):
        assert said in page.words
        assert said in markdown
    for path in re.findall(r"\]\((.*?)\)", markdown):
        assert (tmp_path / path).is_file()


def test_names_and_notes_are_escaped(tmp_path):
    record = tiny.report_record()
    harmless = Page(render(record, tmp_path)).tags
    record["classes"] = [HOSTILE]
    record["notes"] = [HOSTILE]
    record["config"] = {"seed": HOSTILE, "transfer": {"mimic": HOSTILE}}
    record["rows"][2]["name"] = HOSTILE
    page = Page(render(record, tmp_path))
    tags = [tag for tag, _ in page.tags]
    assert tags == [tag for tag, _ in harmless]
    assert not any("onerror" in attrs for _, attrs in page.tags)
    assert HOSTILE in page.words
    assert "<script" not in (tmp_path / "report.md").read_text("utf-8")
    assert "<img" not in (tmp_path / "report.md").read_text("utf-8")


def test_new_mistakes_are_shown_and_kept(tmp_path):
    record = tiny.report_record()
    pair = {"class": "one", "taken_for": "zero", "images": 3}
    row = {"class": "one", "images": 9, "teacher": 1.0, "student": 0.7}
    record["mistakes"] = {"by_class": [row], "pairs": [pair]}
    page = render(record, tmp_path, None, (tiny.images(1), ["one\n→ zero"]))
    assert "one, taken for zero" in Page(page).words
    first = files(tmp_path)
    assert {"figures/classes.png", "figures/mistakes.png"} < set(first)
    render(record, tmp_path)
    assert files(tmp_path) == first


def test_rows_alone_are_enough(tmp_path):
    page = Page(render({"rows": [tiny.report_row()]}, tmp_path))
    assert "img" not in [tag for tag, _ in page.tags]
    assert sorted(files(tmp_path)) == ["report.html", "report.md"]


def test_a_bad_record_writes_nothing(tmp_path):
    with pytest.raises(ValueError, match="`rows` of a record"):
        render({"rows": []}, tmp_path)
    with pytest.raises(ValueError, match="cannot be read"):
        render(tmp_path / "report.json", tmp_path)
    with pytest.raises(ValueError, match="cannot be shown"):
        render(tiny.report_record(), tmp_path, {"pool": tiny.images()[0]})
    assert os.listdir(tmp_path) == []


def test_a_full_disk_keeps_the_old_report(tmp_path, monkeypatch):
    record = tiny.report_record()
    render(record, tmp_path)
    before = files(tmp_path)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(whole.os, "fsync", full)
    with pytest.raises(OSError, match="disk filled up"):
        render({**record, "notes": ["new"]}, tmp_path)
    assert files(tmp_path) == before


def test_nested_dicts_are_flattened():
    tree = {
        "a": {"b": {"c": 1.5, "d": None}, "e": {}},
        "f": list(range(25)),
        "g": [{"file": "a.gif", "reason": "animated"}],
    }
    assert flat(tree) == {
        "a.b.c": "1.5",
        "a.b.d": "null",
        "a.e": "none",
        "g": "a.gif: animated",
        "f": ", ".join(map(str, range(20))) + ", and 5 more",
    }


def test_names_cannot_tell_a_terminal_what_to_do(tmp_path):
    record = tiny.report_record()
    name = "\x1b]0;title\x07\x1b[31mred\r\nfake row\x9b2J"
    record["classes"] = [name, "one"]
    record["notes"] = [f"None are of {name}."]
    record["skipped"] = {name: [{"file": name, "reason": "broken"}]}
    record["mistakes"] = {
        "pairs": [{"class": name, "taken_for": name, "images": 3}],
        "by_class": [
            {"class": name, "images": 3, "teacher": 1.0, "student": 0.5}
        ],
    }
    render(record, tmp_path, {"labeled": (tiny.images(4), [0, 1, 0, 1])})
    for file in ("report.md", "report.html"):
        text = (tmp_path / file).read_text("utf-8")
        assert "red fake row 2J" in text
        assert all(c.isprintable() or c == "\n" for c in text), file
