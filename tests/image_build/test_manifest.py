"""The manifest of an image: made from a real squashfs in a real image, signed, checked."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from image_build.cli.build import manifest_of
from image_build.manifest import card, checksums, sign
from image_build.manifest.make import Signer, make_manifest
from image_build.manifest.packages import Package
from image_build.manifest.root import packages_in
from image_build.manifest.verify import CardRefused, Sums, Verified, read_sums, verify
from image_build.updates import authority
from sync.errors import FormatError, KexiaError, NoSource, ProofFailed, TrustRefused, UsageError
from sync.progress import Silent
from tests.kit.badmedia import loop, why_no_loops
from tests.kit.images import IMAGE_JSON, MIB, SPANS, make_image, put, tool
from tests.kit.roots import make_root

pytestmark = pytest.mark.thorough
STEM = "kexia-amd64-2026.11.25.1"


def build(folder: Path) -> Path:
    """What ``kexia image build`` leaves."""
    folder.mkdir()
    root = make_root(folder / f"{STEM}.root.squashfs")
    make_image(folder, root=root.read_bytes())
    (folder / "image.json").write_text(IMAGE_JSON)
    (folder / "boot-packages.list").write_text("grub-pc-bin 2.06-13+deb12u1 amd64\n")
    return folder


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> authority.Authority:
    return authority.found(tmp_path_factory.mktemp("province") / "authority", "湖南省", None)


@pytest.fixture(scope="module")
def signer(province: authority.Authority) -> Signer:
    key = authority.opened_key(province, lambda _: b"")
    return Signer(province.signing, lambda: key)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, signer: Signer) -> Path:
    folder = build(tmp_path_factory.mktemp("build") / "out")
    made = make_manifest(folder, signer, Silent())
    assert made.is_signed
    return folder


@pytest.fixture
def sums(built: Path, province: authority.Authority) -> Sums:
    return read_sums(built, province.ca)


def test_packages_and_licences_of_a_root(built: Path) -> None:
    """DEP-5, plain text, links between documentation folders, wheels; what cannot be read is not
    guessed, what is not installed not listed."""
    found = {one.name: one for one in packages_in(built / f"{STEM}.root.squashfs")}
    assert found["libzstd1"].licences == ("BSD-3-clause or GPL-2", "Expat")
    assert found["libzstd1"].source == "libzstd"
    assert found["base-files"].licences == found["python3-minimal"].licences == ("GPL-2",)
    assert found["libc6"].licences == ()
    assert found["aiohttp"] == Package("pypi", "aiohttp", "3.14.0")
    assert found["aiohttp"].licences == ("Apache-2.0 AND MIT",)
    assert found["whoosh"].licences == ("BSD License",)
    assert "gone" not in found
    assert len(found) == 6


def test_the_sbom_follows_the_public_schema(built: Path) -> None:
    text = (built / "sbom.cdx.json").read_text(encoding="utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text) is None
    names = {one["purl"] for one in json.loads(text)["components"]}
    assert "pkg:deb/debian/libc6@2.36-9%2Bdeb12u13?arch=amd64&distro=bookworm" in names
    assert "pkg:pypi/whoosh@2.7.4" in names
    assert "pkg:deb/debian/grub-pc-bin@2.06-13%2Bdeb12u1?arch=amd64&distro=bookworm" in names


def test_the_same_image_has_the_same_manifest(built: Path, tmp_path: Path) -> None:
    """Wherever and whenever it is made; only the signature differs."""
    again = tmp_path / "again"
    shutil.copytree(built, again)
    for name in ("sbom.cdx.json", "licences.txt", "packages.list", "card.json", "SHA256SUMS"):
        (again / name).unlink()
    make_manifest(again, None, Silent())
    assert (again / "SHA256SUMS").read_bytes() == (built / "SHA256SUMS").read_bytes()


def test_a_signed_file_is_good_and_sha256sum_agrees(built: Path, sums: Sums) -> None:
    for name in sums.digests:
        assert verify(built / name, [sums], Silent()).kind == "file"
    assert "湖南省" in sums.signer
    tool("sh", "-c", f"cd {built} && sha256sum --check --strict SHA256SUMS")


def test_one_changed_bit_is_seen(built: Path, sums: Sums, tmp_path: Path) -> None:
    copy = tmp_path / f"{STEM}.root.squashfs"
    data = bytearray((built / copy.name).read_bytes())
    data[len(data) // 2] ^= 1
    copy.write_bytes(data)
    with pytest.raises(ProofFailed) as refused:
        verify(copy, [sums], Silent())
    assert refused.value.exit_code == 5


def manifest_copy(built: Path, to: Path) -> Path:
    to.mkdir()
    for name in ("SHA256SUMS", "SHA256SUMS.p7s", "card.json"):
        shutil.copyfile(built / name, to / name)
    return to


def change_sums(folder: Path) -> None:
    path = folder / "SHA256SUMS"
    path.write_bytes(path.read_bytes().replace(b"  card.json", b"  care.json"))


def cut_signature(folder: Path) -> None:
    path = folder / "SHA256SUMS.p7s"
    path.write_bytes(path.read_bytes()[:-40])


def no_signature(folder: Path) -> None:
    (folder / "SHA256SUMS.p7s").unlink()


def garbage(folder: Path) -> None:
    (folder / "SHA256SUMS.p7s").write_bytes(b"\x30\x82" + bytes(5000))


@pytest.mark.parametrize("harm", [change_sums, cut_signature, no_signature, garbage])
def test_sums_that_are_not_what_was_signed(
    built: Path, province: authority.Authority, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    folder = manifest_copy(built, tmp_path / "m")
    harm(folder)
    with pytest.raises(TrustRefused) as refused:
        read_sums(folder, province.ca)
    assert refused.value.exit_code == 5


def test_another_province_is_refused_also_if_the_computer_believes_it(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, province: authority.Authority
) -> None:
    """openssl adds what the whole computer believes to what it is given, unless told not to."""
    other = authority.found(tmp_path / "other", "别省", None)
    monkeypatch.setenv("SSL_CERT_FILE", str(province.ca))
    with pytest.raises(TrustRefused):
        read_sums(built, other.ca)
    assert read_sums(built, province.ca).signer


def certificate(
    folder: Path, *, purpose: x509.ObjectIdentifier, begins: datetime, days: int
) -> tuple[Path, Path, bytes]:
    """A CA, a certificate of it, and that one's key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    end = begins + timedelta(days=days)

    def made(subject: str, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
        builder = x509.CertificateBuilder().subject_name(own).issuer_name(name)
        builder = builder.public_key(public).serial_number(x509.random_serial_number())
        return builder.not_valid_before(begins).not_valid_after(end)

    root = made("test", ca_key.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    leaf = made("signer", key.public_key()).add_extension(
        x509.ExtendedKeyUsage([purpose]), critical=True
    )
    paths = folder / "ca.pem", folder / "leaf.pem"
    for path, builder in zip(paths, (root, leaf), strict=True):
        signed = builder.sign(ca_key, hashes.SHA256())
        path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return (*paths, pem)


def test_a_certificate_for_another_purpose_is_refused(tmp_path: Path) -> None:
    ca, leaf, key = certificate(
        tmp_path,
        purpose=ExtendedKeyUsageOID.EMAIL_PROTECTION,
        begins=datetime(2026, 1, 1, tzinfo=UTC),
        days=3650,
    )
    with pytest.raises(TrustRefused, match="not for signing systems"):
        sign.prove(b"sums", sign.sign(b"sums", leaf, key), ca)


@pytest.mark.parametrize("year", [2001, 2090])
def test_no_clock_can_spoil_a_signature(tmp_path: Path, year: int) -> None:
    ca, leaf, key = certificate(
        tmp_path,
        purpose=ExtendedKeyUsageOID.CODE_SIGNING,
        begins=datetime(year, 1, 1, tzinfo=UTC),
        days=100,
    )
    assert "signer" in sign.prove(b"sums", sign.sign(b"sums", leaf, key), ca)


def test_words_for_what_is_missing(built: Path, tmp_path: Path, sums: Sums) -> None:
    with pytest.raises(NoSource):
        read_sums(tmp_path, None)
    with pytest.raises(UsageError, match="holds no certificate"):
        read_sums(built, built / "image.json")
    (tmp_path / "other.xz").write_bytes(b"")
    with pytest.raises(UsageError, match="not named"):
        verify(tmp_path / "other.xz", [sums], Silent())
    with pytest.raises(UsageError, match="one is needed"):
        make_manifest(tmp_path, None, Silent())


def test_a_manifest_without_signer_leaves_no_old_signature(built: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(built, folder)
    (folder / "note.txt").write_text("new")
    assert not make_manifest(folder, None, Silent()).is_signed
    assert not (folder / "SHA256SUMS.p7s").exists()
    assert "note.txt" in read_sums(folder, None).digests


def test_the_signature_of_the_very_same_sums_stays(built: Path, tmp_path: Path) -> None:
    """A build that made nothing new takes nobody's signature away."""
    folder = tmp_path / "out"
    shutil.copytree(built, folder)
    signature = (folder / "SHA256SUMS.p7s").read_bytes()
    assert make_manifest(folder, None, Silent()).is_signed
    assert (folder / "SHA256SUMS.p7s").read_bytes() == signature


def test_a_build_ends_with_its_manifest(tmp_path: Path, signer: Signer) -> None:
    folder = build(tmp_path / "out")
    unsigned = manifest_of(folder, STEM, None, Silent())
    assert unsigned is not None
    assert not unsigned.is_signed
    assert {f"{STEM}.img", "sbom.cdx.json", "boot-packages.list"} <= set(unsigned.files)
    signed = manifest_of(folder, STEM, signer, Silent())
    assert signed is not None
    assert signed.is_signed
    (folder / "other.img").write_bytes(b"")
    assert manifest_of(folder, STEM, None, Silent()) is None
    with pytest.raises(UsageError, match=r"other\.img"):
        manifest_of(folder, STEM, signer, Silent())


class Personal:
    """A copy of the image under another name, as personalising makes it, changed in places."""

    def __init__(self, built: Path, folder: Path) -> None:
        self.path = folder / "青山.img"
        shutil.copyfile(built / f"{STEM}.img", self.path)
        self._folder = folder

    def put(self, name: str, data: bytes) -> None:
        place = SPANS["esp"][0] * MIB
        volume = self._folder / "volume"
        image = self.path.read_bytes()
        volume.write_bytes(image[place : place + SPANS["esp"][1] * MIB])
        put(volume, name, data)
        self.write(place, volume.read_bytes())

    def write(self, offset: int, data: bytes) -> None:
        with self.path.open("r+b") as file:
            file.seek(offset)
            file.write(data)


@pytest.fixture
def personal(built: Path, tmp_path: Path) -> Personal:
    return Personal(built, tmp_path)


def test_a_personalised_image_is_good(personal: Personal, sums: Sums) -> None:
    personal.put("site.toml", b"format = 1\r\n")
    personal.put("grub/grubenv", b"# GRUB Environment Block\nORDER=B A\n".ljust(1024, b"#"))
    personal.write(SPANS["data"][0] * MIB, b"lessons")
    done = verify(personal.path, [sums], Silent())
    assert (done.kind, done.slots) == ("card", {"rootA": "2026.11.25.1", "rootB": "empty"})


def test_a_newer_system_in_the_other_slot_needs_its_manifest(
    personal: Personal, sums: Sums, tmp_path: Path, province: authority.Authority, signer: Signer
) -> None:
    newer = tmp_path / "newer"
    newer.mkdir()
    root = make_root(newer / "kexia.root.squashfs", {"usr/lib/new": b"new " * 5000})
    make_image(newer, root=root.read_bytes())
    (newer / "image.json").write_text(IMAGE_JSON.replace("11.25.1", "11.26.1"))
    make_manifest(newer, signer, Silent())
    personal.write(SPANS["rootB"][0] * MIB, root.read_bytes())
    with pytest.raises(CardRefused, match="rootB holds a system that is not in the manifest"):
        verify(personal.path, [sums], Silent())
    done = verify(personal.path, [sums, read_sums(newer, province.ca)], Silent())
    assert done.slots == {"rootA": "2026.11.25.1", "rootB": "2026.11.26.1"}


def flip_root(one: Personal) -> None:
    one.write(SPANS["rootA"][0] * MIB + 100, b"\xff")


def empty_both(one: Personal) -> None:
    one.write(SPANS["rootA"][0] * MIB, bytes(4 * MIB))


def other_grub(one: Personal) -> None:
    one.put("grub/grub.cfg", b"set timeout=9\n")


def extra_loader(one: Personal) -> None:
    one.put("EFI/BOOT/GRUBX64.EFI", b"MZ")


def extra_on_top(one: Personal) -> None:
    one.put("autoboot.txt", b"[all]\nboot_partition=3\n")


def kernel_options(one: Personal) -> None:
    block = b"# GRUB Environment Block\nEXTRA=init=/bin/sh\n".ljust(1024, b"#")
    one.put("grub/grubenv", block)


def other_boot_code(one: Personal) -> None:
    one.write(0, b"\xeb")


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (flip_root, "slot rootA holds a system that is not in the manifest"),
        (empty_both, "both slots are empty"),
        (other_grub, "grub/grub.cfg on the boot partition is not the image's"),
        (extra_loader, "GRUBX64.EFI on the boot partition is in no image"),
        (extra_on_top, "autoboot.txt on the boot partition is in no image"),
        (other_boot_code, "boot code"),
        (kernel_options, "options of its own: init=/bin/sh"),
    ],
)
def test_a_changed_card_is_refused(
    personal: Personal, sums: Sums, harm: Callable[[Personal], None], words: str
) -> None:
    harm(personal)
    with pytest.raises(CardRefused) as refused:
        verify(personal.path, [sums], Silent())
    assert words in refused.value.fact
    assert refused.value.exit_code == 5


def test_what_windows_leaves_is_noted_only(personal: Personal, sums: Sums) -> None:
    personal.put("._site.toml", b"mac")
    personal.put("grub/spare", b"# GRUB Environment Block\n")
    done = verify(personal.path, [sums], Silent())
    assert done.notes == ("._site.toml was left there by a computer",)


def test_a_card_in_a_reader(built: Path, sums: Sums, tmp_path: Path) -> None:
    if reason := why_no_loops():
        pytest.skip(reason)
    file = tmp_path / "card"
    shutil.copyfile(built / f"{STEM}.img", file)
    with loop(file) as node:
        done: Verified = verify(node, [sums], Silent())
        assert done.kind == "card"
        with node.open("r+b") as medium:
            medium.seek(SPANS["rootA"][0] * MIB)
            medium.write(b"x" * 512)
        with pytest.raises(CardRefused):
            verify(node, [sums], Silent())


@pytest.mark.parametrize(
    "data",
    [b"{}", b"[]", b"\xff", b'{"format": 2}', b"{" * 5000, b'{"format": 1, "esp": 3}'],
)
def test_a_damaged_card_json(data: bytes) -> None:
    with pytest.raises(FormatError):
        card.decode(data)


def test_sums_are_what_they_were(built: Path) -> None:
    data = (built / checksums.FILE).read_bytes()
    assert checksums.encode(checksums.decode(data)) == data
    for wrong in (b"x", data + data, b"0" * 64 + b"  ../x\n", "é".encode()):
        with pytest.raises(KexiaError):
            checksums.decode(wrong)
