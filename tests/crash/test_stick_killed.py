"""kill -9 at any moment of a preparation: no stick says it is complete and is not; it goes on."""

import shutil
from pathlib import Path
from random import Random

import pytest

from appliance.technician.check import check
from appliance.technician.findings import Checked
from appliance.technician.lacking import Measure
from appliance.technician.programmes import Request, desk, prepare_stick
from sync.errors import NoSource
from sync.progress import Silent
from sync.trust import DemoKeys
from tests.crash.test_publish_killed import kills
from tests.kit.boxes import BoxUnderTest
from tests.kit.killing import Killer
from tests.kit.province import NOW, Province

RNG = Random(44)
OLD = {f"l{number}.pdf": RNG.randbytes(60_000) for number in range(8)} | {
    "l8.mp4": RNG.randbytes(1_300_000)
}
NEW = OLD | {"l0.pdf": RNG.randbytes(500_000), "l9.mp4": RNG.randbytes(1_200_000)}


def bring(repository: Path, to: Path) -> None:
    request = Request([repository], (), ["43/a"], to, Measure.LACKING, (), DemoKeys.ACCEPT)
    prepare_stick(request, NOW, Silent())


def judged(place: Path) -> Checked | None:
    with desk((), DemoKeys.ACCEPT, NOW) as prover:
        try:
            return check(place, prover, None, Silent())
        except NoSource:
            return None  # nothing of ours is there yet


@pytest.mark.parametrize("count", kills(6))
@pytest.mark.parametrize("name", ["stick", "lessons.kexia"])
@pytest.mark.timeout(900)
def test_a_preparation_is_killed(tmp_path: Path, count: int, name: str) -> None:
    province = Province.create(tmp_path / "province")
    province.publish({"43/a": OLD})
    place, pristine = tmp_path / name, tmp_path / f"old-{name}"
    bring(province.repository, pristine)
    province.publish({"43/a": NEW})
    box = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")
    killer = Killer(Random(2))
    copy = shutil.copytree if pristine.is_dir() else shutil.copy
    copy(pristine, place)
    seconds = killer.measure(bring, province.repository, place)
    rounds = 0
    while killer.kills < count:
        rounds += 1
        for path in (place, place.with_name(place.name + ".partial")):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if rounds % 2:
            copy(pristine, place)
        for _ in range(3):
            killer.strike(seconds, bring, province.repository, place)
            found = judged(place)
            if found is not None:
                assert not found.bad + found.refused + found.failing
                editions = {one.edition for each in found.publishers for one in each.editions}
                assert found.exit_code == 9 or editions in ({1}, {2})
        bring(province.repository, place)
        done = judged(place)
        assert done is not None
        assert (done.exit_code, done.publishers[0].editions[0].edition) == (0, 2)
    assert box.sync(place).exit_code == 0
    assert sorted(box.resources().values()) == sorted(NEW.values())
