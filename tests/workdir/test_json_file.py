import pytest

from tfdcu.workdir.json_file import read_json


def test_what_is_written_is_read(tmp_path):
    (tmp_path / "a.json").write_text('{"ä": [1, null]}', "utf-8")
    assert read_json(tmp_path / "a.json") == {"ä": [1, None]}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_every_damage_is_one_kind_of_error(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError):
        read_json(tmp_path / "a.json")
