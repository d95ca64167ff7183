"""A real province for tests: a workspace with demo keys, real signatures, a real repository.

    province = Province.create(tmp_path)
    province.publish({"43/a": {"l1.mp4": b"…", "l1.pdf": b"…", "l2.vtt": b"…"}})
    province.repository, province.root          # what a box follows, what it trusts

A name's part before the dot is the lesson, the rest the format; give ``Edition`` for more.
"""

import shutil
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from catalog.model import Chapter, Lesson, LessonResource, Lessons, Role, Textbook, encode_lessons
from sync.digest import Digest, sha256
from sync.feed import Resource
from sync.files import write_durably
from sync.progress import Silent
from sync.publish import in_force, promote, recipients, stage
from sync.publish.init import init_workspace
from sync.publish.keys import KeyRing
from sync.publish.packs.cut import CutRequest, Source
from sync.publish.promote import Night
from sync.publish.roles import KeyRole
from sync.publish.stage import Candidate
from sync.publish.withdraw import withdraw
from sync.publish.workspace import Workspace, open_workspace
from sync.stick.recipients import Recipient

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
"""When a test province is founded, unless the test says otherwise."""

ROLES = {
    "mp4": Role.VIDEO,
    "mp3": Role.AUDIO,
    "vtt": Role.SUBTITLE,
    "pdf": Role.COURSEWARE,
    "docx": Role.LESSON_PLAN,
}
DIMENSIONS = {
    "stage": ("primary",),
    "grade": ("g1",),
    "subject": ("music",),
    "press": ("renjiao",),
    "book": ("upper",),
}


@dataclass(frozen=True)
class Edition:
    """What a collection shall hold: bytes by name, and the lessons block if not the plain one."""

    resources: Mapping[str, bytes]
    title: str = ""
    block: bytes | None = None
    lesson_count: int = 0


Content = Edition | Mapping[str, bytes]


class Province:
    """A publisher under test. ``now`` moves only when the test says so."""

    def __init__(self, folder: Path, workspace: Workspace, now: datetime) -> None:
        self.folder = folder
        self.workspace = workspace
        self.now = now
        self.ring = KeyRing(workspace.keys)

    @classmethod
    def create(
        cls,
        folder: Path,
        code: str = "43",
        name: str = "湖南省",
        *,
        now: datetime = NOW,
        demo: bool = True,
    ) -> "Province":
        """Found a publisher in ``folder/<code>``; without ``demo`` its keys are encrypted."""
        publisher = in_force.Publisher(code, name, demo=demo)
        workspace = init_workspace(folder / code, publisher, None if demo else PASSPHRASE, now)
        province = cls(folder, workspace, now)
        if not demo:
            province.ring = KeyRing(workspace.keys, ask=lambda _: PASSPHRASE)
        return province

    @classmethod
    def open(cls, folder: Path, code: str = "43", *, now: datetime = NOW) -> "Province":
        """The province made there earlier (by another process, before it was killed)."""
        return cls(folder, open_workspace(folder / code), now)

    @property
    def repository(self) -> Path:
        """What a web server or a stick would carry."""
        return self.workspace.repository

    def copy(self, folder: Path) -> Path:
        """The repository as it is now, copied with a file manager."""
        return Path(shutil.copytree(self.repository, folder))

    @property
    def root(self) -> bytes:
        """The first root: what a box is given to trust."""
        return (self.repository / "metadata" / "1.root.json").read_bytes()

    @property
    def roles(self) -> in_force.Roles:
        """The metadata in force."""
        return in_force.read_roles(self.workspace.metadata)

    def release(self, collections: Mapping[str, Content]) -> Candidate | None:
        """Stage the next edition of these collections; ``None`` if nothing changed."""
        requests = [self.request(name, content) for name, content in collections.items()]
        return stage.stage_editions(self.workspace, requests, self.now, Silent())

    def request(self, collection: str, content: Content) -> CutRequest:
        """What ``release`` asks for, with the bytes as files below ``folder/sources``."""
        edition = content if isinstance(content, Edition) else Edition(content)
        sources: dict[Digest, Source] = {}
        for name, data in edition.resources.items():
            path = self.folder / "sources" / collection / name
            write_durably(path, data)
            resource = Resource(sha256(data), len(data))
            sources.setdefault(resource.digest, Source(resource, path))
        lessons = plain_lessons(collection, edition)
        return CutRequest(
            collection=collection,
            title=edition.title or collection,
            dimensions=DIMENSIONS,
            lessons=edition.lesson_count or len(lessons.lessons),
            block=encode_lessons(lessons) if edition.block is None else edition.block,
            sources=tuple(sources.values()),
        )

    def sign(self, candidate: Candidate, *roles: KeyRole) -> None:
        """Sign a candidate as these roles; as editor and reviewer when none is named."""
        for role in roles or stage.SIGNERS:
            [signer] = self.ring.signers(role, self.roles.keyids(role), threshold=1)
            stage.sign_candidate(candidate, role, signer)

    def publish_all(self, now: datetime | None = None) -> Night:
        """Sign the newest candidate as both, then what ``nightly`` does."""
        self.now = now or self.now
        for candidate in stage.candidates(self.workspace, self.roles)[-1:]:
            self.sign(candidate)
        return promote.nightly(self.workspace, self.ring, self.now, Silent())

    def publish(self, collections: Mapping[str, Content]) -> Night:
        """Release, sign, publish; a minute passes."""
        self.release(collections)
        return self.publish_all(self.now + timedelta(minutes=1))

    def withdraw(self, lesson_key: str, reason: str = "错误") -> None:
        """Hide ``collection/lesson`` at once."""
        withdraw(self.workspace, self.ring, lesson_key, reason, self.now)

    def let_read(self, office: str) -> None:
        """Name an office that may read what boxes send back, at once; nobody has its key."""
        recipient = Recipient(bytes.fromhex(sha256(office.encode())), office)
        recipients.add(self.workspace, self.ring, recipient, self.now)


PASSPHRASE = b"correct horse battery staple"


def plain_lessons(collection: str, edition: Edition) -> Lessons:
    """One textbook, one chapter, a lesson for every first part of a name."""
    pieces: dict[str, list[LessonResource]] = defaultdict(list)
    for name, data in edition.resources.items():
        lesson, _, suffix = name.partition(".")
        role = ROLES.get(suffix, Role.EXERCISE)
        pieces[lesson].append(
            LessonResource(
                sha256(data),
                len(data),
                role,
                suffix,
                title=name,
                licence="CC-BY-4.0",
                provider="测试",
                authorised_scope="all",
            )
        )
    lessons = tuple(
        Lesson(
            id=lesson,
            title=f"课 {lesson}",
            chapters=("c1",),
            stage=("primary",),
            grades=("g1",),
            subject="music",
            resources=tuple(resources),
        )
        for lesson, resources in pieces.items()
    )
    textbook = Textbook("t1", "音乐 一年级上册", "primary", "music", "renjiao", "g1", "upper")
    chapter = Chapter("c1", "t1", None, "第一单元", 1)
    return Lessons(collection, edition.title or collection, (textbook,), (chapter,), lessons)
