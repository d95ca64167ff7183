"""A card's FAT partition as a folder, with a real site file and real roots, and its box."""

from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from appliance.config import BoxPaths
from appliance.firststart.card import Card
from appliance.firststart.site import Site, SitePublisher, write_site
from appliance.firststart.start import Done, Machine, first_start
from appliance.lan.config import NetworkConfig
from sync.trust import DemoKeys

SITE = Site(
    name="青山教学点",
    code="430121",
    grades=(1, 2, 3),
    publishers=(
        SitePublisher("roots/43.root.json", ("https://www.example.cn/kexia",), ("43/math-1a",)),
    ),
    network=NetworkConfig(ssid="Kexia-430121-001", passphrase="mnbv2345cxzl"),
    pin="204857",
    system="43/system",
)


@dataclass
class Blank:
    """A machine with a new card."""

    folder: Path
    demo: DemoKeys = DemoKeys.REFUSE

    @property
    def paths(self) -> BoxPaths:
        return BoxPaths(self.folder / "box")

    @property
    def esp(self) -> Path:
        return self.folder / "esp"

    @property
    def site_file(self) -> Path:
        return self.esp / "site.toml"

    @property
    def ssh_keys(self) -> Path:
        return self.folder / "ssh" / "authorized_keys"

    def lay(self, site: Site, **roots: bytes) -> bytes:
        """Put a site file and its roots (``r43=…``) on the card."""
        (self.esp / "roots").mkdir(parents=True, exist_ok=True)
        for name, data in roots.items():
            (self.esp / "roots" / f"{name[1:]}.root.json").write_bytes(data)
        self.site_file.write_bytes(write_site(site))
        return self.site_file.read_bytes()

    def start(self) -> Done:
        """Power on."""
        self.esp.mkdir(parents=True, exist_ok=True)
        below = Random(7).randrange
        return first_start(self.paths, Card(self.esp), Machine(below, self.ssh_keys, self.demo))

    def everything(self) -> dict[str, bytes]:
        """Every file on the card and in the box's folder but the database's own."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and not path.name.startswith("state.db")
        }


def changed(**fields: object) -> Site:
    """``SITE`` with other fields."""
    return replace(SITE, **fields)  # type: ignore[arg-type]
