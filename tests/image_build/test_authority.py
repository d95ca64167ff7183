"""The province's authority; what it signs boxes take, by real rauc, and nothing else."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from image_build.updates import authority as authority_module
from image_build.updates.authority import (
    KEY_MODE,
    Authority,
    Rotation,
    certificates,
    found,
    is_cut_off,
    open_authority,
    opened_key,
    renew,
    rotate,
)
from image_build.updates.raucbundle import PLAIN, make_bundle, manifest, read_built
from sync.errors import InputRefused, TrustRefused, UsageError
from sync.run import ProgramFailed, run
from tests.kit.bundles import built, judged, make

pytestmark = pytest.mark.thorough
CLOCKS = ("2000-01-01", "2099-12-31")


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return found(tmp_path_factory.mktemp("signer") / "authority", "湖南省", None)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, signer: Authority) -> Path:
    return make(tmp_path_factory.mktemp("built"), signer, "2026.11.26.1")


def test_an_authority_has_what_it_needs_and_keeps_its_keys_to_itself(tmp_path: Path) -> None:
    made = found(tmp_path / "authority", "湖南省", b"secret")
    for key in (made.ca_key, made.signing_key):
        assert key.stat().st_mode & 0o777 == KEY_MODE
        assert b"ENCRYPTED" in key.read_bytes()
    assert made.folder.stat().st_mode & 0o077 == 0
    ca, signing = certificates(made)
    assert (ca.file, signing.file) == ("ca.pem", "signing.pem")
    assert "湖南省" in ca.subject
    assert int(ca.expires[:4]) - int(signing.expires[:4]) == 15
    assert not ca.demo
    assert sorted(path.name for path in made.folder.iterdir()) == [
        "ca.key",
        "ca.pem",
        "signing.key",
        "signing.pem",
    ]
    said = run(("openssl", "x509", "-in", made.signing, "-noout", "-text"), timeout=60).stdout
    assert b"Code Signing" in said
    assert b"CA:FALSE" in said


def test_a_wrong_passphrase_is_one_clear_line(tmp_path: Path) -> None:
    made = found(tmp_path / "authority", "湖南省", b"secret")
    assert opened_key(made, lambda _: b"secret").startswith(b"-----BEGIN PRIVATE KEY")
    with pytest.raises(UsageError, match="wrong passphrase"):
        opened_key(made, lambda _: b"guessed")
    with pytest.raises(UsageError, match="wrong passphrase"):
        renew(made, lambda _: b"", b"new")
    assert opened_key(made, lambda _: b"secret")


def test_keys_without_a_passphrase_are_marked(signer: Authority) -> None:
    assert all(one.demo for one in certificates(signer))


def test_an_authority_is_made_once(tmp_path: Path, signer: Authority) -> None:
    with pytest.raises(UsageError, match="there already"):
        found(signer.folder, "湖南省", None)
    (tmp_path / "empty").mkdir()
    assert open_authority(found(tmp_path / "empty", "x", None).folder).ca.is_file()
    with pytest.raises(UsageError, match="no authority"):
        open_authority(tmp_path)


@pytest.mark.parametrize("name", ["", " x", "a/CN=b", "a+b", "a\nb", "a=b", 41 * "x", "a\\b"])
def test_a_name_that_would_say_something_else_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot stand"):
        found(tmp_path / "authority", name, None)


@settings(max_examples=8, deadline=None)
@given(
    st.text("abcABC 省市县教育'()-.&:%$*", min_size=1, max_size=40).filter(lambda t: t == t.strip())
)
def test_any_other_name_stands_in_its_certificate(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    made = found(tmp_path_factory.mktemp("name") / "authority", name, None)
    rotate(made, Rotation.BEGIN, None)
    assert {one.subject.count(name) for one in certificates(made)} >= {2}


def test_a_bundle_is_taken_whatever_the_clock_says(bundle: Path, signer: Authority) -> None:
    said = judged(bundle, signer.ca)
    assert (said.compatible, said.version) == ("kexia-amd64", "2026.11.26.1")
    for clock in CLOCKS:
        assert judged(bundle, signer.ca, clock=clock) == said


def test_another_authoritys_bundle_is_refused_whatever_the_clock_says(
    tmp_path: Path, bundle: Path
) -> None:
    other = found(tmp_path / "authority", "湖南省", None)
    with pytest.raises(TrustRefused, match="signature"):
        judged(bundle, other.ca)
    for clock in CLOCKS:
        with pytest.raises(TrustRefused):
            judged(bundle, other.ca, clock=clock)


def test_one_byte_of_the_signed_part_breaks_it(
    tmp_path: Path, bundle: Path, signer: Authority
) -> None:
    data = bytearray(bundle.read_bytes())
    data[-900] ^= 1
    broken = tmp_path / bundle.name
    broken.write_bytes(data)
    with pytest.raises(TrustRefused):
        judged(broken, signer.ca)


def test_a_certificate_that_had_expired_when_it_signed_is_refused(
    tmp_path: Path, signer: Authority
) -> None:
    """And one that expired since is not: boxes take old bundles when they come late."""
    facts = read_built(built(tmp_path / "built", "2026.11.26.1"))
    content = tmp_path / "content"
    content.mkdir()
    (content / "rootfs.img").write_bytes(facts.root.read_bytes())
    (content / "manifest.raucm").write_text(manifest(facts))
    late = tmp_path / "late.raucb"
    signing = (f"--cert={signer.signing}", f"--key={signer.signing_key}", "bundle")
    run(("faketime", "2040-01-01", "rauc", *signing, content, late), timeout=60)
    for clock in ("", "2026-12-01", "2040-01-02"):
        with pytest.raises(TrustRefused):
            judged(late, signer.ca, clock=clock)


def test_a_certificate_for_other_purposes_is_refused(tmp_path: Path, signer: Authority) -> None:
    """Whoever gets a certificate of the CA for a server or for mail cannot make systems with it."""
    other = Authority(tmp_path / "other")
    other.folder.mkdir()
    rules = other.folder / "rules"
    rules.write_text("keyUsage=critical,digitalSignature\nextendedKeyUsage=emailProtection\n")
    request = other.folder / "request"
    key = run(
        ("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
        timeout=60,
    )
    other.signing_key.write_bytes(key.stdout)
    run(
        ("openssl", "req", "-new", "-key", other.signing_key, "-subj", "/CN=mail", "-out", request),
        timeout=60,
    )
    made = run(
        ("openssl", "x509", "-req", "-in", request, "-CA", signer.ca, "-CAkey", signer.ca_key,
         "-extfile", rules),
        timeout=60,
    )  # fmt: skip
    other.signing.write_bytes(made.stdout)
    other.ca.write_bytes(signer.ca.read_bytes())
    with pytest.raises(ProgramFailed, match="purpose"):
        make(tmp_path / "built", other, "2026.11.26.1")


def test_a_new_signing_certificate_changes_nothing_for_boxes(tmp_path: Path) -> None:
    made = found(tmp_path / "authority", "湖南省", b"one")
    before = certificates(made)
    renew(made, lambda _: b"one", None)
    after = certificates(made)
    assert after[0] == before[0]
    assert after[1].fingerprint != before[1].fingerprint
    bundle = make(tmp_path / "built", made, "2026.11.26.1")
    assert judged(bundle, made.ca).version == "2026.11.26.1"
    [kept] = (made.folder / "retired").iterdir()
    assert {path.name for path in kept.iterdir()} == {"ca.key", "signing.key", "signing.pem"}


def test_the_signing_key_is_renewed_only_where_the_cas_key_is(tmp_path: Path) -> None:
    made = found(tmp_path / "authority", "湖南省", None)
    made.ca_key.rename(tmp_path / "taken away")
    with pytest.raises(UsageError, match="not here"):
        renew(made, lambda _: b"", None)
    assert make(tmp_path / "built", made, "2026.11.26.1").is_file()  # signing goes on without


def test_the_ca_is_changed_by_an_update_that_carries_both(tmp_path: Path) -> None:
    """Old boxes take the bridge, boxes with both take either, and then only the new one counts."""
    made = found(tmp_path / "authority", "湖南省", None)
    first = tmp_path / "first.pem"
    first.write_bytes(made.ca.read_bytes())
    rotate(made, Rotation.BEGIN, None)
    both = tmp_path / "both.pem"
    both.write_bytes(made.ca.read_bytes())
    bridge = make(tmp_path / "bridge", made, "2026.11.26.1")
    assert judged(bridge, first).compatible
    assert judged(bridge, both).compatible
    with pytest.raises(UsageError, match="being changed already"):
        rotate(made, Rotation.BEGIN, None)
    rotate(made, Rotation.FINISH)
    after = make(tmp_path / "after", made, "2026.11.27.1")
    assert judged(after, both).compatible
    assert judged(after, made.ca).compatible
    assert certificates(made)[0].fingerprint not in first.read_text()
    assert len(certificates(made)) == 2
    with pytest.raises(TrustRefused):
        judged(after, first)
    with pytest.raises(TrustRefused):
        judged(bridge, made.ca)
    with pytest.raises(UsageError, match="not being changed"):
        rotate(made, Rotation.FINISH)


class PowerCut(Exception):
    """What ends the command there."""


@pytest.mark.parametrize("write", range(10))
def test_a_beginning_that_was_cut_off_loses_no_box(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    """Before any write or rename: the old CA signs on, no half is skipped, and again goes on."""
    made = found(tmp_path / "authority", "湖南省", None)
    first = made.ca.read_bytes()
    steps = 0

    def cut(real: Callable[..., None]) -> Callable[..., None]:
        def step(*arguments: object, **more: object) -> None:
            nonlocal steps
            steps += 1
            if steps > write:
                raise PowerCut
            real(*arguments, **more)

        return step

    with monkeypatch.context() as patch, suppress(PowerCut):
        for name in ("write_durably", "rename_durably"):
            patch.setattr(authority_module, name, cut(getattr(authority_module, name)))
        rotate(made, Rotation.BEGIN, None)
    ended = steps <= write
    if not ended:
        assert made.ca.read_bytes() == first
        with pytest.raises(UsageError, match=r"not being changed|cut off"):
            rotate(made, Rotation.FINISH)
        kept = made.following.ca.read_bytes() if is_cut_off(made) else b""
        rotate(made, Rotation.BEGIN, None)
        assert made.following.ca.read_bytes() == kept or not kept
    assert not is_cut_off(made)
    assert made.ca.read_bytes() == first + made.following.ca.read_bytes()
    rotate(made, Rotation.FINISH)
    assert first not in made.ca.read_bytes()
    assert (write < 9) is not ended, f"there are {steps} steps: try each of them"


@pytest.mark.parametrize("moved", range(5))
def test_a_change_that_was_cut_off_goes_on(tmp_path: Path, moved: int) -> None:
    made = found(tmp_path / "authority", "湖南省", None)
    rotate(made, Rotation.BEGIN, None)
    new = made.following.signing.read_bytes()
    for name in ("ca.key", "signing.key", "signing.pem", "ca.pem")[:moved]:
        (made.following.folder / name).rename(made.folder / name)
    rotate(made, Rotation.FINISH)
    assert made.signing.read_bytes() == new
    assert judged(make(tmp_path / "built", made, "2026.11.26.1"), made.ca).compatible


def test_a_bundle_holds_its_root_as_it_is(bundle: Path) -> None:
    root = read_built(bundle.parent).root
    assert root.read_bytes() in bundle.read_bytes()
    assert "-noD" in PLAIN


def test_two_bundles_of_a_root_differ_only_in_what_is_drawn(
    tmp_path: Path, signer: Authority
) -> None:
    facts = read_built(built(tmp_path / "built", "2026.11.26.1"))
    one = make_bundle(facts, signer, lambda _: b"").read_bytes()
    other = make_bundle(facts, signer, lambda _: b"").read_bytes()
    root = facts.root.stat().st_size
    assert one[:root] == other[:root]
    assert one != other


@pytest.mark.parametrize(
    ("name", "value"),
    [("version", "12"), ("built", "yesterday"), ("compatible", None), ("version", "2026.11.26.1;")],
)
def test_what_was_not_built_is_refused(tmp_path: Path, name: str, value: object) -> None:
    folder = built(tmp_path, "2026.11.26.1")
    facts = json.loads((folder / "image.json").read_text())
    facts[name] = value
    if value is None:
        del facts[name]
    (folder / "image.json").write_text(json.dumps(facts))
    with pytest.raises(InputRefused, match=r"image\.json"):
        read_built(folder)


def test_a_folder_with_no_root_or_two_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="0 files"):
        read_built(tmp_path)
    built(tmp_path, "2026.11.26.1")
    built(tmp_path, "2026.11.26.2")
    with pytest.raises(UsageError, match="2 files"):
        read_built(tmp_path)
