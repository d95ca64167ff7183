"""Apt of our own: what it plans from kept lists, what it proves, what it says without network.

The lists are signed by a key made for these tests (golden/apt-lists).
"""

import os
import shutil
from pathlib import Path

import pytest

from image_build.builder import apt as apt_module
from image_build.builder.apt import Apt, machine_settings
from image_build.builder.boards import suites
from image_build.builder.release import digests, prove_lists
from image_build.builder.spec import Mirror
from image_build.builder.surroundings import Network, Surroundings
from sync.errors import FormatError, NoSource, ProofFailed, UsageError

GOLDEN = Path(__file__).parents[1] / "golden" / "apt-lists"
KEYRING = GOLDEN / "keyring.gpg"
PACKAGES = "mirror.example_debian_dists_bookworm_main_binary-amd64_Packages"
RELEASE = "mirror.example_debian_dists_bookworm_InRelease"


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """Lists as apt keeps them."""
    folder = tmp_path / "lists"
    shutil.copytree(GOLDEN / "lists", folder)
    (folder / "partial").mkdir()
    (folder / "lock").touch()
    return folder


@pytest.fixture
def apt(lists: Path, monkeypatch: pytest.MonkeyPatch) -> Apt:
    """Without network, on kept lists."""
    monkeypatch.setattr(apt_module, "prove_lists", lambda folder: prove_lists(folder, KEYRING))
    found = offline(lists.parent)
    found.sources.write_text("deb [signed-by=/k] http://mirror.example/debian bookworm main\n")
    found.renew(Mirror())
    return found


def offline(folder: Path) -> Apt:
    """Apt in a folder, without network."""
    around = Surroundings(dict(os.environ), folder, Network.OFF)
    return Apt(folder, suites()["bookworm"], "amd64", around)


def test_lists_are_proved(lists: Path) -> None:
    prove_lists(lists, KEYRING)


def test_a_list_that_was_changed(lists: Path) -> None:
    path = lists / PACKAGES
    path.write_bytes(path.read_bytes().replace(b"Size: 5", b"Size: 6"))
    with pytest.raises(ProofFailed, match="not what its signed release says"):
        prove_lists(lists, KEYRING)


def test_a_release_under_another_key(lists: Path) -> None:
    shutil.copy(GOLDEN / "another-key_InRelease", lists / RELEASE)
    with pytest.raises(ProofFailed, match="not signed by Debian"):
        prove_lists(lists, KEYRING)


def test_a_release_that_was_changed(lists: Path) -> None:
    path = lists / RELEASE
    path.write_bytes(path.read_bytes().replace(b"Suite: oldstable", b"Suite: oldstablf"))
    with pytest.raises(ProofFailed):
        prove_lists(lists, KEYRING)


def test_words_around_the_signed_text_promise_nothing(lists: Path) -> None:
    """Digests before or after the signed part of the file are not signed."""
    (lists / "mirror.example_debian_dists_bookworm_extra").write_bytes(b"x")
    path = lists / RELEASE
    extra = b"SHA256:\n " + b"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    path.write_bytes(extra + b" 1 extra\n\n" + path.read_bytes())
    with pytest.raises((FormatError, ProofFailed)):
        prove_lists(lists, KEYRING)


def test_a_list_of_no_release(lists: Path) -> None:
    (lists / "elsewhere_Packages").write_bytes(b"")
    with pytest.raises(FormatError):
        prove_lists(lists, KEYRING)


def test_only_the_field_sha256_counts() -> None:
    sha, md5 = "a" * 64, "b" * 64
    text = f"MD5Sum:\n {md5} 1 x\nSHA256:\n {sha} 1 y\nSHA512:\n {md5} 1 z\n"
    assert list(digests(text)) == [("y", sha)]


def test_a_plan_has_what_is_essential_and_what_depends(apt: Apt) -> None:
    debs = apt.plan(["lesson"])
    assert [deb.name for deb in debs] == ["base", "helper", "lesson"]
    assert debs[0].file == "base_1%3a2.0-1_amd64.deb"
    assert (debs[2].source, debs[2].architecture) == ("lesson-source (3)", "all")
    assert [deb.name for deb in apt.plan(["lesson"], essential=False)] == ["lesson"]


def test_what_is_at_hand_is_in_the_plan_too(apt: Apt) -> None:
    (apt.debs / "base_1%3a2.0-1_amd64.deb").write_bytes(b"base\n")
    assert [deb.name for deb in apt.plan([])] == ["base"]


def test_an_unknown_package_is_named(apt: Apt) -> None:
    with pytest.raises(UsageError, match="nobody-knows-it") as refusal:
        apt.plan(["nobody-knows-it"])
    assert "packages in the spec" in refusal.value.hint


def test_without_network_the_missing_are_named(apt: Apt) -> None:
    debs = apt.plan(["lesson"])
    (apt.debs / debs[0].file).write_bytes(b"base\n")
    with pytest.raises(NoSource, match=r"lacks helper 1, lesson 3\+b1") as refusal:
        apt.fetch(debs)
    assert refusal.value.exit_code == 4
    assert "cache import" in refusal.value.hint


def test_a_package_that_is_not_what_the_lists_say_does_not_stay(apt: Apt) -> None:
    (base,) = apt.plan([])
    path = apt.debs / base.file
    path.write_bytes(b"base\n")
    apt.fetch([base])
    path.write_bytes(b"evil\n")
    with pytest.raises(ProofFailed):
        apt.fetch([base])
    assert not path.exists()


def test_without_network_and_lists(tmp_path: Path) -> None:
    with pytest.raises(NoSource, match="holds no list of packages"):
        offline(tmp_path).renew(Mirror())


def test_a_mirror_that_does_not_answer(lists: Path) -> None:
    around = Surroundings(dict(os.environ), lists.parent, Network.ON)
    found = Apt(lists.parent, suites()["bookworm"], "amd64", around)
    with pytest.raises(NoSource, match="gives no lists"):
        found.renew(Mirror("http://127.0.0.1:9/debian", "http://127.0.0.1:9/security"))


def test_the_machines_way_to_the_network_is_kept() -> None:
    for line in machine_settings():
        assert line.startswith("Acquire::")
        assert line.endswith('";')
