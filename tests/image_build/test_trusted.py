"""Whom an image trusts: demo keys of either kind only where the spec says so."""

from dataclasses import replace
from pathlib import Path

import pytest

from image_build.builder.spec import Spec, built_at
from image_build.builder.trusted import read_ca, read_roots
from image_build.updates.authority import found
from sync.errors import FormatError, InputRefused, TrustRefused
from tests.kit.tufrepo import TufRepo

pytestmark = pytest.mark.thorough
VERSION = "2026.11.26.1"
SPEC = Spec("trial", "amd64", "bookworm", VERSION, VERSION, built_at(VERSION))
DEMO = replace(SPEC, demo=True)


@pytest.mark.parametrize("passphrase", [None, b"secret"])
def test_a_demo_authority_signs_systems_of_demo_images_only(
    tmp_path: Path, passphrase: bytes | None
) -> None:
    made = found(tmp_path / "authority", "DEMO", passphrase)
    ca = "authority/ca.pem"
    assert read_ca(replace(DEMO, ca=ca), tmp_path) == made.ca.read_bytes()
    if passphrase:  # a province of that name is none for trials
        assert read_ca(replace(SPEC, ca=ca), tmp_path) == made.ca.read_bytes()
        return
    with pytest.raises(TrustRefused, match="marked DEMO") as refused:
        read_ca(replace(SPEC, ca=ca), tmp_path)
    assert refused.value.exit_code == 5
    assert "demo = true" in refused.value.hint


def test_one_demo_certificate_of_two_is_enough(tmp_path: Path) -> None:
    good, demo = (found(tmp_path / str(key), "湖南省", key) for key in (b"secret", None))
    (tmp_path / "both.pem").write_bytes(good.ca.read_bytes() + demo.ca.read_bytes())
    with pytest.raises(TrustRefused):
        read_ca(replace(SPEC, ca="both.pem"), tmp_path)


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", b"x" * 70_000],
)
def test_what_is_no_certificate_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(data)
    with pytest.raises(InputRefused, match=r"ca\.pem"):
        read_ca(replace(SPEC, ca="ca.pem"), tmp_path)
    with pytest.raises(InputRefused, match=r"none\.pem"):
        read_ca(replace(SPEC, ca="none.pem"), tmp_path)
    assert read_ca(SPEC, tmp_path) == b""


def test_demo_publishers_are_of_demo_images_only(tmp_path: Path) -> None:
    for code, demo in (("43", False), ("44", True)):
        root = TufRepo(tmp_path / code, code=code, demo=demo).first_root
        (tmp_path / f"{code}.json").write_bytes(root)
    assert list(read_roots(replace(SPEC, roots=("43.json",)), tmp_path)) == ["43"]
    both = ("43.json", "44.json")
    assert list(read_roots(replace(DEMO, roots=both), tmp_path)) == ["43", "44"]
    with pytest.raises(TrustRefused, match=r"44 .*demo keys"):
        read_roots(replace(SPEC, roots=both), tmp_path)
    (tmp_path / "43.json").write_bytes(b"{}")
    with pytest.raises(FormatError):
        read_roots(replace(SPEC, roots=("43.json",)), tmp_path)
