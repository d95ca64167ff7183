"""The week of a teaching point: a school's sheet → periods → pages, and what comes first."""
