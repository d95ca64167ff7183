"""The image for any burner: one ``.xz`` whose bytes depend on the image alone."""

from pathlib import Path

from image_build.surroundings import Surroundings
from sync.run import Watching, follow

_OPTIONS = ("-1", "--threads=2", "--block-size=16MiB", "--check=crc64", "--keep", "--force")
"""The root inside is compressed already: a higher level costs minutes and saves nothing. Blocks of
a fixed size make the same file with any number of threads."""


def compress(image: Path, around: Surroundings) -> Path:
    """``image`` + ``.xz`` beside it; raises ProgramFailed."""
    target, done = image.with_name(f"{image.name}.xz"), 0
    around.progress.step("xz")

    def tick() -> None:
        nonlocal done
        now = target.stat().st_size if target.exists() else 0
        around.progress.advance(max(0, now - done))
        done = max(done, now)

    follow(
        ["xz", *_OPTIONS, image],
        timeout=3600,
        environment=around.for_programs(),
        watching=Watching(tick=tick),
    )
    return target
