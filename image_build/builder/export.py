"""The image for any burner: one ``.xz`` whose bytes depend on the image alone."""

from pathlib import Path

from image_build.builder.surroundings import Growth, Surroundings
from sync.files import partial_of, rename_durably
from sync.run import Streams, Watching, follow

_OPTIONS = ("-1", "--threads=2", "--block-size=16MiB", "--check=crc64")
"""The root inside is compressed already: a higher level costs minutes and saves nothing. Blocks of
a fixed size make the same file with any number of threads."""


def compress(image: Path, around: Surroundings) -> Path:
    """``image`` + ``.xz`` beside it; raises ProgramFailed."""
    target = image.with_name(f"{image.name}.xz")
    partial = partial_of(target)
    around.progress.step("xz")
    follow(
        ["xz", "--stdout", *_OPTIONS, image],
        timeout=3600,
        environment=around.for_programs(),
        watching=Watching(tick=Growth(partial, around.progress).tick),
        streams=Streams(stdout=partial),
    )
    rename_durably(partial, target)
    return target
