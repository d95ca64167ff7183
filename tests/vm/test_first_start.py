"""The first start in a whole image: a card from the office, the kernel's own FAT."""

from pathlib import Path

import pytest

from appliance.firststart.site import read_site, write_site
from image_build.partitions.esp_image import put_files
from tests.kit.sitecards import SITE
from tests.kit.tufrepo import TufRepo
from tests.vm import images
from tests.vm.disk import Disk
from tests.vm.image_machine import PATIENT, ImageMachine

PATIENCE = 1200.0
STARTED = r"first start: (\w+)"
SECRETS = (SITE.pin.encode(), SITE.network.passphrase.encode())

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200), pytest.mark.image]


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """A card with the built image and the site's files."""
    if reason := images.why_not("amd64"):
        pytest.skip(reason)
    made = Disk.of(images.image("amd64"), tmp_path)
    made.set_grub(EXTRA=PATIENT)
    files = {
        "site.toml": write_site(SITE),
        "roots/43.root.json": TufRepo(tmp_path / "43").first_root,
    }
    put_files(made.path, files, offset=made.partition("esp")[0])
    return made


def is_wiped(disk: Disk) -> bool:
    """No secret is left in any sector of the card's FAT partition."""
    volume = disk.read("esp")
    return not any(secret in volume for secret in SECRETS)


def test_a_card_from_the_office_becomes_its_box_and_forgets_its_secrets(disk: Disk) -> None:
    assert not is_wiped(disk)
    with ImageMachine(disk) as machine:
        assert machine.wait(STARTED, PATIENCE)[1] == "apply"
        machine.wait("KEXIA-READY slot=A", PATIENCE)
        status, page = machine.get("/")
    assert status in (200, 503)
    assert "青山教学点".encode() in page or status == 503
    assert is_wiped(disk)
    assert read_site(disk.read_esp("site.toml")) == SITE.without_secrets()
    with ImageMachine(disk) as machine:
        assert machine.wait(STARTED, PATIENCE)[1] == "nothing"
