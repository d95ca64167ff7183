"""Weeks of a school: the golden one, and any."""

from pathlib import Path

from hypothesis import strategies as st

from appliance.timetable.week import DAYS, Period, Taught, merged
from catalog import codes

GOLDEN = Path(__file__).parents[1] / "golden" / "timetable-1.toml"
WEEK = (
    Period(1, "08:30", "09:10", (Taught("g1", "chinese"), Taught("g2", "math"))),
    Period(1, "09:20", "10:00", (Taught("g1", "music"),)),
    Period(5, "08:30", "09:10", (Taught("g10", "physics"),)),
)

_grades = st.sampled_from([tag.code for tag in codes.tags("grade")])
_subjects = st.sampled_from([tag.code for tag in codes.tags("subject")])
_times = st.tuples(st.times(), st.times()).map(
    lambda both: sorted({time.strftime("%H:%M") for time in both})
)
_periods = st.builds(
    lambda day, times, taught: Period(day, times[0], times[1], taught),
    st.sampled_from(DAYS),
    _times.filter(lambda times: len(times) == 2),
    st.sets(st.builds(Taught, _grades, _subjects), min_size=1, max_size=4).map(tuple),
)


def weeks() -> st.SearchStrategy[tuple[Period, ...]]:
    """Any week of some periods."""
    return st.lists(_periods, max_size=6).map(lambda found: merged(found))
