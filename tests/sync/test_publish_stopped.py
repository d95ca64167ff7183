"""Stopped before every single durable step in turn: the repository is whole, and a second run ends
where the first would have. (tests/crash kills real processes at random moments as well.)"""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sync.progress import Silent
from sync.publish import gone, push, sign
from sync.publish.roles import KeyRole
from sync.publish.rotate import NewKeys, rotate
from tests.kit.province import Province
from tests.kit.whole import published

OLD = {"43/a": {"l1.pdf": b"one"}, "43/b": {"l1.pdf": b"bee"}}
NEW = {"43/a": {"l1.pdf": b"two" * 50_000, "l2.pdf": b"more"}}


class Stopped(BaseException):
    """The power went."""


class Stopper:
    """Lets ``steps`` renames, links and removals happen, and stops before the next."""

    def __init__(self, patch: pytest.MonkeyPatch, steps: int) -> None:
        self.left = steps
        for name in ("replace", "hardlink_to", "unlink"):
            patch.setattr(Path, name, self._counting(getattr(Path, name)))

    def _counting(self, real: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **named: object) -> object:
            if self.left == 0:
                raise Stopped
            self.left -= 1
            return real(*arguments, **named)

        return step


def work_release(province: Province) -> None:
    province.release({"43/c": {"l1.pdf": b"ocean", "l2.pdf": b"lake" * 50_000}})


def work_night(province: Province) -> None:
    province.publish_all()


def work_withdraw(province: Province) -> None:
    province.withdraw("43/b/l1")


def work_push(province: Province) -> None:
    push.push(
        push.make_plan(province.repository, gone.recorded(province.workspace)),
        str(province.folder / "server"),
        Silent(),
    )


def rotation(role: KeyRole) -> Callable[[Province], None]:
    def work_rotate(province: Province) -> None:
        rotate(province.workspace, province.ring, role, NewKeys(None), province.now)

    return work_rotate


WORKS = {
    "release": work_release,
    "night": work_night,
    "withdraw": work_withdraw,
    "push": work_push,
    **{f"rotate {role}": rotation(role) for role in KeyRole},
}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A province with something published, pushed, and staged."""
    folder = tmp_path_factory.mktemp("pristine")
    province = Province.create(folder)
    province.publish(OLD)
    work_push(province)
    province.publish({"43/c": {"l1.pdf": b"sea"}})
    province.now += timedelta(minutes=1)
    province.release(NEW)
    return folder


FAST = ("release", "night", "withdraw", "push", "rotate timestamp")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in WORKS],
)
@pytest.mark.timeout(300)
def test_stopped_anywhere_it_is_whole_and_goes_on(
    pristine: Path, tmp_path: Path, name: str
) -> None:
    steps = 0
    expected = {"43/a": 2, "43/b": 1, "43/c": 2 if name == "release" else 1}
    stopped = True
    while stopped:
        stopped, found = stopped_after(steps, pristine, tmp_path / f"{steps}", WORKS[name])
        assert found == expected
        steps += 1
    assert steps > 2


def stopped_after(
    steps: int, pristine: Path, folder: Path, work: Callable[[Province], None]
) -> tuple[bool, dict[str, int]]:
    """Whether the work needed more than ``steps``, and the editions once it was done again."""
    shutil.copytree(pristine, folder)
    province = reopened(folder)
    with pytest.MonkeyPatch.context() as patch:
        Stopper(patch, steps)
        try:
            work(province)
        except Stopped:
            stopped = True
        else:
            stopped = False
    offers(province, province.repository)
    offers(province, folder / "server")
    province = reopened(folder)
    province.release(NEW)
    work(province)
    province.publish_all()
    work_push(province)
    sign.check_keys(province.roles)
    found = offers(province, province.repository)
    assert offers(province, folder / "server") == found
    assert not list(province.workspace.root.rglob("*.partial/"))
    shutil.rmtree(folder)
    return stopped, found


def reopened(folder: Path) -> Province:
    province = Province.open(folder)
    province.now = province.roles.signed_at + timedelta(minutes=1)
    return province


def offers(province: Province, repository: Path) -> dict[str, int]:
    scratch = province.folder / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    found = published(repository, province.root, scratch)
    assert found.entry("43/b") is not None
    return {entry.id: entry.edition for entry in found.collections}
