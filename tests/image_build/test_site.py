"""Personalised images and printed cards: nothing but the site's own differs, always alike."""

import dataclasses
import json
import shutil
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from appliance import qr
from appliance.firststart.card import Card as EspCard
from appliance.firststart.site import Site, read_site, write_site
from appliance.firststart.start import Machine, first_start
from appliance.lan.config import Mode, NetworkConfig
from appliance.lan.config import parse as network
from appliance.paths import BoxPaths
from image_build.partitions import esp, esp_image, gpt
from image_build.sites.card import MAX_STEPS, make_card
from image_build.sites.card_pdf import Fonts, draw_cards
from image_build.sites.fonts import find_chinese, find_others
from image_build.sites.personalise import Form, personalise, read_places
from sync.errors import FormatError, InputRefused, UsageError
from sync.progress import Silent
from sync.run import Finished, ProgramFailed, run
from sync.trust import DemoKeys
from tests.kit.images import MIB, SPANS, MadeImage, make_image
from tests.kit.sitecards import SITE, changed
from tests.kit.tufrepo import TufRepo

ESP_AT, ESP_LENGTH = (value * MIB for value in SPANS["esp"])


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> MadeImage:
    return make_image(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return TufRepo(tmp_path_factory.mktemp("43")).first_root


@pytest.fixture
def folder(tmp_path: Path, root: bytes) -> Path:
    for name, site in (
        ("430121-青山教学点", SITE),
        ("430121-白云", changed(name="白云", serial="2")),
    ):
        lay(tmp_path / "out" / "sites" / name, site, root)
    return tmp_path / "out"


def lay(place: Path, site: Site, root: bytes) -> None:
    (place / "roots").mkdir(parents=True)
    (place / "site.toml").write_bytes(write_site(site))
    (place / "roots/43.root.json").write_bytes(root)


def volume(image: Path, to: Path) -> Path:
    """The ESP of an image, cut out."""
    to.write_bytes(image.read_bytes()[ESP_AT : ESP_AT + ESP_LENGTH])
    return to


def test_only_the_sites_files_differ(
    tmp_path: Path, image: MadeImage, folder: Path, root: bytes
) -> None:
    made = personalise(image.path, read_places(folder), tmp_path / "to", Form.IMAGE, Silent())
    assert [path.name for path in made] == [
        "kexia-amd64-2026.11.25.1-430121-白云.img",
        "kexia-amd64-2026.11.25.1-430121-青山教学点.img",
    ]
    plain, own = image.path.read_bytes(), made[1].read_bytes()
    assert own[:ESP_AT] == plain[:ESP_AT]
    assert own[ESP_AT + ESP_LENGTH :] == plain[ESP_AT + ESP_LENGTH :]
    assert gpt.parse(own[: gpt.HEAD], what="").find("esp").offset == ESP_AT
    before = esp.files(volume(image.path, tmp_path / "before"))
    after = volume(made[1], tmp_path / "after")
    files = esp.files(after)
    assert set(files) - set(before) == {"site.toml", "roots/43.root.json"}
    assert all(files[name] == digest for name, digest in before.items())
    assert read_site(esp.read(after, "site.toml")) == SITE
    assert esp.read(after, "roots/43.root.json") == root
    run(["fsck.fat", "-n", after], timeout=60)
    assert stat.S_IMODE(made[0].stat().st_mode) == 0o600
    assert {path.name for path in (tmp_path / "to").iterdir()} == {path.name for path in made}


def test_what_was_made_starts_as_that_box(tmp_path: Path, image: MadeImage, folder: Path) -> None:
    made = personalise(image.path, read_places(folder), tmp_path / "to", Form.IMAGE, Silent())
    card = tmp_path / "card"
    card.mkdir()
    cut = volume(made[1], tmp_path / "esp")
    run(["mcopy", "-s", "-i", cut, "::/site.toml", "::/roots", card], timeout=60)
    paths = BoxPaths(tmp_path / "box")
    first_start(
        paths, EspCard(card), Machine(lambda most: most - 1, tmp_path / "keys", DemoKeys.REFUSE)
    )
    assert 'name = "青山教学点"' in paths.config_file.read_text()


@pytest.mark.parametrize("form", Form)
def test_the_same_image_and_site_give_the_same_bytes(
    tmp_path: Path, image: MadeImage, folder: Path, form: Form
) -> None:
    first = personalise(image.path, read_places(folder), tmp_path / "1", form, Silent())
    time.sleep(2.1)  # FAT counts in steps of two seconds
    elsewhere = Path(shutil.copytree(folder, tmp_path / "elsewhere"))
    second = personalise(image.path, read_places(elsewhere), tmp_path / "2", form, Silent())
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_forms_hold_the_same(tmp_path: Path, image: MadeImage, folder: Path) -> None:
    import lzma

    places = read_places(folder, ["白云"])
    (whole,) = personalise(image.path, places, tmp_path, Form.IMAGE, Silent())
    (part,) = personalise(image.path, places, tmp_path, Form.ESP, Silent())
    (packed,) = personalise(image.path, places, tmp_path, Form.PACKED, Silent())
    assert part.read_bytes() == volume(whole, tmp_path / "cut").read_bytes()
    assert lzma.decompress(packed.read_bytes()) == whole.read_bytes()
    (again,) = personalise(packed, places, tmp_path / "again", Form.IMAGE, Silent())
    assert again.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.rglob("*.partial"))


