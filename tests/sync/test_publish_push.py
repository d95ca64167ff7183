"""Pushing: the lawful order, nothing deleted, no private key ever, over SSH as into a folder."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import FormatError, Incomplete, InputRefused, TrustRefused, UsageError
from sync.progress import Silent
from sync.publish import gone, order, push, retain
from sync.publish.destination import TIMESTAMP_LIMIT, is_remote
from sync.publish.order import Rank
from sync.publish.push import Pushed, make_plan
from sync.publish.retain import Policy
from sync.publish.roles import KeyRole
from sync.publish.rotate import NewKeys, rotate
from sync.publish.workspace import TIMESTAMP
from tests.kit.province import Province
from tests.kit.whole import published

DIGEST = "ab" * 32
NAMES = [
    f"packs/ab/{DIGEST}.pack",
    f"tables/ab/{DIGEST}",
    f"feeds/ab/{DIGEST}",
    f"routes/ab/{DIGEST}.older",
    f"routes/ab/{DIGEST}",
    f"targets/{DIGEST}.directory",
    f"targets/roots/{DIGEST}.4301.root.json",
    "metadata/7.editor.json",
    "metadata/3.snapshot.json",
    "metadata/timestamp.json",
    "metadata/12.root.json",
]
MIRRORED = [f"mirrors/{'0' * 16}/{name}" for name in NAMES]


@pytest.fixture
def province(tmp_path: Path) -> Province:
    made = Province.create(tmp_path)
    made.publish({"43/a": {"l1.pdf": b"one", "l2.mp4": b"two" * 100_000}})
    return made


def send(province: Province, to: Path | str) -> Pushed:
    return push.push(
        make_plan(province.repository, gone.recorded(province.workspace)), str(to), Silent()
    )


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*")
            if path.is_file()}  # fmt: skip


@given(st.permutations([*NAMES, *MIRRORED]))
def test_the_order_is_lawful_whatever_order_the_names_come_in(names: list[str]) -> None:
    passes = order.passes([*names, "readme.txt"])
    assert [rank for rank, _ in passes] == list(Rank)
    assert sorted(name for _, members in passes for name in members) == sorted(names)
    in_order = [name for _, members in passes for name in members if name in NAMES]
    assert in_order == NAMES


@pytest.mark.parametrize(
    "name",
    [
        "readme.txt",
        "packs/ab/index.html",
        f"packs/cd/{DIGEST}.pack",
        f"packs/ab/{DIGEST}.pack.partial",
        "metadata/timestamp.json.partial",
        "metadata/1.other.json",
        f"mirrors/x/{NAMES[0]}",
        "../keys/editor.pem",
    ],
)
def test_what_has_no_place_in_a_repository(name: str) -> None:
    assert order.rank(name) is None


def test_a_folder_gets_everything_once(province: Province, tmp_path: Path) -> None:
    server = tmp_path / "server"
    first = send(province, server)
    assert tree(server) == tree(province.repository)
    assert first.files == len(tree(server))
    assert first.bytes == sum(map(len, tree(server).values()))
    again = send(province, server)
    assert (again.files, again.bytes) == (0, 0)


def test_what_is_on_the_server_stays_there(province: Province, tmp_path: Path) -> None:
    send(province, tmp_path / "server")
    (tmp_path / "server" / "index.html").write_text("theirs")
    before = tree(tmp_path / "server")
    province.publish({"43/a": {"l1.pdf": b"new"}})
    send(province, tmp_path / "server")
    after = tree(tmp_path / "server")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"metadata/timestamp.json"}


def test_a_copy_that_broke_off_is_sent_again(province: Province, tmp_path: Path) -> None:
    send(province, tmp_path / "server")
    [pack] = (tmp_path / "server").glob("packs/*/*.pack")
    whole = pack.read_bytes()
    pack.write_bytes(whole[:-1])
    assert send(province, tmp_path / "server").files == 1
    assert pack.read_bytes() == whole


def test_a_plan_sends_the_timestamp_it_was_made_with(province: Province, tmp_path: Path) -> None:
    plan = make_plan(province.repository, gone.recorded(province.workspace))
    old = province.roles.signed_at
    province.publish({"43/b": {"l1.pdf": b"later"}})
    push.push(plan, str(tmp_path / "server"), Silent())
    found = published(tmp_path / "server", province.root, tmp_path / "scratch")
    assert [entry.id for entry in found.collections] == ["43/a"]
    assert province.roles.signed_at > old


def test_foreign_files_are_not_sent_but_named(province: Province, tmp_path: Path) -> None:
    (province.repository / "notes.txt").write_text("draft")
    (province.repository / "metadata" / "9.editor.json.partial").write_text("{")
    done = send(province, tmp_path / "server")
    assert done.ignored == ("metadata/9.editor.json.partial", "notes.txt")
    assert not (tmp_path / "server" / "notes.txt").exists()


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("editor.pem", False),
        ("targets/editor.txt", False),
        (f"packs/ab/{DIGEST}.pack", False),
        ("metadata/9.editor.json", False),
        ("id_ed25519", True),
        ("backup.key", True),
    ],
)
def test_a_tree_with_a_private_key_is_refused(
    province: Province, tmp_path: Path, name: str, hidden: bool
) -> None:
    key = next(province.workspace.keys.glob("editor-*")).read_bytes()
    path = province.repository / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"anything" if hidden else b"\n" + key)
    with pytest.raises(InputRefused) as refused:
        send(province, tmp_path / "server")
    assert [fault.where for fault in refused.value.faults] == [name]
    assert not (tmp_path / "server").exists()


def test_a_private_key_in_other_clothes(province: Province, tmp_path: Path) -> None:
    pem = next(province.workspace.keys.glob("editor-*"))
    for name, arguments in (
        ("der", ["-outform", "DER"]),
        ("encrypted", ["-aes256", "-passout", "pass:x"]),
    ):
        done = subprocess.run(
            ["openssl", "pkey", "-in", pem, *arguments], capture_output=True, check=True
        )
        (province.repository / name).write_bytes(done.stdout)
        with pytest.raises(InputRefused):
            send(province, tmp_path / "server")
        (province.repository / name).unlink()


def copied(province: Province, folder: Path) -> Province:
    """Another copy of the workspace."""
    shutil.copytree(province.workspace.root, folder / province.workspace.root.name)
    return Province.open(folder, now=province.now)


def test_an_older_copy_does_not_roll_the_server_back(province: Province, tmp_path: Path) -> None:
    older = copied(province, tmp_path / "older")
    province.publish({"43/a": {"l1.pdf": b"new"}})
    send(province, tmp_path / "server")
    before = tree(tmp_path / "server")
    with pytest.raises(TrustRefused, match="is newer") as refused:
        send(older, tmp_path / "server")
    assert refused.value.exit_code == 5
    assert str(tmp_path / "server" / TIMESTAMP) in refused.value.hint
    assert tree(tmp_path / "server") == before


def test_a_fork_does_not_take_the_server_over(province: Province, tmp_path: Path) -> None:
    fork = copied(province, tmp_path / "fork")
    fork.now += timedelta(minutes=1)
    for each, text in ((province, b"here"), (fork, b"there")):
        each.publish({"43/a": {"l1.pdf": text}})
    send(province, tmp_path / "server")
    before = tree(tmp_path / "server")
    with pytest.raises(TrustRefused, match="another timestamp"):
        send(fork, tmp_path / "server")
    assert tree(tmp_path / "server") == before
    (tmp_path / "server" / TIMESTAMP).unlink()  # what the hint says
    send(fork, tmp_path / "server")
    assert (tmp_path / "server" / TIMESTAMP).read_bytes() == (
        fork.repository / TIMESTAMP
    ).read_bytes()


@pytest.mark.parametrize(
    "damaged", [b"", b"\xff{", b"{}", b"[" * 60_000, b" " * (TIMESTAMP_LIMIT + 1)]
)
def test_a_damaged_server_is_mended(province: Province, tmp_path: Path, damaged: bytes) -> None:
    send(province, tmp_path / "server")
    (tmp_path / "server" / TIMESTAMP).write_bytes(damaged)
    assert send(province, tmp_path / "server").files == 1
    assert tree(tmp_path / "server") == tree(province.repository)


def test_a_damaged_workspace_does_not_damage_the_server(province: Province, tmp_path: Path) -> None:
    send(province, tmp_path / "server")
    before = tree(tmp_path / "server")
    (province.repository / TIMESTAMP).write_bytes(b"{")
    with pytest.raises(FormatError):
        send(province, tmp_path / "server")
    assert tree(tmp_path / "server") == before


def test_a_push_stays_outside_the_workspace(province: Province, tmp_path: Path) -> None:
    root = province.workspace.root
    (tmp_path / "link").symlink_to(root)
    before = tree(tmp_path)
    for to in (
        province.repository,
        province.repository / "copy",
        root,
        root / "www",
        root / ".." / root.name / "keys",
        root.parent,
        Path("/"),
        tmp_path / "link" / "www",
    ):
        with pytest.raises(UsageError, match="workspace") as refused:
            send(province, to)
        assert refused.value.hint
    assert tree(tmp_path) == before


def test_a_place_that_is_no_folder(province: Province, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("theirs")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "packs").write_text("theirs")
    (tmp_path / "odd" / TIMESTAMP).mkdir(parents=True)
    for to in (
        tmp_path / "file",
        tmp_path / "file" / "below",
        tmp_path / "loop",
        tmp_path / "taken",
        tmp_path / "odd",
        tmp_path / ("long" * 100),
        Path("/proc"),
        Path("/proc/kexia/www"),
        Path("/dev/null"),
    ):
        with pytest.raises(UsageError, match="no folder to push to") as refused:
            send(province, to)
        assert refused.value.exit_code == 2
        assert refused.value.hint
    assert (tmp_path / "file").read_text() == "theirs"


@pytest.mark.parametrize(
    ("to", "remote"),
    [
        ("www.example.cn:repository", True),
        ("kexia@10.0.0.1:/srv/kexia", True),
        ("[fe80::1]:/srv", True),
        ("/srv/kexia", False),
        ("./a:b", False),
        ("folder", False),
        ("host:", False),
    ],
)
def test_what_is_a_server(to: str, remote: bool) -> None:
    assert is_remote(to) == remote


class SshServer:
    """A real sshd on a loopback port with throw-away keys; rsync reaches it through RSYNC_RSH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        for name in ("host", "client"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True
            )
        (folder / "authorized").write_bytes((folder / "client.pub").read_bytes())
        (folder / "config").write_text(
            f"ListenAddress 127.0.0.1\nPort {self.port}\nHostKey {folder}/host\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\n"
            f"PidFile {folder}/pid\nPasswordAuthentication no\nPermitRootLogin yes\n"
        )
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f", folder / "config"],
                stderr=log,
            )
        self._wait()

    @property
    def shell(self) -> str:
        """What rsync shall run in place of ``ssh``."""
        return (
            f"ssh -p {self.port} -i {self.folder}/client -o IdentitiesOnly=yes -o BatchMode=yes "
            "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        )

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshServer]:
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd's own condition, made by its service
    folder = tmp_path / "ssh"
    folder.mkdir(mode=0o700)
    server = SshServer(folder)
    monkeypatch.setenv("RSYNC_RSH", server.shell)
    yield server
    server.stop()


