"""The list of sites: whatever a sheet holds, faults by row and column, or safe files."""

import csv
import io
import os
import pty
import stat
import sys
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from appliance.cli.starting import keys_of
from appliance.firststart.checks import check_pin
from appliance.firststart.site import read_site
from appliance.lan.config import Mode, check_passphrase
from appliance.night import Night
from appliance.timetable.week import Taught
from image_build.builder.contents import image_json
from image_build.builder.spec import read_spec
from image_build.cli.whole import app as whole
from image_build.sites import new
from image_build.sites.new import (
    ImageWish,
    Made,
    Maker,
    folder_of,
    make_sites,
    says_demo,
    write_image,
)
from image_build.sites.sheet import COLUMNS, example, read_sites
from sync.errors import InputRefused, UsageError
from sync.trust import DemoKeys
from tests.kit.tufrepo import TufRepo

ROW = {
    "名称": "青山教学点",
    "县代码": "430121",
    "年级": "一至三年级",
    "学科": "音乐;美术",
    "Wi-Fi名称": "青山课匣",
    "发布者根文件": "43.root.json",
    "发布网址": "https://www.example.cn/kexia",
    "资源": "43/music-1a;430121/art-1a",
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A technician's folder, with two publishers' roots."""
    folder = tmp_path_factory.mktemp("office")
    for code in ("43", "430121"):
        root = TufRepo(folder / code, code=code).first_root
        (folder / f"{code}.root.json").write_bytes(root)
    demo = TufRepo(folder / "demo", code="44", demo=True).first_root
    (folder / "44.root.json").write_bytes(demo)
    (folder / "broken.root.json").write_bytes(b"{}")
    (folder / "week.csv").write_text("时间,周一,周二\n8:30-9:10,语文,二年级数学；午休\n")
    (folder / "broken.csv").write_text("时间,周一\n25:00-09:10,语文\n")
    return folder


def sheet(*rows: Mapping[str, str], encoding: str = "utf-8-sig") -> bytes:
    headings = list(dict.fromkeys(heading for row in rows for heading in row))
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(headings)
    writer.writerows([row.get(heading, "") for heading in headings] for row in rows)
    return text.getvalue().encode(encoding)


def book(*rows: Mapping[str, str]) -> bytes:
    """The same as XLSX; what begins with ``=`` is a formula in it, with what it shows as value."""
    headings = list(dict.fromkeys(heading for row in rows for heading in row))
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as workbook:
        page = workbook.add_worksheet()
        for column, heading in enumerate(headings):
            page.write_string(0, column, heading)
            for number, row in enumerate(rows, start=1):
                cell = row.get(heading, "")
                if cell.startswith("="):
                    page.write_formula(number, column, cell, None, cell)
                else:
                    page.write_string(number, column, cell)
    return data.getvalue()


def made(base: Path, to: Path, data: bytes, name: str = "sites.csv", seed: int = 1) -> Made:
    rows = read_sites(data, name).rows
    return make_sites(rows, to, Maker(base, Random(seed).randrange, DemoKeys.REFUSE))


def faults(base: Path, to: Path, *rows: Mapping[str, str]) -> list[str]:
    with pytest.raises(InputRefused) as caught:
        made(base, to, sheet(*rows))
    assert not to.exists()
    return [f"{fault.where}: {fault.what}" for fault in caught.value.faults]


def test_a_row_becomes_a_site_file_with_secrets_of_its_own(base: Path, tmp_path: Path) -> None:
    one = made(base, tmp_path / "out", sheet(ROW)).sites[0]
    place = tmp_path / "out" / "sites" / "430121-青山教学点"
    site = read_site((place / "site.toml").read_bytes())
    assert site == one.site
    assert (site.name, site.code, site.grades) == ("青山教学点", "430121", (1, 2, 3))
    assert (site.subjects, site.serial) == (("music", "art"), "430121-001")
    assert site.night == Night("22:00", "06:00")
    assert site.publishers[0].urls == ("https://www.example.cn/kexia",)
    assert site.publishers[0].collections == ("43/music-1a", "430121/art-1a")
    assert site.network.ssid == "青山课匣"
    assert check_passphrase(site.network.passphrase) == check_pin(site.pin) == ""
    assert len(site.network.passphrase) == 12
    assert (place / "roots/43.root.json").read_bytes() == (base / "43.root.json").read_bytes()
    assert stat.S_IMODE((place / "site.toml").stat().st_mode) == 0o600
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


def test_a_row_names_the_timetable_of_its_school(base: Path, tmp_path: Path) -> None:
    found = made(base, tmp_path / "out", sheet(ROW | {"课程表": "week.csv"}))
    monday, tuesday = found.sites[0].site.timetable
    assert (monday.day, monday.begin, monday.end) == (1, "08:30", "09:10")
    assert monday.taught == tuple(Taught(grade, "chinese") for grade in ("g1", "g2", "g3"))
    assert tuesday.taught == (Taught("g2", "math"),)
    assert [note.where for note in found.notes] == ["week.csv row 2 column 周二"]
    again = made(base, tmp_path / "out", sheet(ROW))
    assert again.sites[0].site.timetable == ()


def test_a_site_file_that_no_box_would_read_is_not_made(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new, "MAX_SITE", 1000)  # no sheet reaches the real one
    found = faults(base, tmp_path / "out", ROW | {"课程表": "week.csv"})
    assert found == ["sites.csv row 2: its site.toml would be longer than a box reads"]


def test_again_secrets_stay_and_what_the_sheet_says_counts(base: Path, tmp_path: Path) -> None:
    before = made(base, tmp_path, sheet(ROW), seed=1).sites[0].site
    after = made(base, tmp_path, sheet(ROW | {"信道": "11"}), seed=2).sites[0].site
    assert after.network.channel == 11
    assert (after.pin, after.serial) == (before.pin, before.serial)
    assert after.network.passphrase == before.network.passphrase
    given_now = ROW | {"PIN": "918273", "Wi-Fi密码": 'a;b:c,"d\\'}
    last = made(base, tmp_path, sheet(given_now), seed=3).sites[0].site
    assert (last.pin, last.network.passphrase) == ("918273", 'a;b:c,"d\\')


def test_sites_that_left_the_list_stay_and_are_told(base: Path, tmp_path: Path) -> None:
    made(base, tmp_path, sheet(ROW, ROW | {"名称": "白云"}))
    again = made(base, tmp_path, sheet(ROW))
    assert again.left == ("430121-白云",)
    assert (tmp_path / "sites/430121-白云/site.toml").exists()
    third = made(base, tmp_path, sheet(ROW, ROW | {"名称": "新安"})).sites[1].site
    assert third.serial not in {one.site.serial for one in again.sites}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_every_encoding_of_a_csv(base: Path, tmp_path: Path, encoding: str) -> None:
    assert made(base, tmp_path, sheet(ROW, encoding=encoding)).sites[0].site.name == "青山教学点"


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_the_example_is_a_sheet_that_works(base: Path, tmp_path: Path, suffix: str) -> None:
    site = made(base, tmp_path, example(suffix), f"sites{suffix}").sites[0].site
    assert (site.name, site.grades, site.network.mode) == (
        "青山教学点",
        (1, 2, 3),
        Mode.ACCESS_POINT,
    )


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_the_example_of_a_timetable_is_one_that_works(
    base: Path, tmp_path: Path, suffix: str
) -> None:
    example = tmp_path / f"example{suffix}"
    words = ["image", "new", "--example-timetable", str(example)]
    assert CliRunner().invoke(whole, words).exit_code == 0
    (base / example.name).write_bytes(example.read_bytes())
    found = made(base, tmp_path / "out", sheet(ROW | {"课程表": example.name}))
    assert len(found.sites[0].site.timetable) == 10
    assert found.notes == ()


def test_english_headings_mean_the_same(base: Path, tmp_path: Path) -> None:
    row = {
        "Name": "Qingshan", "County code": "430121", "code": "430121", "Wi-Fi name": "Q",
        "roots": "43.root.json", "grades": "1;2", "subjects": "music", "Night window": "21:00-5:00",
    }  # fmt: skip
    site = made(base, tmp_path, sheet(row)).sites[0].site
    assert (site.name, site.grades, site.subjects) == ("Qingshan", (1, 2), ("music",))
    assert site.night == Night("21:00", "05:00")


@pytest.mark.parametrize(
    ("more", "mode", "ssid"),
    [
        ({"联网方式": "热点"}, Mode.ACCESS_POINT, "青山课匣"),
        ({"联网方式": "无线", "Wi-Fi密码": "12345678"}, Mode.CLIENT, "青山课匣"),
        ({"联网方式": "有线", "有线地址": "192.168.1.9/24"}, Mode.WIRED, "青山课匣"),
        ({"有线地址": "192.168.1.9/24", "Wi-Fi名称": ""}, Mode.WIRED, ""),
        ({"Wi-Fi名称": ""}, Mode.ACCESS_POINT, "Kexia-430121-001"),
    ],
)
def test_ways_to_connect(
    base: Path, tmp_path: Path, more: dict[str, str], mode: Mode, ssid: str
) -> None:
    network = made(base, tmp_path, sheet(ROW | more)).sites[0].site.network
    assert (network.mode, network.ssid) == (mode, ssid)


def test_several_publishers_each_with_its_own_address(base: Path, tmp_path: Path) -> None:
    row = ROW | {
        "发布者根文件": "43.root.json;430121.root.json",
        "发布网址": "43 https://a.example;430121 https://b.example;43 https://c.example",
    }
    first, second = made(base, tmp_path, sheet(row)).sites[0].site.publishers
    assert (first.urls, first.collections) == (
        ("https://a.example", "https://c.example"),
        ("43/music-1a",),
    )
    assert (second.urls, second.collections) == (("https://b.example",), ("430121/art-1a",))


@pytest.mark.parametrize("demo", DemoKeys)
def test_demo_keys_go_onto_a_demo_image_only(base: Path, tmp_path: Path, demo: DemoKeys) -> None:
    rows = read_sites(sheet(ROW | {"发布者根文件": "44.root.json", "资源": ""}), "sites.csv").rows
    maker = Maker(base, Random(1).randrange, demo)
    if demo is DemoKeys.REFUSE:
        with pytest.raises(InputRefused, match="has 1 fault;"):
            make_sites(rows, tmp_path, maker)
        return
    wish = ImageWish("trial", "pi", "trixie", "2026.11.26.1")
    spec = read_spec(write_image(tmp_path, wish, make_sites(rows, tmp_path, maker), demo))
    assert spec.demo
    file = tmp_path / "image.json"
    for one, accepted in ((spec, DemoKeys.ACCEPT), (replace(spec, demo=False), DemoKeys.REFUSE)):
        file.write_bytes(image_json(one))
        assert keys_of(file) is accepted
    assert keys_of(tmp_path / "none.json") is DemoKeys.REFUSE


def test_a_trial_that_becomes_real_stops_accepting_demo_keys(base: Path, tmp_path: Path) -> None:
    (base / "list.csv").write_bytes(sheet(ROW))
    words = ["image", "new", str(base / "list.csv"), "--to", str(tmp_path)]
    told = CliRunner().invoke(whole, [*words, "--demo"])
    assert (told.exit_code, says_demo(tmp_path)) == (0, True), told.output
    told = CliRunner().invoke(whole, words)
    assert (told.exit_code, says_demo(tmp_path)) == (0, False)
    assert "demo = true was taken out" in told.output
    told = CliRunner().invoke(whole, words)
    assert "demo = true" not in told.output


@pytest.mark.parametrize(("option", "known"), [("--board", "amd64, pi"), ("--suite", "trixie")])
def test_a_machine_nobody_knows_is_refused(
    base: Path, tmp_path: Path, option: str, known: str
) -> None:
    (base / "list.csv").write_bytes(sheet(ROW))
    words = ["image", "new", str(base / "list.csv"), "--to", str(tmp_path / "out")]
    told = CliRunner().invoke(whole, [*words, option, "toaster"])
    assert isinstance(told.exception, UsageError)
    assert known in told.exception.hint
    assert not (tmp_path / "out").exists()


BAD = {
    "名称": [
        ("", "is empty"), ("=cmd|' /C calc'!A0", "may not begin with ="), ("+1", "begin with +"),
        ("-1+1", "begin with -"), ("@SUM(A1)", "begin with @"), ("x" * 300, "longer than 40"),
        ("\u202e点学教", "U+202E"), ("学\u200f校", "U+200F"), ("学校🏫", "U+1F3EB"),
        ("...", "no letter"),
    ],
    "县代码": [("", "is empty"), ("43", "6 to 12 digits"), ("../../x", "6 to 12 digits")],
    "年级": [("十三年级", "is no grade"), ("2026-01-03", "was turned into a date")],
    "学科": [("炼金术", "is no subject")],
    "联网方式": [("卫星", "is no way to connect")],
    "Wi-Fi名称": [
        ("课" * 11, "longer than 32 bytes"), ("=1", "may not begin with ="),
        ("a\u202eb", "cannot be seen"), ("a\nb", "cannot be seen"),
    ],
    "Wi-Fi密码": [("1234567", "8 to 63"), ("密码" * 4, "Latin letters"), ("x" * 65, "8 to 63")],
    "信道": [("99", "is no channel"), ("six", "is no channel")],
    "有线地址": [("192.168.1.300/24", "is no address"), ("192.168.1.2", "is no address")],
    "发布者根文件": [
        ("", "is empty"), ("../43.root.json", "lies outside"), ("/etc/passwd", "lies outside"),
        ("C:\\43.root.json", "lies outside"), ("..\\43.root.json", "lies outside"),
        ("none.json", "is not there"), ("broken.root.json", "no root signed"),
        ("44.root.json", "demo keys"), ("x\x01y", "is not there"), ("43", "is not there"),
        ("43.root.json;./43.root.json", "stands twice"), ("n" * 300, "is not there"),
    ],
    "发布网址": [("ftp://x", "is no address"), ("44 https://x.example", "none of this row's")],
    "资源": [("44/art", "of no publisher"), ("music", "no collection's id")],
    "系统更新": [("44/system", "of no publisher"), ("../x", "no collection's id")],
    "夜间时段": [("25:00-06:00", "no time of the night"), ("night", "no time of the night")],
    "课程表": [
        ("none.csv", "is not there"), ("../week.csv", "lies outside"),
        ("broken.csv", "broken.csv row 2: '25:00-09:10' is no time of a lesson"),
        ("43.root.json", "not readable"),
    ],
    "SSH公钥": [("command=\"x\" ssh-ed25519 AAAA", "no public key")],
    "PIN": [("123456", "first that anybody tries"), ("12345", "six digits")],
    "编号": [("../1", "Latin letters"), ("编号一", "Latin letters")],
}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [(column, cell, words) for column, cells in BAD.items() for cell, words in cells],
)
def test_each_fault_is_named_by_row_and_column(
    base: Path, tmp_path: Path, column: str, cell: str, words: str
) -> None:
    found = faults(base, tmp_path / "out", ROW | {"名称": "白云"}, ROW | {column: cell})
    assert any(
        one.startswith(f"sites.csv row 3 column {column}: ") and words in one for one in found
    ), found


def test_all_faults_of_all_rows_come_at_once(base: Path, tmp_path: Path) -> None:
    rows = [ROW | {column: cells[-1][0]} for column, cells in BAD.items()]
    found = faults(base, tmp_path / "out", *(row | {"编号": ""} for row in rows[:-1]), rows[-1])
    for number, column in enumerate(BAD, start=2):
        assert any(one.startswith(f"sites.csv row {number} column {column}") for one in found), (
            column
        )


@pytest.mark.parametrize(
    ("first", "second"),
    [("青山", "青山"), ("青山", "青-山-"), ("Ab", "ab"), ("Ａ1", "A1"), ("é", "e\u0301")],
)
def test_two_rows_never_share_a_folder(base: Path, tmp_path: Path, first: str, second: str) -> None:
    rows = ROW | {"名称": first}, ROW | {"名称": second}
    if folder_of_name(first).casefold() != folder_of_name(second).casefold() and first == "青山":
        assert len(made(base, tmp_path / "out", sheet(*rows)).sites) == 2
        return
    assert "is that of sites.csv row 2" in faults(base, tmp_path / "out", *rows)[0]


def folder_of_name(name: str) -> str:
    return folder_of(read_site(f"format=1\n[site]\nname='{name}'\ncode='430121'".encode()))


def test_two_boxes_never_bear_one_number(base: Path, tmp_path: Path) -> None:
    rows = ROW | {"编号": "7"}, ROW | {"名称": "白云", "编号": "7"}
    assert "column 编号: is that of" in faults(base, tmp_path / "out", *rows)[0]


def test_a_damaged_site_file_is_not_overwritten(base: Path, tmp_path: Path) -> None:
    made(base, tmp_path, sheet(ROW))
    file = tmp_path / "sites/430121-青山教学点/site.toml"
    file.write_bytes(b"mine")
    with pytest.raises(InputRefused) as caught:
        made(base, tmp_path, sheet(ROW))
    assert "cannot be read any more" in str(caught.value.faults[0])
    assert file.read_bytes() == b"mine"


@pytest.mark.parametrize("column", [column.heading for column in COLUMNS if column.required])
def test_a_required_column_that_is_missing(base: Path, tmp_path: Path, column: str) -> None:
    row = {heading: cell for heading, cell in ROW.items() if heading != column}
    with pytest.raises(InputRefused) as caught:
        made(base, tmp_path, sheet(row))
    assert f"has no column {column}" in str(caught.value.faults[0])


def test_columns_nobody_knows_are_told(base: Path) -> None:
    reading = read_sites(sheet(ROW | {"校长": "李"}), "sites.csv")
    assert "校长" in str(reading.notes[0])


@pytest.mark.parametrize("data", [b"", b"\0" * 99, b"a,b\n1,2\n", "名称,县代码,名称\n".encode()])
def test_what_is_no_list_is_refused(data: bytes) -> None:
    for name in ("sites.csv", "sites.xlsx"):
        with pytest.raises(InputRefused):
            read_sites(data, name)


def test_formulas_of_a_workbook_count_as_what_they_show(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRefused) as caught:
        made(base, tmp_path / "out", book(ROW | {"名称": "=cmd|' /C calc'!A0"}), "sites.xlsx")
    assert caught.value.faults[0].where == "sites.xlsx row 2 column 名称"


def test_the_images_toml_keeps_what_a_person_changed(base: Path, tmp_path: Path) -> None:
    wish = ImageWish("county", "amd64", "bookworm", "2026.11.26.1")
    sites = made(base, tmp_path, sheet(ROW))
    path = write_image(tmp_path, wish, sites, DemoKeys.REFUSE)
    table = tomllib.loads(path.read_text())
    assert table == {
        "format": 1, "name": "county", "board": "amd64", "suite": "bookworm",
        "version": "2026.11.26.1", "roots": ["roots/43.root.json"], "sites": "sites",
    }  # fmt: skip
    assert read_spec(path).stem == "county-amd64-2026.11.26.1"
    assert (tmp_path / "roots/43.root.json").exists()
    path.write_text(path.read_text().replace("2026.11.26.1", "2026.12.01.3"))
    again = write_image(tmp_path, wish, sites, DemoKeys.REFUSE)
    assert tomllib.loads(again.read_text())["version"] == "2026.12.01.3"


nasty = st.one_of(
    st.sampled_from([cell for cells in BAD.values() for cell, _ in cells]),
    st.sampled_from(list(ROW.values())),
    st.text(max_size=40),
    st.sampled_from(
        ["'", '"', '"""', "'''", "\\", "]\n[access]\npin = '1'", "a\\u0000b", "\ud7ff"]
    ),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.fixed_dictionaries({column.heading: nasty for column in COLUMNS[:8]}).flatmap(
            lambda some: st.sampled_from(sorted(some)).map(lambda key: ROW | {key: some[key]})
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["utf-8", "gb18030", "xlsx"]),
)
def test_no_sheet_makes_an_unsafe_site(
    base: Path,
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, str]],
    kind: str,
) -> None:
    to = tmp_path_factory.mktemp("out")
    data = book(*rows) if kind == "xlsx" else sheet(*rows, encoding=kind)
    try:
        result = made(base, to, data, "sites.xlsx" if kind == "xlsx" else "sites.csv")
    except InputRefused:
        assert not list(to.iterdir())
        return
    for one in result.sites:
        place = to / "sites" / one.folder
        assert place.parent == to / "sites"
        assert not set(one.folder) & set('/\\:*?"<>|\0\n\r\t')
        assert one.folder not in (".", "..")
        site = read_site((place / "site.toml").read_bytes())
        assert site == one.site
        assert len(site.network.ssid.encode()) <= 32
        assert check_pin(site.pin) == check_passphrase(site.network.passphrase or "x" * 8) == ""
    inside = {path.name for path in (to / "sites").iterdir()}
    assert inside == {one.folder for one in result.sites}


