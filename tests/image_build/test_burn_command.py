"""``kexia image burn`` as a technician types it: asked once on a terminal, sites, lessons, backups.

Cards are loop devices; what was put on them is mounted and made a box by the first start.
"""

import io
import json
import lzma
import os
import pty
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from appliance.box.works import Works
from appliance.config import BoxPaths
from appliance.firststart.card import Card
from appliance.firststart.site import Site, SitePublisher, write_site
from appliance.firststart.start import Machine, first_start
from appliance.generation import current
from appliance.state import open_state
from image_build.cli import main
from image_build.partitions.preload import OF_EVERY_BOX
from sync.progress import Silent
from sync.publish import recipients as publisher
from sync.trust import DemoKeys
from tests.appliance.test_papers import OFFICE, PRIVATE
from tests.kit.badmedia import loop, why_no_loops
from tests.kit.boxes import BoxUnderTest
from tests.kit.images import MIB, SPANS, make_image, tool
from tests.kit.laid import lay_stick
from tests.kit.province import Province

pytestmark = pytest.mark.thorough
KEXIA = (sys.executable, "-c", "from image_build.cli import main; main()", "image", "burn")
LESSONS = {"43/a": {"l1.mp4": b"film" * 200_000, "l2.pdf": b"%PDF-1.4 lesson"}}


@pytest.fixture
def image(tmp_path: Path) -> Path:
    if reason := why_no_loops():
        pytest.skip(reason)
    return make_image(tmp_path).path


