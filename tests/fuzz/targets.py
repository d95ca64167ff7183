"""Every reader of what comes from outside, with good files to start from."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from zlib import crc32

from appliance import announcement, sticks
from appliance.doctor import kernel, running
from appliance.firststart import note as first_start
from appliance.firststart.site import read_site, write_site
from appliance.lan import arp, inforce, keep
from appliance.serve.upload_note import decode_note
from appliance.system import history, slots
from appliance.timetable import keep as timetable_keep
from appliance.timetable import sheet as timetable_sheet
from appliance.volumes import soundness
from appliance.volumes.device import MAX_LABEL, readable
from appliance.volumes.write_back import parse_prepared
from catalog import system
from image_build.builder.cachefile import parse_contents
from image_build.builder.spec import parse_spec
from image_build.burner import media
from image_build.manifest import card, checksums, licences, packages
from image_build.partitions import gpt
from image_build.sites.rows import Publisher, make_site
from image_build.sites.sheet import example, read_sites
from sync import canonical, compression, deflate, directory, feed, pack, shortened, site
from sync.deflate import Parameters, Wrap
from sync.digest import sha256
from sync.directory import Directory
from sync.errors import Fault, InputRefused, KexiaError, NoSource
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
from tests.image_build.test_burn_parts import LSBLK
from tests.image_build.test_burn_parts import table as partitions
from tests.kit import packed
from tests.kit.editions import archive, gzipped, tarred
from tests.kit.heads import head_of, index_of
from tests.kit.packed import text
from tests.kit.roots import AIOHTTP, DEP5, STATUS
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
SITE_FILE = (GOLDEN / "site-1.toml").read_bytes()
HAVE = (GOLDEN / "have-1.zst").read_bytes()


def read_announcement(data: bytes) -> None:
    """A TXT record as zeroconf hands it over: strings, each up to its first ``=`` a key."""
    parts = [line.partition(b"=") for line in data.split(b"\n")]
    said = announcement.parse({key: value if mark else None for key, mark, value in parts}, 8082)
    assert len(said.box) == 16
    assert all(len(each) == 8 for each in said.marks)


class Beside:
    """A folder that has whatever a list of sites names."""

    def publisher(self, _: str) -> Publisher:
        return Publisher("43", b"")

    def timetable(self, _: str) -> bytes:
        return timetable_sheet.example(".csv")


def read_list(data: bytes) -> None:
    """Whatever a row makes, the box's own reader takes."""
    for row in read_sites(data, "sites.csv").rows:
        faults: list[Fault] = []
        made = make_site(row, Beside(), faults).site
        assert faults or read_site(write_site(made)) == made


def read_week(data: bytes) -> None:
    """Whatever a timetable makes, the box's own reader takes."""
    week = timetable_sheet.read_timetable(data, "week.csv", ("g1", "g2")).week
    assert timetable_keep.read(timetable_keep.write(week)) == week


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


def read_arp(frame: bytes) -> None:
    heard = arp.read(frame)
    assert heard is None or len(frame) >= arp.LENGTH


def read_kernel_log(data: bytes) -> None:
    lines = data.decode("utf-8", "replace").splitlines()
    assert kernel.count_faults(lines, "mmcblk0") <= len(lines)
    kernel.has_low_voltage(lines)


def read_slots(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    running.bad_slots(text)
    assert len(running.failed_units(text)) <= running.MAX_UNITS


ARP = bytes.fromhex(
    "ffffffffffffa4504600000208060001080006040001a4504600000200000000000000000000c0a80102"
)
SLOTS = b'{"slots": [{"rootfs.1": {"bootname": "B", "boot_status": "bad"}}]}'
KERNEL = (
    b"3,901,61,-;I/O error, dev mmcblk0, sector 51\n2,902,62,-;EXT4-fs error (device mmcblk0p5)"
)


def with_checksums(data: bytes) -> bytes:
    """A changed partition table with the checksums it needs to be read further."""
    if len(data) < gpt.HEAD:
        return data
    entries, header = data[1024 : gpt.HEAD], bytearray(data[512:604])
    header[88:92] = crc32(entries).to_bytes(4, "little")
    header[16:20] = bytes(4)
    header[16:20] = crc32(header).to_bytes(4, "little")
    return data[:512] + bytes(header) + data[604:]


def read_partitions(data: bytes) -> None:
    found = gpt.parse(data, what="image")
    assert all(0 < one.offset < one.offset + one.size <= found.size for one in found.partitions)


def read_copyright(data: bytes) -> None:
    assert len(licences.licences(data)) <= licences.MAX_LICENCES


GPT = gpt.head_of(partitions(2**30, ("esp", 2048, 4095), ("data", 4096, 9000)))
MANIFEST = GOLDEN / "manifest-1"
FORMS = canonical.dumps(
    {"zstd": [sha256(b"z"), 400], "deltas": [["1a4d20b380bb14ca", sha256(b"d"), 86]]}
)
ARCHIVE = tarred({"KEXIA/stick.json": GROUP[:700], "KEXIA/a/b": b"", "KEXIA/a/c.d": b"x" * 512})
TARGETS = (
    Target("system", ((GOLDEN / "system-1.jsonl").read_bytes(),), system.decode_system),
    Target("system-state", ((GOLDEN / "system-state-1.json").read_bytes(),), history.decode),
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
    Target("arp", (ARP,), read_arp),
    Target(
        "network",
        ((GOLDEN / "lan" / "network.toml").read_bytes(),),
        keep.read,
        refusal=InputRefused,
    ),
    Target("network-state", ((GOLDEN / "network-1.json").read_bytes(),), inforce.decode),
    Target("kernel-log", (KERNEL,), read_kernel_log),
    Target("slots", (SLOTS,), read_slots),
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
    Target(
        "site-file",
        (SITE_FILE, write_site(read_site(SITE_FILE).without_secrets())),
        lambda data: write_site(read_site(data)),
        refusal=InputRefused,
        memory=2**22,
    ),
    Target(
        "site-list",
        (example(".csv"), example(".csv").decode("utf-8-sig").encode("gb18030")),
        read_list,
        refusal=InputRefused,
        memory=2**22,
    ),
    Target(
        "timetable-sheet",
        (
            timetable_sheet.example(".csv"),
            timetable_sheet.example(".csv").decode("utf-8-sig").encode("gb18030"),
        ),
        read_week,
        refusal=InputRefused,
        memory=2**22,
    ),
    Target(
        "timetable",
        ((GOLDEN / "timetable-1.toml").read_bytes(),),
        lambda data: timetable_keep.write(timetable_keep.read(data)),
        refusal=InputRefused,
        memory=2**22,
    ),
    Target("first-start", ((GOLDEN / "first-start-1.json").read_bytes(),), first_start.decode),
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
    Target("partitions", (GPT,), read_partitions),
    Target("partitions-sealed", (GPT,), read_partitions, with_checksums),
    Target("dpkg-status", (STATUS.encode(),), packages.debian),
    Target("wheel", (AIOHTTP.encode(),), packages.wheel),
    Target("copyright", (DEP5.encode(),), read_copyright),
    Target("card", ((MANIFEST / "card.json").read_bytes(),), card.decode),
    Target("sums", ((MANIFEST / "SHA256SUMS").read_bytes(),), checksums.decode),
    Target("lsblk", (LSBLK,), media.parse, refusal=KexiaError),
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