def test_without_a_sheet_a_person_is_asked(base: Path, tmp_path: Path) -> None:
    answers = ["青山教学点", "430121", "1;2", "音乐", *[""] * 4, "43.root.json", "", "43/a", ""]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(base)
        command = "from image_build.cli import main; main()"
        words = ["image", "new", "--to", str(tmp_path / "out")]
        os.execv(sys.executable, [sys.executable, "-c", command, *words])
    with os.fdopen(terminal, "r+b", buffering=0) as screen:
        screen.write("".join(f"{answer}\n" for answer in answers).encode())
        with suppress(OSError):  # the terminal of a child that has ended
            while screen.read(4096):
                pass
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    site = read_site((tmp_path / "out/sites/430121-青山教学点/site.toml").read_bytes())
    assert (site.grades, site.network.ssid) == ((1, 2), "Kexia-430121-001")
    assert site.publishers[0].collections == ("43/a",)


def test_an_image_names_who_signs_its_systems(base: Path, tmp_path: Path) -> None:
    made = make_sites([], tmp_path, Maker(base, Random(1).randrange, DemoKeys.REFUSE))
    wish = ImageWish("county", "amd64", "bookworm", "2026.11.26.1", tmp_path / "authority")
    with pytest.raises(UsageError, match=r"ca\.pem is not there"):
        write_image(tmp_path / "county", wish, made, DemoKeys.REFUSE)
    (tmp_path / "authority").mkdir()
    (tmp_path / "authority" / "ca.pem").write_text("a certificate\n")
    path = write_image(tmp_path / "county", wish, made, DemoKeys.REFUSE)
    assert tomllib.loads(path.read_text())["ca"] == "../authority/ca.pem"
    again = write_image(tmp_path / "county", replace(wish, authority=None), made, DemoKeys.REFUSE)
    assert tomllib.loads(again.read_text())["ca"] == "../authority/ca.pem"
