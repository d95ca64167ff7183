"""The video series: lessons made and re-cut by ffmpeg, as a school's studio re-cuts them.

Every lesson is drawn once (moving pictures with grain, a changing tone) and encoded at a low rate;
a re-cut copies the streams, as cutting programmes do: no frame is encoded twice.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sync.run import run

SECONDS = 240
FRAMES = 15
RATE = "230k"
EXACT = ("-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact")
SCENES = {
    "lesson-1": "testsrc2=s=640x360:r=15",
    "lesson-2": "mandelbrot=s=320x180:r=15:maxiter=60:end_scale=0.1:end_pts=3600,scale=640:360",
    "lesson-3": "life=s=640x360:r=15:mold=20:ratio=0.2:seed=7:death_color=#406080",
    "lesson-4": "gradients=s=640x360:r=15:n=6:seed=4:speed=0.01,hue=H=0.1*t",
    "lesson-5": "cellauto=s=640x360:r=15:rule=110:seed=3:full=1:scroll=1",
    "intro": "smptehdbars=s=640x360:r=15,hue=H=t",
    "more": "rgbtestsrc=s=640x360:r=15,rotate=0.2*t",
}


@dataclass(frozen=True)
class Cut:
    """Part of a clip: from and to in seconds (``None``: to its end)."""

    clip: Path
    start: int = 0
    end: int | None = None


def make_versions(target: Path, work: Path) -> None:
    """Lay v1 to v4 below ``target``; clips are drawn below ``work``."""
    clips = {name: work / f"{name}.mp4" for name in SCENES}
    for number, (name, scene) in enumerate(SCENES.items()):
        draw(scene, number, 20 if name in {"intro", "more"} else SECONDS, clips[name])
    lessons = {
        name: [Cut(clips[name])] for name in ("lesson-1", "lesson-2", "lesson-3", "lesson-4")
    }
    titles = dict.fromkeys((*lessons, "lesson-5"), "2025")
    _version(target / "v1", lessons, titles, work)
    # a slip of 35 seconds is cut out; another lesson only gets a new title
    lessons["lesson-1"] = [Cut(clips["lesson-1"], 0, 80), Cut(clips["lesson-1"], 115)]
    titles["lesson-2"] = "2026"
    _version(target / "v2", lessons, titles, work)
    # a new introduction; a part appended
    lessons["lesson-3"] = [Cut(clips["intro"]), Cut(clips["lesson-3"], 20)]
    lessons["lesson-4"] = [Cut(clips["lesson-4"]), Cut(clips["more"])]
    _version(target / "v3", lessons, titles, work)
    # a new lesson; the end of another dropped, and two parts of a third exchanged
    lessons["lesson-5"] = [Cut(clips["lesson-5"])]
    lessons["lesson-2"] = [Cut(clips["lesson-2"], 0, 200)]
    lessons["lesson-4"] = [Cut(clips["more"]), Cut(clips["lesson-4"], 0, 160)]
    _version(target / "v4", lessons, titles, work)


def draw(scene: str, number: int, seconds: int, target: Path) -> None:
    """Encode ``seconds`` of ``scene`` with grain and a tone of its own."""
    tone = f"aevalsrc=0.2*sin(2*PI*({220 + 40 * number}+60*sin(t/3))*t):s=22050:d={seconds}"
    words = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i"]
    words += [f"{scene},noise=alls=6:allf=t:all_seed={number + 1},format=yuv420p"]
    words += ["-f", "lavfi", "-i", tone, "-t", str(seconds)]
    words += ["-c:v", "libx264", "-preset", "veryfast", "-threads", "2", "-g", "75", "-b:v", RATE]
    words += ["-c:a", "aac", "-b:a", "32k", *EXACT, str(target)]
    run(words, timeout=600)


def _version(
    folder: Path, lessons: dict[str, list[Cut]], titles: dict[str, str], work: Path
) -> None:
    folder.mkdir(parents=True)
    for name, cuts in lessons.items():
        join(cuts, titles[name], folder / f"{name}.mp4", work)


def join(cuts: Sequence[Cut], title: str, target: Path, work: Path) -> None:
    """Write the parts one after the other, streams copied, with this title."""
    parts = work / "parts"
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir()
    listing = []
    for number, cut in enumerate(cuts):
        part = parts / f"{number}.mp4"
        span = ["-ss", str(cut.start)] + ([] if cut.end is None else ["-to", str(cut.end)])
        run(
            ["ffmpeg", "-v", "error", "-y", *span, "-i", cut.clip, "-c", "copy", *EXACT, part],
            timeout=120,
        )
        listing.append(f"file '{part}'\n")
    (parts / "list.txt").write_text("".join(listing), encoding="utf-8")
    words: list[str | Path] = ["ffmpeg", "-v", "error", "-y", "-f", "concat", "-safe", "0"]
    words += ["-i", parts / "list.txt", "-c", "copy", "-metadata", f"title={title}"]
    words += ["-movflags", "+faststart", *EXACT, target]
    run(words, timeout=120)
