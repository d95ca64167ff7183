"""The parts of trust alone: clock, formats, the rule of codes, and the hold on python-tuf."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuf.api import exceptions
from tuf.api.metadata import TargetFile  # type: ignore[attr-defined]  # no __all__
from tuf.ngclient import Updater  # type: ignore[attr-defined]  # documented, no __all__

from sync import canonical
from sync.digest import Digest, sha256
from sync.errors import FormatError, KexiaError, NoSource, TrustRefused
from sync.transport.volume import VolumeTransport
from sync.trust import TrustClock, Withdrawal, lies_below, reference_time
from sync.trust import client as clients
from sync.trust import floor as floors
from sync.trust.client import Client, Layout
from sync.trust.clock import MAX_AHEAD, format_time, parse_time
from sync.trust.floor import Floor
from sync.trust.notices import (
    decode_held,
    decode_withdrawals,
    encode_held,
    encode_withdrawals,
)
from sync.trust.policy import check_root, check_targets
from tests.kit.tufrepo import NOW, PATHS, TufRepo

GOLDEN = Path(__file__).parent.parent / "golden"
times = st.datetimes(timezones=st.just(UTC)).filter(lambda time: 1970 <= time.year < 9998)


# the clock


@given(wall=times, wall_is_set=st.booleans(), floor=times)
def test_reference_time_lies_in_the_window(
    wall: datetime, wall_is_set: bool, floor: datetime
) -> None:
    judged = reference_time(TrustClock(wall, wall_is_set, floor))
    assert floor <= judged <= floor + MAX_AHEAD
    assert judged in (wall, floor)
    if not wall_is_set:
        assert judged == floor


@pytest.mark.parametrize(
    ("days", "believed"), [(0, True), (1, True), (180, True), (181, False), (-1, False)]
)
def test_a_clock_that_is_set_is_believed_within_180_days(days: int, believed: bool) -> None:
    wall = NOW + timedelta(days=days)
    assert reference_time(TrustClock(wall, wall_is_set=True, floor=NOW)) == (
        wall if believed else NOW
    )


@given(times)
def test_times_have_one_spelling(time: datetime) -> None:
    whole = time.replace(microsecond=0)
    assert parse_time(format_time(time), what="x") == whole


@pytest.mark.parametrize(
    "text", ["", "2026-11-23", "2026-11-23T06:00:00+00:00", "2026-1-3T06:00:00Z", 7, None]
)
def test_other_spellings_are_refused(text: object) -> None:
    with pytest.raises(FormatError, match=r"x: .* is no time like"):
        parse_time(text, what="x")


# codes


@pytest.mark.parametrize(
    ("child", "parent", "below"),
    [
        ("4301", "43", True),
        ("430121", "43", True),
        ("43012100001", "430121", True),
        ("43", "cn", True),
        ("school", "cn", True),
        ("43", "43", False),
        ("43", "4301", False),
        ("44", "43", False),
        ("4401", "43", False),
        ("cn", "cn", False),
        ("cn", "43", False),
        ("demo-school", "demo", False),
        ("43school", "43", False),
    ],
)
def test_codes_below(child: str, parent: str, below: bool) -> None:
    assert lies_below(child, parent) is below


# formats

WITHDRAWALS = (
    Withdrawal(1, "43/music-1a", "l1", "版权", "2026-11-23T06:00:00Z"),
    Withdrawal(2, "43/art-2b", "u1.l3", "wrong picture", "2026-11-24T07:30:00Z"),
)
FLOOR = Floor(
    publisher_id="0123456789abcdef",
    code="43",
    versions={"root": 2, "timestamp": 9, "snapshot": 9, "targets": 3},
    signers={"timestamp": ("a" * 64,), "snapshot": ("b" * 64,)},
    signed_at=NOW,
    withdrawals=WITHDRAWALS,
    files={"timestamp.json": Digest("c" * 64)},
)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("withdraw-1.json", lambda: encode_withdrawals(reversed(WITHDRAWALS))),
        ("rollout-1.json", lambda: encode_held({"43/music-1a", "43/art-2b"})),
        ("floor-1.json", lambda: floors.encode(FLOOR)),
    ],
)
def test_golden(name: str, made: Callable[[], bytes]) -> None:
    assert (GOLDEN / name).read_bytes() == made()


def test_golden_files_are_read() -> None:
    assert decode_withdrawals((GOLDEN / "withdraw-1.json").read_bytes(), code="43") == WITHDRAWALS
    held = decode_held((GOLDEN / "rollout-1.json").read_bytes(), code="43")
    assert held == {"43/music-1a", "43/art-2b"}
    assert floors.decode((GOLDEN / "floor-1.json").read_bytes()) == FLOOR


def listed(**changes: object) -> bytes:
    item = {
        "number": 1,
        "collection": "43/a",
        "lesson": "l1",
        "reason": "",
        "at": "2026-11-23T06:00:00Z",
    }
    return canonical.dumps({"format": "kexia-withdraw-1", "withdrawals": [{**item, **changes}]})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"format":"kexia-withdraw-2","withdrawals":[]}',
        b'{"format":"kexia-withdraw-1"}',
        b'{"format": "kexia-withdraw-1","withdrawals":[]}',
        b'{"format":"kexia-withdraw-1","withdrawals":[1]}',
        listed(number="1"),
        listed(number=-1),
        listed(collection="44/a"),
        listed(lesson="../l1"),
        listed(lesson=""),
        listed(at="yesterday"),
        listed(reason=None),
    ],
)
def test_broken_withdrawals(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode_withdrawals(data, code="43")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"format":"kexia-rollout-2","held":[]}',
        b'{"format":"kexia-rollout-1"}',
        b'{"format":"kexia-rollout-1","held":[7]}',
        b'{"format":"kexia-rollout-1","held":["44/a"]}',
        b'{"format":"kexia-rollout-1","held":"43/a"}',
    ],
)
def test_broken_rollout(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode_held(data, code="43")


@given(data=st.data())
def test_no_damaged_floor_is_read(data: st.DataObject) -> None:
    whole = bytearray(floors.encode(FLOOR))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(FormatError):
        floors.decode(bytes(whole))


@given(st.integers(0, len(floors.encode(FLOOR)) - 1))
def test_no_cut_floor_is_read(length: int) -> None:
    with pytest.raises(FormatError):
        floors.decode(floors.encode(FLOOR)[:length])


@pytest.mark.parametrize("missing", ["code", "versions", "signers", "signed_at", "files"])
def test_floors_with_fields_missing(missing: str) -> None:
    state = canonical.as_object(canonical.loads(floors.encode(FLOOR), what="x")["state"])
    del state[missing]
    value = {"format": floors.FORMAT, "sha256": sha256(canonical.dumps(state)), "state": state}
    with pytest.raises(FormatError, match="missing or of the wrong kind"):
        floors.decode(canonical.dumps(value))


# the floor against versions


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> TufRepo:
    repo = TufRepo(tmp_path_factory.mktemp("parts"))
    repo.publish()
    return repo


def test_gone_back(repo: TufRepo) -> None:
    root = repo.make_root()
    signers = {role: tuple(root.roles[role].keyids) for role in ("timestamp", "snapshot")}
    floor = replace(FLOOR, signers=signers)
    held = dict(FLOOR.versions)
    assert floors.gone_back(floor, held, root) == ""
    for role in held:
        assert floors.gone_back(floor, {**held, role: held[role] - 1}, root) == role
        assert floors.gone_back(floor, {**held, role: held[role] + 1}, root) == ""
    assert floors.gone_back(floor, {"root": 2}, root) == "snapshot"


def test_a_floor_of_revoked_keys_binds_only_roots(repo: TufRepo) -> None:
    root = repo.make_root()
    lower = {"root": 2, "timestamp": 1, "snapshot": 1, "targets": 1}
    assert floors.gone_back(FLOOR, lower, root) == ""
    assert floors.gone_back(FLOOR, {**lower, "root": 1}, root) == "root"


# keys and roles


ODD_KEYS: list[tuple[dict[str, object], str]] = [
    ({"scheme": "rsassa-pss-sha256", "keytype": "rsa"}, "no plain Ed25519"),
    ({"keyval": {"public": "AB" * 32}}, "no plain Ed25519"),
    ({"keyval": {"public": "ab" * 31}}, "no plain Ed25519"),
    ({"keyval": {"public": "ab" * 32, "note": "x"}}, "no plain Ed25519"),
    ({"keyval": {}}, "no plain Ed25519"),
    ({"keyval": {"public": "ab" * 32}}, "not its key's hash"),
]


@pytest.mark.parametrize(("change", "words"), ODD_KEYS)
def test_only_plain_ed25519_keys(tmp_path: Path, change: dict[str, object], words: str) -> None:
    root = TufRepo(tmp_path).make_root()
    (keyid,) = root.roles["snapshot"].keyids
    for field, value in change.items():
        vars(root.keys[keyid])[field] = value
    with pytest.raises(TrustRefused, match=words):
        check_root(root)


def test_a_role_may_not_name_a_key_that_is_not_there(repo: TufRepo) -> None:
    root = repo.make_root()
    root.roles["snapshot"].keyids.append("0" * 64)
    with pytest.raises(TrustRefused, match="names a key that is not there"):
        check_root(root)


@pytest.mark.parametrize("role", PATHS)
@pytest.mark.parametrize("fault", ["absent", "path", "prefixes", "not terminating", "none"])
def test_delegations(repo: TufRepo, role: str, fault: str) -> None:
    targets = repo.make_targets()
    assert targets.delegations
    assert targets.delegations.roles
    delegated = targets.delegations.roles[role]
    if fault == "absent":
        del targets.delegations.roles[role]
    elif fault == "path":
        delegated.paths = ["*"]
    elif fault == "prefixes":
        delegated.paths, delegated.path_hash_prefixes = None, ["00"]
    elif fault == "not terminating":
        delegated.terminating = False
    else:
        targets.delegations = None
    with pytest.raises(TrustRefused, match="does not delegate"):
        check_targets(targets)


# python-tuf


def test_pythontuf_keeps_its_time_where_we_set_it(repo: TufRepo, tmp_path: Path) -> None:
    """The one private attribute we set: expiry must really be judged by it."""
    ours = Client(
        VolumeTransport(repo.folder),
        tmp_path / "late",
        bootstrap=repo.first_root,
        at=NOW + timedelta(days=401),
    )
    assert isinstance(ours._updater, Updater)
    assert ours._updater._trusted_set is ours.trusted
    assert ours.trusted.reference_time == NOW + timedelta(days=401)
    with pytest.raises(TrustRefused, match="has expired"):
        ours.refresh()


def test_a_moved_attribute_is_noticed() -> None:
    class Moved:
        """As python-tuf might be one day."""

    with pytest.raises(KexiaError, match="keeps its reference time elsewhere"):
        clients.judge_at(Moved(), NOW)  # type: ignore[arg-type]  # that is the point


def test_every_refusal_of_pythontuf_is_mapped() -> None:
    kinds = [
        kind
        for kind in vars(exceptions).values()
        if isinstance(kind, type) and issubclass(kind, exceptions.RepositoryError)
    ]
    assert len(kinds) >= 6
    for kind in kinds:
        ours = clients.refusal(kind("what"), "metadata/x.json")
        assert type(ours) is TrustRefused
        assert ours.hint
        assert ours.fact.startswith("metadata/x.json: ")


@pytest.mark.parametrize(
    "kind", ["DownloadError", "DownloadLengthMismatchError", "SlowRetrievalError"]
)
def test_every_failed_download_is_no_source(kind: str) -> None:
    error = getattr(exceptions, kind)("what")
    assert type(clients._unfetched(error, "here")) is NoSource


def test_a_repository_of_any_kind(repo: TufRepo, tmp_path: Path) -> None:
    """What conformance runs: another layout, a target of any name, no consistent snapshots."""
    ours = Client(
        VolumeTransport(repo.folder.parent),
        tmp_path / "any",
        bootstrap=repo.first_root,
        at=NOW,
        layout=Layout(f"{repo.folder.name}/metadata/", f"{repo.folder.name}/targets/"),
    )
    ours.refresh()
    target = ours.find("directory")
    assert target is not None
    assert clients.matches(target, ours.fetch(target, limit=10_000))
    assert ours.find("nobody/signs/this") is None
    name = f"{repo.folder.name}/metadata/timestamp.json"
    assert b"".join(ours._fetcher.fetch(name)) == repo.metadata("timestamp.json").read_bytes()
    ours.trusted.root.consistent_snapshot = False
    plain = TargetFile.from_data("plain.txt", b"plain", ["sha256"])
    (repo.folder / "targets" / "plain.txt").write_bytes(b"plain")
    assert ours.fetch(plain, limit=5) == b"plain"
