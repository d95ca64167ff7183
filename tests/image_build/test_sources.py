"""Where packages come from: apt's own files, in both forms, with others' repositories beside."""

import pytest

from image_build.builder.sources import entries_in, find_mirror, sources_list
from image_build.builder.spec import Mirror
from sync.errors import UsageError

DEB822 = """# ours
Types: deb
# an old one
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://switched-off.example/debian
Suites: trixie
Components: main

Types: deb-src
URIs: http://sources.example/debian
Suites: bookworm
Components: main
"""
ONE_LINE = """deb [arch=amd64 signed-by=/usr/x.gpg] https://node.example/20 nodistro main
deb-src http://sources.example/debian bookworm main
# deb http://commented.example/debian bookworm main
deb https://db.example/apt bookworm-pgdg main
deb https://docker.example/debian bookworm stable
deb [ arch=amd64 ] https://plain.example/debian/ trixie main contrib
"""


def test_both_forms() -> None:
    found = [(each.uri, each.suite) for each in entries_in("debian.sources", DEB822)]
    assert found == [
        ("http://mirror.example/debian", "bookworm"),
        ("http://mirror.example/debian", "bookworm-updates"),
        ("http://mirror.example/debian-security", "bookworm-security"),
    ]
    assert [each.suite for each in entries_in("sources.list", ONE_LINE)] == [
        "nodistro", "bookworm-pgdg", "bookworm", "trixie",
    ]  # fmt: skip


def test_the_machines_own_mirror() -> None:
    files = [("other.list", ONE_LINE.splitlines()[0]), ("debian.sources", DEB822)]
    assert find_mirror(files, Mirror()) == Mirror(
        "http://mirror.example/debian", "http://mirror.example/debian-security"
    )


def test_without_a_security_mirror_the_one_beside_it() -> None:
    found = find_mirror([("sources.list", ONE_LINE)], Mirror())
    assert found == Mirror("https://plain.example/debian", "https://plain.example/debian-security")


def test_the_spec_comes_first() -> None:
    wanted = Mirror("https://school.example/debian")
    found = find_mirror([("debian.sources", DEB822)], wanted)
    assert found == Mirror(
        "https://school.example/debian", "https://school.example/debian-security"
    )


def test_a_machine_that_knows_no_debian() -> None:
    with pytest.raises(UsageError, match="no Debian mirror") as refusal:
        find_mirror([("sources.list", "deb https://u.example/ubuntu noble main")], Mirror())
    assert "[mirror]" in refusal.value.hint


def test_what_apt_is_given() -> None:
    lines = sources_list(Mirror("http://a/debian", "http://a/sec"), "trixie").splitlines()
    assert [line.split("] ")[1] for line in lines] == [
        "http://a/debian trixie main non-free-firmware",
        "http://a/debian trixie-updates main non-free-firmware",
        "http://a/sec trixie-security main non-free-firmware",
    ]
