"""Makes every drawn file of the sample library: slides, paper, videos, sounds, sheets.

``python -m catalog.sample.make_media [COLLECTION[/LESSON] ...]``, from the project's folder; tools
and fonts: README.md. Same tools, same bytes: one encoder thread, fixed dates, own font subsets.
Edition 2 of what it changes goes to ``update/``.
"""

import argparse
import re
import shutil
import tempfile
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Any

from catalog.sample.studio.browser import FPS, Studio, open_studio
from catalog.sample.studio.collection import Collection, Lesson, read_collection, sheet
from catalog.sample.studio.sound import RATE, mix
from sync.run import run

SAMPLE = Path(__file__).parent
UPDATE = SAMPLE / "update"
TIMEOUT = 600.0


def speak(words: str) -> list[float]:
    """English words by ffmpeg's flite (voice slt), -1 to 1."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(words)
        file.flush()
        arguments = ["-f", "lavfi", "-i", f"flite=textfile={file.name}:voice=slt"]
        tail = ["-ar", str(RATE), "-ac", "1", "-f", "s16le", "-"]
        done = run(["ffmpeg", "-v", "error", *arguments, *tail], timeout=TIMEOUT)
    return [value / 30000 for value in memoryview(done.stdout).cast("h")]


def encode_sound(shots: list[tuple[float, float, str]], target: Path) -> None:
    """AAC in an MPEG-4 file; speech gets 16 kbit/s, tones what they need (about 8)."""
    speech = any("say(" in line for _, _, line in shots)
    quality = ["-b:a", "16k"] if speech else ["-q:a", "0.2"]
    pcm = ["-f", "s16le", "-ar", str(RATE), "-ac", "1", "-i", "-"]
    ffmpeg([*pcm, "-c:a", "aac", *quality], target, stdin=mix(shots, speak))


def encode_video(frames: Iterable[bytes], sound: Path, target: Path) -> None:
    """H.264 Main, a keyframe every 2 s, no more; AAC copied; index first."""
    pictures: list[str | Path] = [
        "-f",
        "image2pipe",
        "-framerate",
        str(FPS),
        "-c:v",
        "png",
        "-i",
        "-",
        "-i",
        sound,
    ]
    x264 = ["-c:v", "libx264", "-profile:v", "main", "-pix_fmt", "yuv420p", "-crf", "37"]
    x264 += ["-preset", "veryslow", "-tune", "animation", "-g", str(2 * FPS), "-sc_threshold", "0"]
    ffmpeg([*pictures, *x264, "-c:a", "copy"], target, stdin=b"".join(frames))


def ffmpeg(arguments: list[str | Path], target: Path, *, stdin: bytes) -> None:
    """Run ffmpeg so that the same input gives the same bytes."""
    exact = ["-threads", "1", "-map_metadata", "-1", "-fflags", "+bitexact"]
    exact += ["-flags:v", "+bitexact", "-flags:a", "+bitexact", "-movflags", "+faststart"]
    run(["ffmpeg", "-v", "error", "-y", *arguments, *exact, target], timeout=TIMEOUT, stdin=stdin)


def subtitles(shots: list[dict[str, Any]]) -> str:
    """WebVTT: one cue per shot that says something."""
    cues, begin = ["WEBVTT\n"], 0.0
    for shot in shots:
        end = begin + float(shot["dur"])
        if shot["cue"]:
            cues.append(f"{stamp(begin)} --> {stamp(end)}\n{shot['cue']}\n")
        begin = end
    return "\n".join(cues)


def stamp(seconds: float) -> str:
    """A WebVTT time."""
    return f"{int(seconds // 3600):02d}:{int(seconds // 60) % 60:02d}:{seconds % 60:06.3f}"


class Films(Enum):
    """Videos take most of the time, and differ invisibly from run to run."""

    ANEW = "anew"
    KEEP = "keep"


class Maker:
    """Makes files of lessons in one studio."""

    def __init__(self, studio: Studio, films: Films) -> None:
        self._studio, self._films = studio, films

    def collection(self, collection: Collection, wanted: str) -> None:
        """The files of a collection, or of its lesson ``wanted``, and its sheet."""
        folder = SAMPLE / collection.name
        for lesson in collection.lessons:
            if wanted not in ("", lesson.id):
                continue
            print(f"{collection.name}/{lesson.id}", flush=True)
            if lesson.edition == 1:
                self._lesson(collection, lesson, 1, folder / lesson.folder)
            if lesson.edition == 2 or lesson.revised:
                self._update(collection, lesson)
        (folder / collection.sheet).write_bytes(sheet(collection, 1))
        if sheet(collection, 2) != sheet(collection, 1):
            (UPDATE / collection.name / collection.sheet).write_bytes(sheet(collection, 2))

    def _update(self, collection: Collection, lesson: Lesson) -> None:
        """What edition 2 changes of a lesson, below ``update/``."""
        with tempfile.TemporaryDirectory() as scratch:
            made = Path(scratch)
            self._lesson(collection, lesson, 2, made)
            for path in sorted(made.iterdir()):
                place = Path(collection.name, lesson.folder, path.name)
                before = SAMPLE / place
                if not before.exists() or before.read_bytes() != path.read_bytes():
                    (UPDATE / place).parent.mkdir(parents=True, exist_ok=True)
                    (UPDATE / place).write_bytes(path.read_bytes())

    def _lesson(self, collection: Collection, lesson: Lesson, edition: int, target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        for role in lesson.drawn():
            self._studio.open(role, collection, lesson, edition)
            (target / collection.file(role, ".pdf")).write_bytes(self._studio.pdf())
        for name, sound in lesson.sounds.items():
            encode_sound([(length(sound), sound["bpm"], sound["line"])], target / name)
        self._site_files(lesson, target)
        if "<shot" in lesson.source:
            self._studio.open("video", collection, lesson, edition)
            shots = self._studio.script()
            text = subtitles(shots)
            (target / collection.file("subtitle", ".vtt")).write_text(text, encoding="utf-8")
            # What edition 2 revises of a lesson is never the picture.
            if self._films is Films.ANEW and edition == lesson.edition:
                self._video(shots, target / collection.file("video", ".mp4"))

    def _site_files(self, lesson: Lesson, target: Path) -> None:
        """The shared style sheet and the drawings of a lesson's sites."""
        for page in target.glob("*/index.html"):
            shutil.copyfile(SAMPLE / "studio" / "site" / "site.css", page.with_name("site.css"))
        for name, words in lesson.pictures.items():
            (target / name).write_text(self._studio.drawing(words) + "\n", encoding="utf-8")

    def _video(self, shots: list[dict[str, Any]], target: Path) -> None:
        """The open page's shots as MP4."""
        with tempfile.TemporaryDirectory() as scratch:
            sound = Path(scratch, "sound.m4a")
            encode_sound([(float(s["dur"]), float(s["bpm"]), s["sound"]) for s in shots], sound)
            encode_video(self._studio.film(), sound, target)


def length(sound: dict[str, Any]) -> float:
    """Seconds of a line of sounds, with one to ring out."""
    beats = sum(map(float, re.findall(r"/([\d.]+)", sound["line"])))
    return beats * 60 / float(sound["bpm"]) + 1.0


def main() -> None:
    """Make what the command line names, or everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wanted", nargs="*", help="COLLECTION or COLLECTION/LESSON")
    parser.add_argument("--films", type=Films, choices=list(Films), default=Films.ANEW)
    arguments = parser.parse_args()
    everything = sorted(path.stem for path in (SAMPLE / "studio").glob("*.toml"))
    with open_studio() as studio:
        maker = Maker(studio, arguments.films)
        for word in arguments.wanted or everything:
            name, _, lesson = word.partition("/")
            maker.collection(read_collection(SAMPLE / "studio" / f"{name}.toml"), lesson)


if __name__ == "__main__":
    main()
