"""Every reader of what comes from outside, with good files to start from."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

from appliance import announcement, sticks
from appliance.serve.upload_note import decode_note
from appliance.system import history, rauc, slots
from appliance.volumes import soundness
from appliance.volumes.device import MAX_LABEL, readable
from appliance.volumes.write_back import parse_prepared
from catalog import system
from image_build.cachefile import parse_contents
from image_build.spec import parse_spec
from sync import canonical, compression, deflate, directory, feed, pack, shortened, site
from sync.deflate import Parameters, Wrap
from sync.digest import sha256
from sync.directory import Directory
from sync.errors import InputRefused, NoSource
from sync.feed import plain_bytes
from sync.pack import Codec, Group, PackWriter
from sync.publish.packs.documents import Document, opened
from sync.publish.packs.images import MAX_BLOCK, find_blocks
from sync.publish.packs.streams import find_streams
from sync.stick import (
    back,
    backup,
    concatenation,
    have,
    note,
    recipients,
    registry,
    report,
    sealing,
)
from sync.stick.sealing import Kind
from sync.transport import archive as archives
from sync.trust import floor, notices, root
from sync.updates import routes
from sync.updates.head import decode_head, encode_head
from sync.updates.opened import given
from tests.fuzz.fuzzer import Target
from tests.kit import packed
from tests.kit.editions import archive, gzipped, tarred
from tests.kit.heads import head_of, index_of
from tests.kit.packed import text
from tests.sync import test_updates_head as heads
from tests.sync import test_updates_routes as ways

GOLDEN = Path(__file__).parents[1] / "golden"
HEAD = encode_head(heads.BASE, heads.FEED, heads.sample())
ENTRY = replace(heads.ENTRY, updates=(ways.update(1, 2),), routes=ways.stored("routes"))
DIRECTORY = directory.encode(Directory("43", "湖南省", (ENTRY,), (2,)))
FEED = plain_bytes(heads.FEED)
BASE = heads.BASE.plain
GROUP = text(1, 5000)
FAT_HEAD = b"\xeb\x58\x90mkfs.fat\0\2\1\x20\0\2".ljust(4096, b"\0")
"""512 bytes a sector, 32 reserved."""
STREAM = b"".join(deflate.deflate([GROUP], Parameters(Wrap.ZLIB, 6, 8)))
IMAGE = b"hsqs".ljust(96, b"\0") + STREAM + b"raw" + STREAM
SLOTS = b'{"booted":"A","slots":[{"rootfs.0":{"bootname":"A","boot_status":"good"}}]}'
NEST = archive({"kit.tgz": gzipped(tarred({"a.js": GROUP, "a.js.gz": gzipped(GROUP)}))})
"""A compressed file in a compressed TAR in a ZIP."""
SPAN, OPENED = opened(Document.of(packed.resource(NEST), NEST), set())
ROUTES = routes.encode_all(ways.sample(), ways.NEWEST)
ROOT = GOLDEN / "publish-1" / "metadata" / "1.root.json"
FLOOR = GOLDEN / "floor-1.json"


def plain_of(frame: bytes) -> bytes:
    size = compression.content_size(frame, limit=2**20, what="seed")
    return compression.decompress(frame, size=size, what="seed")


def read_routes(stored: bytes) -> None:
    found = routes.decode(stored, ways.NEWEST)
    assert len(found.older) < routes.MAX_LISTS
    assert sum(len(stop.packs) for stop in found.stops[1:]) <= routes.MAX_NAMED


def read_head(data: bytes) -> None:
    heads.within_bounds(decode_head(data, heads.BASE, heads.ENTRY), heads.BASE, heads.ENTRY)


def read_group(stored: bytes) -> None:
    group = Group(sha256(stored), 8, len(stored), len(GROUP), Codec.ZSTD)
    assert len(pack.open_group(group, stored, what="group")) == len(GROUP)


def read_prefixed(stored: bytes) -> None:
    group = Group(sha256(stored), 8, len(stored), len(GROUP), Codec.ZSTD)
    assert len(pack.decode_group(group, stored, BASE, what="group")) == len(GROUP)


def read_opened(data: bytes) -> None:
    span = replace(SPAN, length=len(data))
    assert sum(map(len, given(span, [data]))) == len(OPENED) + len(data) - len(NEST)


def read_image(data: bytes) -> None:
    at = 0
    for block in find_blocks(data):
        assert at <= block.start < block.end <= len(data)
        assert block.size <= MAX_BLOCK
        at = block.end


def read_label(data: bytes) -> None:
    assert len(readable(data.decode("utf-8", "surrogateescape"))) <= MAX_LABEL


def read_head_of_volume(data: bytes) -> None:
    for kind in ("vfat", "exfat", "ext4"):
        place = soundness.second_entry(kind, data)
        assert place is None or 0 < place < 2**29
        soundness.is_clean(kind, data, data[:8])


def read_feed(stored: bytes) -> None:
    feed.decode(stored, heads.ENTRY.feed)


def resealed(data: bytes) -> bytes:
    """A changed floor with the seal it needs to be read further."""
    try:
        state = canonical.loads(data, what="floor")["state"]
        sealed = {"format": floor.FORMAT, "sha256": sha256(canonical.dumps(state)), "state": state}
        return canonical.dumps(sealed)
    except Exception:  # noqa: BLE001 - what cannot be sealed is tried as it is
        return data


def table() -> bytes:
    writer = PackWriter(BytesIO(), level=1)
    writer.add(GROUP)
    return writer.finish(())[0]


def read_shortened(data: bytes) -> None:
    try:
        value = canonical.loads(data, what="custom")
    except Exception:  # noqa: BLE001 - the metadata around it is parsed by tuf
        return
    assert len(shortened.parse_custom(value, size=10**6).deltas) <= shortened.MAX_DELTAS


def read_paper(data: bytes) -> None:
    paper = sealing.open_paper(data, kind=Kind.HAVE, limit=2**20)
    have.decode(paper.body)


def signed(body: bytes) -> bytes:
    """What a box with a key of its own may say."""
    return sealing.sign(Kind.HAVE, body, seed=bytes(32), epoch=1, sequence=1)


def read_back(data: bytes) -> None:
    """A file whose length is right, however long the input is."""
    file = data[: back.MIN_SIZE].ljust(back.MIN_SIZE, b"\0")
    halves = back.whole_halves(lambda at, length: file[at : at + length], len(file))
    for half in halves:
        back.unpack(half.papers)


RECIPIENT = bytes(range(64, 96))
HAVE = (GOLDEN / "have-1.zst").read_bytes()


def read_announcement(data: bytes) -> None:
    """A TXT record as zeroconf hands it over: strings, each up to its first ``=`` a key."""
    parts = [line.partition(b"=") for line in data.split(b"\n")]
    said = announcement.parse({key: value if mark else None for key, mark, value in parts}, 8082)
    assert len(said.box) == 16
    assert all(len(each) == 8 for each in said.marks)


def read_archive(data: bytes) -> None:
    """Cut files are told apart from broken ones, both refused; no member lies beyond the end."""
    try:
        members = archives.read_index(
            lambda length, offset: data[offset : offset + length], size=len(data), label="archive"
        )
    except NoSource:
        return
    assert all(one.offset + one.size <= len(data) for one in members.values())
    assert len({name.lower() for name in members}) == len(members)


FORMS = canonical.dumps(
    {"zstd": [sha256(b"z"), 400], "deltas": [["1a4d20b380bb14ca", sha256(b"d"), 86]]}
)
ARCHIVE = tarred({"KEXIA/stick.json": GROUP[:700], "KEXIA/a/b": b"", "KEXIA/a/c.d": b"x" * 512})
TARGETS = (
    Target("system", ((GOLDEN / "system-1.jsonl").read_bytes(),), system.decode_system),
    Target("system-state", ((GOLDEN / "system-state-1.json").read_bytes(),), history.decode),
    Target("slots", (SLOTS,), rauc.parse_slots),
    Target("image", (IMAGE,), read_image),
    Target("directory", (DIRECTORY, (GOLDEN / "directory-1.json").read_bytes()), directory.decode),
    Target("shortened", (FORMS,), read_shortened),
    Target("feed", (FEED, BASE), feed.parse_plain),
    Target("feed-stored", (feed.encode(heads.FEED)[0],), read_feed),
    Target("table", (table(), (GOLDEN / "table-1.bin").read_bytes()), pack.decode_table),
    Target("group", (compression.compress(GROUP),), read_group),
    Target("group-prefixed", (compression.compress_with(BASE, GROUP),), read_prefixed),
    Target("head", (HEAD,), read_head),
    Target(
        "head-index",
        (heads.plain_index(HEAD), index_of([heads.GOOD])),
        read_head,
        lambda data: head_of(heads.BASE, heads.FEED, data),
    ),
    Target(
        "concatenation",
        ((GOLDEN / "concatenation-1.tab").read_bytes(),),
        concatenation.decode_table,
    ),
    Target("routes-stored", ROUTES, read_routes, memory=2**26 + 2**20),
    Target("routes", tuple(map(plain_of, ROUTES)), read_routes, compression.compress),
    Target("note", ((GOLDEN / "stick-1.json").read_bytes(),), note.decode),
    Target("archive", (ARCHIVE,), read_archive),
    Target("announcement", (b"v=1\nid=0123456789abcdef\ns=00112233,aabbccdd",), read_announcement),
    Target("have-signed", (HAVE,), read_paper, signed, memory=2**23),
    Target("have", (plain_of(HAVE),), have.decode, compression.compress, memory=2**23),
    Target("paper", (signed(HAVE),), read_paper),
    Target("back", ((GOLDEN / "back-1.kxb").read_bytes(),), read_back),
    Target("report", ((GOLDEN / "report-1.zst").read_bytes(),), report.decode),
    Target(
        "report-plain",
        (plain_of((GOLDEN / "report-1.zst").read_bytes()),),
        report.decode,
        compression.compress,
    ),
    Target(
        "backup", ((GOLDEN / "backup-1.bin").read_bytes(),), backup.decode, memory=backup.MAX_PLAIN
    ),
    Target("recipients", ((GOLDEN / "recipients-1.json").read_bytes(),), recipients.decode),
    Target("boxes", ((GOLDEN / "boxes-1.json").read_bytes(),), registry.decode),
    Target("prepared", ((GOLDEN / "papers-1.bin").read_bytes(),), parse_prepared),
    Target("papers", (back.pack([b"a", b"b" * 90], 999)[0],), back.unpack),
    Target(
        "sealed",
        ((GOLDEN / "sealed-1.bin").read_bytes(),),
        lambda data: sealing.unseal(data, RECIPIENT),
    ),
    Target(
        "upload-note",
        ((GOLDEN / "upload-note-1.json").read_bytes(),),
        decode_note,
        refusal=ValueError,
    ),
    Target("site", ((GOLDEN / "site-1.txt").read_bytes(),), site.decode),
    Target(
        "root", ((GOLDEN / "publish-1" / "metadata" / "1.root.json").read_bytes(),), root.parse_root
    ),
    Target("floor", (FLOOR.read_bytes(),), floor.decode),
    Target("floor-sealed", (FLOOR.read_bytes(),), floor.decode, resealed),
    Target(
        "withdraw",
        ((GOLDEN / "withdraw-1.json").read_bytes(),),
        lambda data: notices.decode_withdrawals(data, code="43"),
    ),
    Target(
        "rollout",
        ((GOLDEN / "rollout-1.json").read_bytes(),),
        lambda data: notices.decode_held(data, code="43"),
    ),
    Target(
        "stream", (STREAM,), lambda data: list(deflate.inflate([data], Wrap.ZLIB, size=len(GROUP)))
    ),
    Target("opened", (NEST,), read_opened),
    Target("volumes", ((GOLDEN / "volumes-1.json").read_bytes(),), sticks.decode),
    Target("volume-label", (rb"\xbd\xcc\xd1\xa7U\x20\xc5\xcc", b"LESSONS"), read_label),
    Target("volume-head", (FAT_HEAD, bytes(soundness.HEAD)), read_head_of_volume),
    Target("grub-environment", ((GOLDEN / "spare-1.env").read_bytes(),), slots.read_block),
    Target(
        "image-spec",
        ((GOLDEN / "image-1.toml").read_bytes(),),
        lambda data: parse_spec(data, "image.toml"),
        refusal=InputRefused,
    ),
    Target("image-cache", ((GOLDEN / "image-cache-1.json").read_bytes(),), parse_contents),
    Target(
        "document",
        (archive({"a.xml": GROUP, "b.xml": text(2, 900)}), b"%PDF-1.4 stream\n" + STREAM, NEST),
        lambda data: list(find_streams(data)),
        memory=2**24,
    ),
)
