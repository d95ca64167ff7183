"""What of the root is ours: complete, reproducible, and nothing that leaves the root."""

import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from image_build.builder.boards import DATA, boards
from image_build.builder.contents import Entry, code, dependencies, ours, overlay, write_tar
from image_build.builder.spec import Spec, built_at
from sync.errors import InputRefused

VERSION = "2026.11.26.2"
SPEC = Spec("trial", "amd64", "bookworm", VERSION, "2026.01.01.1", built_at(VERSION))


def tar_of(*entries: Entry) -> bytes:
    """The bytes of a tar of them."""
    file = io.BytesIO()
    write_tar(file, entries, 1_700_000_000)
    return file.getvalue()


def test_the_image_says_what_it_is() -> None:
    found = {each.path: each for each in ours(SPEC, b"PEM")}
    assert json.loads(found["etc/kexia/image.json"].data) == {
        "version": VERSION,
        "built": "2026-11-26T00:00:02Z",
        "board": "amd64",
        "suite": "bookworm",
        "compatible": "kexia-amd64",
        "floor": "2026.01.01.1",
    }
    assert found["etc/rauc/ca.pem"].data == b"PEM"
    assert found["usr/bin/kexia"].mode == 0o755
    units = {Path(path).name for path in found if path.startswith("usr/lib/systemd/system/")}
    assert {"kexia-serve.service", "kexia-update.service", "kexia-volumes.service"} <= units
    assert not any(name.startswith("kexia-nightly") for name in units)


def test_without_a_certificate_there_is_none() -> None:
    assert "etc/rauc/ca.pem" not in {each.path for each in ours(SPEC, b"")}


def test_a_boards_own_file_counts_and_placeholders_are_filled() -> None:
    for name, board in boards().items():
        pi = Spec("trial", name, "bookworm", VERSION, VERSION, built_at(VERSION))
        last = {each.path: each for each in overlay(pi, board)}
        assert f"compatible=kexia-{name}".encode() in last["etc/rauc/system.conf"].data
        assert not any(b"@COMPATIBLE@" in each.data for each in last.values())
        modules = last["etc/initramfs-tools/modules"].data
        assert (b"sdhci_iproc" in modules) is (name == "pi")


def test_our_code_without_what_only_makes_images() -> None:
    paths = {each.path for each in code()}
    assert "usr/lib/kexia/appliance/cli/main.py" in paths
    assert "usr/lib/kexia/appliance/serve/openapi.json" in paths
    assert not any("image_build" in path or "__pycache__" in path for path in paths)
    assert not any(path.startswith("usr/lib/kexia/catalog/sample/") for path in paths)


def test_the_command_runs_from_what_lies_on_the_box(tmp_path: Path) -> None:
    """As on a box: our code in a folder of its own, no checkout, no ``image_build``."""
    with tarfile.open(fileobj=io.BytesIO(tar_of(*code(), *ours(SPEC, b"")))) as tar:
        tar.extractall(tmp_path, filter="data")
    script = tmp_path / "usr/bin/kexia"
    text = script.read_text().replace('"/usr/lib/kexia"', repr(str(tmp_path / "usr/lib/kexia")))
    script.write_text(text)
    installed = [path for path in sys.path if "site-packages" in path]
    runner = f"import sys; sys.path[1:1] = {installed!r}; sys.argv = ['kexia', '--help']; exec(open({str(script)!r}).read())"  # noqa: E501
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", runner], capture_output=True, text=True, check=False,
        cwd=tmp_path, env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "box" in done.stdout
    assert "image " not in done.stdout


def test_what_pip_notes_of_itself_and_what_compilers_read_stays_behind(tmp_path: Path) -> None:
    for name in (
        "one/__init__.py", "one/code.so", "one/code.pyx", "one/head.h", "bin/one",
        "one-1.dist-info/METADATA", "one-1.dist-info/RECORD", "one-1.dist-info/INSTALLER",
        "one-1.dist-info/licenses/LICENSE", "one/RECORD",
    ):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    found = {each.path.removeprefix("usr/lib/kexia/") for each in dependencies(tmp_path)}
    assert found == {
        "one/__init__.py", "one/code.so", "one/RECORD",
        "one-1.dist-info/METADATA", "one-1.dist-info/licenses/LICENSE",
    }  # fmt: skip


def test_a_tar_hangs_on_its_entries_alone() -> None:
    one, two = Entry("usr/b", b"2", 0o644), Entry("etc/a", b"1", 0o755)
    link = Entry("etc/l", b"", 0o777, "../run/x")
    assert tar_of(one, two, link) == tar_of(link, two, one)
    with tarfile.open(fileobj=io.BytesIO(tar_of(one, link, two))) as tar:
        members = {each.name: each for each in tar}
    assert list(members) == ["./etc/a", "./etc/l", "./usr/b"]
    assert {each.mtime for each in members.values()} == {1_700_000_000}
    assert {(each.uid, each.gid) for each in members.values()} == {(0, 0)}
    assert members["./etc/l"].linkname == "../run/x"


def test_a_later_entry_counts() -> None:
    assert tar_of(Entry("a", b"1", 0o644), Entry("a", b"2", 0o644)) == tar_of(
        Entry("a", b"2", 0o644)
    )


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", ""])
def test_nothing_leaves_the_root(path: str) -> None:
    with pytest.raises(InputRefused):
        tar_of(Entry(path, b"", 0o644))


def test_the_overlay_holds_no_links() -> None:
    """They would be lost where the package is installed; contents.py has a list of them."""
    assert not [path for path in (DATA / "overlay").rglob("*") if path.is_symlink()]
