import os
import socket
import stat
from pathlib import Path

import pytest

from conselho import errors
from conselho.server import listening


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("LOCALHOST", "127.0.0.1"),
        ("127.3.2.1", "127.3.2.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
    ],
)
def test_a_loopback_address_may_be_listened_on(host: str, address: str) -> None:
    assert listening.loopback(host) == address


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::",  # noqa: S104 - they are refused
     "", "192.168.1.5", "10.0.0.1", "fe80::1", "example.org", "localhost.example.org", "2130706433",
     "0177.0.0.1", "127.1", "::ffff:192.168.1.5"],
)  # fmt: skip
def test_any_other_address_is_refused_with_a_sentence(host: str) -> None:
    with pytest.raises(errors.Invalid, match=r"sign-in.*loopback address only"):
        listening.open_tcp(host, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_port_0_is_any_free_one_and_the_address_says_which(host: str) -> None:
    with listening.open_tcp(host, 0) as opened:
        port = opened.getsockname()[1]
        assert port > 0
        assert listening.address_of(opened) == (f"http://[::1]:{port}" if ":" in host else f"http://127.0.0.1:{port}")


def test_a_taken_port_is_one_sentence_that_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(errors.AddressTaken, match=rf"^127\.0\.0\.1:{port} is taken .* --port \(0: any free one\)$"):
            listening.open_tcp("127.0.0.1", port)


def test_nobody_is_let_in_before_the_server_listens() -> None:
    with listening.open_tcp("127.0.0.1", 0) as opened, pytest.raises(ConnectionRefusedError):
        socket.create_connection(opened.getsockname(), timeout=5)


def test_the_unix_socket_is_its_owners_alone_and_goes_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "conselho.sock"
    mask = os.umask(0)
    try:
        with listening.unix_socket(path):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert os.umask(0) == 0, "the mask of the process is left as it was"
    finally:
        os.umask(mask)
    assert not path.exists()


def test_what_a_killed_server_left_is_cleared_away(tmp_path: Path) -> None:
    path = tmp_path / "conselho.sock"
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    with listening.unix_socket(path) as opened:
        opened.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_a_socket_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(errors.Invalid, match="cannot be made"), listening.unix_socket(tmp_path / "no" / "place.sock"):
        pass
