"""Titles of timetables: whose week it is."""

import pytest

from appliance.timetable.cells import titled


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("一年级课表", "g1"),
        ("一(1)班", "g1"),
        ("二年级1班", "g2"),
        ("高一（2）班", "g10"),
        ("班级：三年级", "g3"),
        ("2026年秋季青山小学三年级课程表", "g3"),
        ("一至三年级复式班课程表", "g1 g2 g3"),
        ("1-2年级", "g1 g2"),
        ("一、二年级", "g1 g2"),
        ("一年级和二年级", "g1 g2"),
        *((name, "") for name in ("Sheet1", "课程表", "101班", "1班", "三班", "11月", "2026年")),
    ],
)
def test_whose_week_it_is(title: str, expected: str) -> None:
    assert titled([title]) == tuple(expected.split())