def test_another_site_takes_the_place_of_the_first(
    tmp_path: Path, image: MadeImage, folder: Path
) -> None:
    (first,) = personalise(
        image.path, read_places(folder, ["白云"]), tmp_path, Form.IMAGE, Silent()
    )
    place = read_places(folder, ["430121-青山教学点"])
    (second,) = personalise(first, place, tmp_path / "2", Form.IMAGE, Silent())
    found = read_site(esp.read(volume(second, tmp_path / "cut"), "site.toml"))
    assert found.name == "青山教学点"


def test_faults_of_all_sites_come_at_once_and_nothing_is_made(folder: Path, root: bytes) -> None:
    lay(folder / "sites/bad", SITE, root.replace(b"publisher 43", b"publisher 44"))
    (folder / "sites/430121-白云/site.toml").write_bytes(b"format = 1\n[site]\nname = '-'\n")
    with pytest.raises(InputRefused) as caught:
        read_places(folder)
    told = " ".join(str(fault) for fault in caught.value.faults)
    assert "bad" in told
    assert "[site] name" in told
    assert "[site] code" in told


@pytest.mark.parametrize("names", [["青山"], ["../x"]])
def test_unknown_names_are_told(folder: Path, names: list[str]) -> None:
    with pytest.raises(UsageError, match="has no site"):
        read_places(folder, names)


