"""The version and the build time: the earliest date any box with this code can live in."""

from datetime import UTC, datetime

VERSION = "0.1.0"

#: First trust floor of a new box (the design's "build time"); moved forward with every version.
BUILD_TIME = datetime(2026, 11, 23, tzinfo=UTC)