@pytest.mark.e2e
def test_over_ssh(province: Province, tmp_path: Path, ssh: SshServer) -> None:
    server = tmp_path / "www" / "kexia"
    server.parent.mkdir()
    first = send(province, f"127.0.0.1:{server}")
    assert tree(server) == tree(province.repository)
    assert first.files == len(tree(server))
    assert first.bytes == sum(map(len, tree(server).values()))
    assert send(province, f"127.0.0.1:{server}").files == 0
    (server / "index.html").write_text("theirs")
    province.publish({"43/a": {"l1.pdf": b"new"}})
    rotate(province.workspace, province.ring, KeyRole.SNAPSHOT, NewKeys(None), province.now)
    assert send(province, f"127.0.0.1:{server}/").files > 3
    assert (server / "index.html").exists()
    found = published(server, province.root, tmp_path / "scratch")
    assert [(entry.id, entry.edition) for entry in found.collections] == [("43/a", 2)]


@pytest.fixture(params=["folder", pytest.param("ssh", marks=pytest.mark.e2e)])
def server_and_name(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """Where the files are, and what to call it."""
    server = tmp_path / "www"
    if request.param == "folder":
        return server, str(server)
    request.getfixturevalue("ssh")
    return server, f"127.0.0.1:{server}"


def test_what_was_pruned_goes_at_the_push_after_the_one_that_left_it_behind(
    province: Province, server_and_name: tuple[Path, str]
) -> None:
    server, to = server_and_name
    send(province, to)
    old = set(tree(server))
    province.now += timedelta(days=30)
    province.publish({"43/a": {"l1.pdf": b"new" * 999}})
    retain.note(province.workspace, province.now)
    province.now += timedelta(days=30)
    plan = retain.make_plan(province.workspace, Policy(editions=1), province.now)
    retain.execute(province.workspace, plan)
    assert set(plan.removed) & old
    (server / "packs" / "theirs.txt").write_text("theirs")
    sent = send(province, to)
    assert sent.removed == 0, "until now it was in force there: somebody may be reading it"
    assert old <= set(tree(server))
    province.publish({"43/a": {"l1.pdf": b"newer" * 999}})
    sent = send(province, to)
    assert sent.removed == len(set(plan.removed) & old)
    assert set(tree(server)) == {*tree(province.repository), "packs/theirs.txt"}
    assert send(province, to).removed == 0


def test_what_is_published_again_stays(province: Province, tmp_path: Path) -> None:
    send(province, tmp_path / "server")
    [pack] = province.repository.glob("packs/*/*.pack")
    gone.note(province.workspace, [pack.relative_to(province.repository).as_posix()])
    assert send(province, tmp_path / "server").removed == 0
    assert tree(tmp_path / "server") == tree(province.repository)


def test_the_record_of_what_was_pruned_may_be_lost(province: Province) -> None:
    workspace = province.workspace
    gone.note(workspace, ["packs/a"])
    assert list(gone.recorded(workspace)) == ["packs/a"]
    whole = (workspace.root / gone.RECORD).read_bytes()
    for damaged in (b"", b"[]", whole[:-9], whole.replace(b"pruned-1", b"pruned-2")):
        (workspace.root / gone.RECORD).write_bytes(damaged)
        assert gone.recorded(workspace) == {}
    value = {"format": gone.FORMAT, "pruned": {"packs/b": 2 - gone.REMEMBERED, "packs/c": 1}}
    (workspace.root / gone.RECORD).write_text(json.dumps(value))
    gone.note(workspace, ["packs/a"])
    assert sorted(gone.recorded(workspace)) == ["packs/a", "packs/c"]


@pytest.mark.e2e
def test_over_ssh_nothing_is_rolled_back(
    province: Province, tmp_path: Path, ssh: SshServer
) -> None:
    server = tmp_path / "www"
    older = copied(province, tmp_path / "older")
    province.publish({"43/a": {"l1.pdf": b"new"}})
    send(province, f"127.0.0.1:{server}")
    before = tree(server)
    with pytest.raises(TrustRefused, match="is newer"):
        send(older, f"127.0.0.1:{server}/")
    assert tree(server) == before
    for damaged in (b"{", b" " * (TIMESTAMP_LIMIT + 1)):
        (server / TIMESTAMP).write_bytes(damaged)
        send(province, f"127.0.0.1:{server}")
        assert tree(server) == before


@pytest.mark.e2e
def test_a_server_that_cannot_be_read_is_not_written(
    province: Province, tmp_path: Path, ssh: SshServer
) -> None:
    (tmp_path / "file").write_text("theirs")
    with pytest.raises(Incomplete, match="reading what is there"):
        send(province, f"127.0.0.1:{tmp_path}/file")


@pytest.mark.e2e
def test_a_server_that_is_down_is_for_the_next_time(
    province: Province, tmp_path: Path, ssh: SshServer
) -> None:
    ssh.stop()
    with pytest.raises(Incomplete, match="reading what is there broke off") as incomplete:
        send(province, f"127.0.0.1:{tmp_path}/www")
    assert incomplete.value.exit_code == 9
    assert not (tmp_path / "www").exists()


@pytest.mark.e2e
def test_no_key_leaves_over_ssh(province: Province, tmp_path: Path, ssh: SshServer) -> None:
    shutil.copytree(province.workspace.keys, province.repository / "keys")
    with pytest.raises(InputRefused) as refused:
        send(province, f"127.0.0.1:{tmp_path}/www")
    assert len(refused.value.faults) == 10
    assert not (tmp_path / "www").exists()