def test_what_is_no_image_is_refused(tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "x.img"
    file.write_bytes(bytes(MIB))
    with pytest.raises(FormatError):
        personalise(file, read_places(folder), tmp_path / "to", Form.IMAGE, Silent())


FONTS = Fonts(find_chinese(None), find_others())
SITES = {
    "own": SITE,
    "wired": changed(
        name="浏阳市大围山镇白云教学点（第二教学楼一至三年级复式班）A座",
        network=network(
            {
                "mode": "wired",
                "ssid": 'Big;"S"',
                "passphrase": 'p:w;d\\",x',
                "address": "10.0.0.9/24",
            }
        ),
        grades=tuple(range(1, 13)),
        subjects=("music", "art", "chinese", "math", "english", "science"),
    ),
    "client": changed(network=NetworkConfig(mode=Mode.CLIENT, ssid="学校网络")),
    "bare": changed(network=NetworkConfig(mode=Mode.WIRED), pin="", serial=""),
    "tibetan": changed(name="བོད་ཡིག སློབ་གྲྭ"),
}


@pytest.mark.parametrize("name", SITES)
def test_a_card_says_what_a_teacher_needs(name: str) -> None:
    site, card = SITES[name], make_card(SITES[name])
    assert card.title == site.name
    assert 8 <= len(card.steps) <= MAX_STEPS
    values = [fact.value for fact in card.facts]
    for wanted in (site.pin, site.serial, site.network.ssid, site.network.passphrase):
        assert not wanted or wanted in values
    assert "断电恢复后自动开机" in card.warning[0]


def test_the_codes_of_a_card() -> None:
    own, wired = make_card(SITES["own"]), make_card(SITES["wired"])
    assert [one.text for one in own.squares] == [
        "WIFI:T:WPA;S:Kexia-430121-001;P:mnbv2345cxzl;;",
        "http://192.168.77.1/",
    ]
    assert [one.text for one in wired.squares] == [
        r"WIFI:T:WPA;S:Big\;\"S\";P:p\:w\;d\\\"\,x;;",
        "http://10.0.0.9/",
    ]
    assert make_card(SITES["client"]).squares[0].text == "WIFI:T:nopass;S:学校网络;;"
    assert make_card(SITES["bare"]).squares == ()


def test_pages_of_the_cards(tmp_path: Path) -> None:
    file = tmp_path / "cards.pdf"
    file.write_bytes(draw_cards(map(make_card, SITES.values()), FONTS))
    info = run(["pdfinfo", file], timeout=60).stdout.decode()
    assert f"Pages:           {len(SITES)}" in info
    assert "A4" in info
    text = run(["pdftotext", "-layout", file, "-"], timeout=60).stdout.decode()
    pages = text.split("\f")
    for page, site in zip(pages, SITES.values(), strict=False):
        assert site.pin in page
        assert site.network.passphrase in page
        assert "断电恢复后自动开机" in page
    assert "青山教学点" in pages[0]
    fonts = run(["pdffonts", file], timeout=60).stdout.decode().splitlines()[2:]
    assert fonts
    assert all(line.split()[-5:-2] == ["yes", "yes", "yes"] for line in fonts)


def test_cards_are_the_same_whenever_they_are_drawn() -> None:
    cards = [make_card(SITES["own"]), make_card(SITES["wired"])]
    first = draw_cards(cards, FONTS)
    time.sleep(1.1)
    assert draw_cards(cards, FONTS) == first


def test_codes_on_the_page_are_the_codes_of_the_text(tmp_path: Path) -> None:
    """The squares that are drawn, read back from the page's picture at the codes' own places."""
    file = tmp_path / "card.pdf"
    file.write_bytes(draw_cards([make_card(SITES["own"])], FONTS))
    run(["pdftoppm", "-r", "254", "-gray", "-singlefile", file, tmp_path / "card"], timeout=60)
    with Image.open(tmp_path / "card.pgm") as picture:
        dots = picture.tobytes()
        for number, square in enumerate(make_card(SITES["own"]).squares):
            left = 16 + number * 89 + (89 - 46) / 2
            rows = qr.modules(square.text)
            side = 46.0 / (len(rows) + 8)
            top = find_top(picture, left + 4.5 * side, side) - 4 * side
            for y, row in enumerate(rows):
                for x, dark in enumerate(row):
                    at = (left + (x + 4.5) * side, top + (y + 4.5) * side)
                    seen = dots[round(at[1] * 10) * picture.width + round(at[0] * 10)]
                    assert (seen < 128) is dark


def find_top(picture: "Image.Image", x: float, side: float) -> float:
    """Where a column of seven dark squares begins, a code's left edge; in millimetres."""
    cut = picture.crop((round(x * 10), 0, round(x * 10) + 1, picture.height))
    column = [value < 128 for value in cut.tobytes()]
    length = int(side * 65)
    return next(y for y in range(800, 2000) if all(column[y : y + length])) / 10


@pytest.mark.parametrize("text", ["a", "WIFI:T:WPA;S:青山;P:x;;", "http://[::1]/", "x" * 500])
def test_codes_are_square_and_have_their_corners(text: str) -> None:
    rows = qr.modules(text)
    assert {len(row) for row in rows} == {len(rows)}
    corner = (True,) * 7
    assert rows[0][:7] == rows[6][:7] == rows[0][-7:] == rows[-1][:7] == corner


def test_no_font_with_chinese_is_said_clearly(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_chinese(None, [tmp_path])
    assert "fonts-noto-cjk" in caught.value.hint
    (tmp_path / "x.ttf").write_bytes(b"no font")
    for name in ("x.ttf", "none.ttf"):
        with pytest.raises(UsageError, match="is no font"):
            find_chinese(tmp_path / name)


def test_a_letter_no_font_has_is_named() -> None:
    with pytest.raises(UsageError, match="no font has"):
        draw_cards([make_card(dataclasses.replace(SITE, name="\U00012000"))], FONTS)


def test_the_commands(
    tmp_path: Path, image: MadeImage, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from image_build.cli import main

    def kexia(*words: object) -> tuple[int, str]:
        import sys
        from unittest.mock import patch

        with patch.object(sys, "argv", ["kexia", *map(str, words)]):
            with pytest.raises(SystemExit) as ended:
                main()
            code = ended.value.code
        return int(code or 0), capsys.readouterr().out

    to = tmp_path / "to"
    code, out = kexia("image", "site", image.path, "--sites", folder, "--to", to, "--json")
    assert code == 0
    assert len(json.loads(out)["made"]) == 2
    assert stat.S_IMODE((to / "cards.pdf").stat().st_mode) == 0o600
    code, out = kexia("image", "site", "--cards-only", "--sites", folder, "--to", tmp_path / "c")
    assert code == 0
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["cards.pdf"]
    assert kexia("image", "site", "--sites", folder)[0] == 2
    assert kexia("image", "new")[0] == 2
    assert kexia("image", "new", tmp_path / "none.csv", "--to", to)[0] == 2
    assert kexia("image", "new", "--example", tmp_path / "s.xlsx")[0] == 0
    assert kexia("image", "new", tmp_path / "s.xlsx", "--to", tmp_path / "n", "--json")[0] == 3


def test_the_file_that_mcopy_reads_is_the_owners_and_never_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the Wi-Fi's pass phrase and the PIN; /tmp of a county's PC is everybody's."""
    image = make_image(tmp_path)
    seen: list[int] = []

    def watched(command: Sequence[str | Path], **how: Any) -> Finished:
        if command[0] == "mcopy":
            source = Path(command[-2])
            seen.extend(path.stat().st_mode & 0o777 for path in (source, source.parent))
        return run(command, **how)

    monkeypatch.setattr(esp_image, "run", watched)
    esp_image.put_files(image.path, {"site.toml": b"secret"}, offset=ESP_AT)
    assert seen == [0o600, 0o700]
    with pytest.raises(ProgramFailed):
        esp_image.put_files(image.path, {"site.toml": b"x" * 9 * MIB}, offset=ESP_AT)
    assert [path for path in tmp_path.iterdir() if path != image.path] == []
