"""What the shim writes without the json module is JSON, whole, and fits."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho.worker import shim_files

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values)
def test_what_is_encoded_is_what_json_reads(value: object) -> None:
    assert json.loads(shim_files.encode(value)) == value


@given(value=values)
def test_what_json_wrote_is_read_as_json_reads_it(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "value.json"
    path.write_text(json.dumps(value))
    assert shim_files.read_json(str(path)) == value


@given(killed=st.lists(st.text(max_size=100), max_size=300), left=st.lists(st.text(max_size=100), max_size=300))
def test_the_last_word_fits_its_room_and_every_process_is_counted(killed: list[str], left: list[str]) -> None:
    lists = [[{"pid": 4_000_000, "command": command} for command in names] for names in (killed, left)]
    text = shim_files.encode_exit({"failure": {"message": "\U0001d56c" * 100}}, *lists)
    assert len(text) <= shim_files.EXIT_BYTES_MAX
    said = json.loads(text)
    assert said["killed"] == lists[0][: len(said["killed"])]
    assert len(said["killed"]) + said["killed_more"] == len(killed)
    assert len(said["left"]) + said["left_more"] == len(left)


def test_a_fact_is_whole_under_its_name_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fact.new").write_bytes(b"what somebody did not get to the end of")
    for text in (b"a fact", b"another"):
        shim_files.write_fact("fact", text)
        assert [path.name for path in tmp_path.iterdir()] == ["fact"]
        assert (tmp_path / "fact").read_bytes() == text


def test_the_last_word_takes_no_more_room_than_it_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shim_files.reserve_exit()
    (reserved,) = tmp_path.iterdir()
    room = reserved.stat()
    assert (room.st_size, room.st_blocks * 512) == (shim_files.EXIT_BYTES_MAX, shim_files.EXIT_BYTES_MAX)
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(reserved.read_bytes())  # it says nothing yet
    shim_files.write_exit(b'{"ended": "exit"}')
    (written,) = tmp_path.iterdir()
    assert (written.name, json.loads(written.read_bytes())) == ("exit.json", {"ended": "exit"})
    after = written.stat()
    assert (after.st_ino, after.st_size, after.st_blocks) == (room.st_ino, room.st_size, room.st_blocks)