@pytest.fixture
def card(tmp_path: Path, image: Path) -> Iterator[Path]:
    file = tmp_path / "card"
    file.write_bytes(b"old " * (256 * MIB // 4))
    with loop(file) as node:
        yield node


def word(node: Path) -> str:
    return f"{node.name}-{256 * MIB}"


def burn(*words: str | Path, code: int = 0) -> dict[str, object]:
    """What it says in JSON; in this process, as a new one takes seconds to begin."""
    said, progress = io.StringIO(), io.StringIO()
    ended: object = 0
    with redirect_stdout(said), redirect_stderr(progress), pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["kexia", "image", "burn", *map(str, words), "--json"])
        try:
            main()
        except SystemExit as error:
            ended = error.code or 0
    assert ended == code, said.getvalue() + progress.getvalue()[-500:]
    value = json.loads(said.getvalue().splitlines()[-1])
    assert isinstance(value, dict)
    return value


def begins(node: Path, size: int = 4) -> bytes:
    with node.open("rb") as file:
        return file.read(size)


def typed(answer: str, *words: str | Path, language: str = "C.UTF-8") -> tuple[int, str]:
    """What it says on a terminal where ``answer`` is typed, and its exit code."""
    master, slave = pty.openpty()
    environment = {**os.environ, "LC_ALL": language, "COLUMNS": "200"}
    command = [*KEXIA, *map(str, words)]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    os.write(master, answer.encode() + b"\n")
    said = bytearray()
    while True:
        try:
            block = os.read(master, 65536)
        except OSError:  # the other side is closed
            break
        said += block
    os.close(master)
    return process.wait(60), said.decode()


@contextmanager
def mounted(node: Path, place: Path, name: str) -> Iterator[Path]:
    place.mkdir(exist_ok=True)
    offset = SPANS[name][0] * MIB
    with_partition = ("losetup", "--find", "--show", f"--offset={offset}", str(node))
    inner = tool(*with_partition).strip()
    try:
        tool("mount", inner, str(place))
        try:
            yield place
        finally:
            tool("umount", str(place))
    finally:
        tool("losetup", "--detach", inner)


def test_asked_once_with_what_will_be_lost(image: Path, card: Path) -> None:
    code, said = typed("", image, card)
    assert code == 0
    assert "ERASED" in said
    assert f"{card}  268.4 MB" in said
    assert "Nothing was written." in said
    assert begins(card) == b"old "
    code, said = typed("yes", image, card)
    assert code == 0, said
    assert "burnt and read back" in said
    assert begins(card, 440) == image.read_bytes()[:440]


def test_asked_in_chinese_where_the_locale_is(image: Path, card: Path) -> None:
    code, said = typed("是", image, card, language="zh_CN.UTF-8")
    assert code == 0, said
    assert "将被清空" in said
    assert "已写入并回读校验" in said


def test_a_script_names_the_medium_or_nothing_is_written(image: Path, card: Path) -> None:
    nobody = burn(image, card, code=2)
    assert "--yes SERIAL" in str(nobody["hint"])
    burn(image, card, "--yes", "another", code=2)
    burn(image, "--yes", "another", code=2)
    burn("--yes", word(card), code=2)
    assert begins(card) == b"old "
    done = burn(image, "--yes", word(card))
    assert done["exit_code"] == 0


def test_an_image_is_compared_with_the_sums_beside_it(image: Path, card: Path) -> None:
    """Before anything is erased."""
    digest = "0" * 64
    (image.parent / "SHA256SUMS").write_text(f"{digest}  {image.name}\n")
    refused = burn(image, "--yes", word(card), code=5)
    assert "signed was" in str(refused["error"])
    assert begins(card) == b"old "
    unsigned = burn(image, "--yes", word(card), "--ca", image, code=5)
    assert "is not signed" in str(unsigned["error"])


def test_what_is_no_image_is_refused_before_anything_is_asked(card: Path, tmp_path: Path) -> None:
    for name, data in (("a.img", b"PK" * 99), ("b.img.xz", b"PK" * 99), ("c.img.zst", b"PK" * 99)):
        (tmp_path / name).write_bytes(data)
        burn(tmp_path / name, "--yes", word(card), code=5)
    burn(tmp_path / "nothing.img", "--yes", word(card), code=2)
    assert begins(card) == b"old "


@pytest.fixture
def province(tmp_path: Path) -> Province:
    made = Province.create(tmp_path / "province")
    publisher.add(made.workspace, made.ring, OFFICE, made.now)
    made.publish(LESSONS)
    return made


@pytest.fixture
def site(province: Province, tmp_path: Path) -> Path:
    """As `kexia image new` leaves it."""
    folder = tmp_path / "list" / "sites" / "430121-青山教学点"
    (folder / "roots").mkdir(parents=True)
    (folder / "roots" / "43.root.json").write_bytes(province.root)
    followed = SitePublisher("roots/43.root.json", ("https://kexia.invalid/43",), ("43/a",))
    made = Site("青山教学点", "430121", grades=(1,), publishers=(followed,), pin="380516")
    (folder / "site.toml").write_bytes(write_site(made))
    return folder


def begin(node: Path, tmp_path: Path) -> BoxUnderTest:
    """What the first start makes of a card, on a copy of its data."""
    with mounted(node, tmp_path / "data", "data") as data:
        owners = {(path.lstat().st_uid, path.lstat().st_gid) for path in data.rglob("*")}
        assert owners <= {(990, 990), (0, 0)}
        assert (data / "kexia").stat().st_uid == 990
        names = {path.name for path in (data / "kexia").iterdir()}
        assert names <= {*OF_EVERY_BOX, "state.db"}
        tool("cp", "-a", str(data / "kexia"), str(tmp_path / "box"))
    paths = BoxPaths(tmp_path / "box")
    (tmp_path / "esp").mkdir()
    volume = f"{node}@@{SPANS['esp'][0] * MIB}"
    tool("mcopy", "-s", "-n", "-i", volume, "::/site.toml", "::/roots", str(tmp_path / "esp"))
    machine = Machine(lambda most: most - 1, tmp_path / "ssh", DemoKeys.ACCEPT)
    first_start(paths, Card(tmp_path / "esp"), machine)
    return BoxUnderTest(paths)


def _pem(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@pytest.mark.parametrize("source", ["repository", "box", "stick"])
def test_a_box_leaves_the_office_full(
    image: Path, card: Path, province: Province, site: Path, tmp_path: Path, source: str
) -> None:
    place = province.repository
    if source != "repository":
        other = BoxUnderTest.create(tmp_path / "other", province.root)
        other.subscribe("43/a").sync(province.repository)
        place = other.paths.root
    if source == "stick":
        place = tmp_path / "stick"
        lay_stick(place, province.repository, LESSONS["43/a"].values())
    cards = tmp_path / "cards.pdf"
    words = ("--site", site, "--preload", place, "--demo", "--cards", cards)
    told = burn(image, *words, "--yes", word(card))
    assert cards.read_bytes().startswith(b"%PDF")
    assert cards.stat().st_mode & 0o077 == 0
    assert told["exit_code"] == 0
    box = begin(card, tmp_path)
    generation = current(box.paths)
    assert generation is not None
    assert {one.entry.id for one in generation.record.collections} == {"43/a"}
    assert LESSONS["43/a"]["l1.mp4"] in box.served().values()
    assert not box.paths.identity.exists()
    report = box.sync(province.repository)
    assert not report.is_new
    assert "No problems found" in tool("sgdisk", "--verify", str(card))


def test_no_room_to_prepare_leaves_the_card_alone(
    image: Path, card: Path, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed, small = tmp_path / "a.img.xz", tmp_path / "small"
    packed.write_bytes(lzma.compress(image.read_bytes(), preset=0))
    small.mkdir()
    tool("mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small))
    try:
        monkeypatch.setattr(tempfile, "tempdir", str(small))
        refused = burn(packed, "--site", site, "--yes", word(card), code=6)
    finally:
        tool("umount", str(small))
    assert "TMPDIR" in str(refused["hint"])
    assert begins(card) == b"old "


def test_lessons_that_cannot_be_had_leave_the_card_alone(
    image: Path, card: Path, province: Province, site: Path, tmp_path: Path
) -> None:
    other = Province.create(tmp_path / "else", now=province.now)
    other.publish({"43/b": {"l.pdf": b"x"}})
    lessons = ("--site", site, "--preload")
    burn(
        image, "--site", site, "--preload", other.repository, "--demo", "--yes", word(card), code=4
    )
    burn(image, *lessons, tmp_path, "--demo", "--yes", word(card), code=4)
    burn(image, "--preload", province.repository, "--demo", "--yes", word(card), code=2)
    burn(image, *lessons, province.repository, "--yes", word(card), code=5)
    assert begins(card) == b"old "


def test_a_backup_comes_onto_its_replacement_card(
    image: Path, card: Path, province: Province, site: Path, tmp_path: Path
) -> None:
    """With the lessons; the new card's box makes its own key when it first needs one."""
    old = BoxUnderTest.create(tmp_path / "old", province.root)
    old.subscribe("43/a").sync(province.repository)
    with closing(open_state(old.paths.state_db)) as state:
        state.execute("CREATE TABLE lesson_list (name TEXT) STRICT")
        state.execute("INSERT INTO lesson_list VALUES ('三年级的课')")
    backup = tmp_path / "box.backup"
    Works(old.paths, old.machine)({"command": "backup", "to": str(backup)}, Silent())
    key = tmp_path / "office.key"
    key.write_bytes(_pem(PRIVATE))
    words = ("--site", site, "--preload", province.repository, "--restore", backup, "--demo")
    burn(image, *words, "--yes", word(card), code=2)
    burn(image, *words, "--keys", key, "--yes", word(card))
    box = begin(card, tmp_path)
    with closing(open_state(box.paths.state_db)) as state:
        assert state.execute("SELECT name FROM lesson_list").fetchall() == [("三年级的课",)]
    assert not box.paths.identity.exists()
    assert current(box.paths) is not None
