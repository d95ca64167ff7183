"""Sounds of the sample library: a line of words per shot becomes PCM. Build-time only, no files.

``C4/1 E4+G4/2 _/1 X/1 x/1 say(red)/2``: pitch or chord, rest, woodblock strong and weak, drum
``d``, gong ``g``, cymbals ``c``, bell ``b``; after the stroke its length in beats; ``!`` loud,
``?`` soft.
"""

import math
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

RATE = 16000
"""Samples per second, one channel."""
WORD = re.compile(r"(say\([^)]*\)|[^\s/]+?)([!?]?)/([\d.]+)")
LOUDNESS = {"!": 1.0, "": 0.55, "?": 0.2}
SEMITONES = {"C": -9, "D": -7, "E": -5, "F": -4, "G": -2, "A": 0, "B": 2}
#: frequency in Hz, decay per second, partials (multiple of the frequency, share)
STRUCK = {
    "x": (900.0, 38.0, ((1.0, 0.6), (2.4, 0.3))),
    "X": (1200.0, 30.0, ((1.0, 0.8), (2.4, 0.4))),
    "d": (92.0, 9.0, ((1.0, 0.9), (1.6, 0.4), (2.3, 0.2))),
    "g": (196.0, 1.6, ((1.0, 0.6), (1.48, 0.4), (2.13, 0.3), (2.9, 0.2))),
    "c": (3100.0, 3.2, ((1.0, 0.25), (1.34, 0.25), (1.71, 0.2), (2.03, 0.2))),
    "b": (1568.0, 4.0, ((1.0, 0.5), (2.76, 0.2))),
}
PLUCKED = ((1.0, 0.6), (2.0, 0.25), (3.0, 0.12), (4.0, 0.05))


@dataclass(frozen=True, slots=True)
class Event:
    """Something to be heard: what, from when, how long (seconds), how loud (0 to 1)."""

    what: str
    start: float
    length: float
    loudness: float


def events(line: str, bpm: float) -> Iterator[Event]:
    """The events of one shot, seconds from its beginning."""
    now = 0.0
    for what, mark, beats in WORD.findall(line):
        length = float(beats) * 60 / bpm
        for one in [what] if what.startswith("say(") else what.split("+"):
            if one != "_":
                yield Event(one, now, length, LOUDNESS[mark])
        now += length


def frequency(pitch: str) -> float:
    """Hz of ``C4`` or ``F#4``, equal temperament, A4 = 440 Hz."""
    sharp = pitch.count("#")
    octave = int(pitch[-1]) - 4
    return 440.0 * math.pow(2.0, (SEMITONES[pitch[0]] + sharp + 12 * octave) / 12)


def tone(event: Event) -> list[float]:
    """The wave of one event, -1 to 1."""
    base, decay, partials = STRUCK.get(event.what) or (
        frequency(event.what),
        1.6 / max(event.length, 0.3),
        PLUCKED,
    )
    ring = min(event.length * 1.15, 2.5) if event.what not in "gcdb" else 2.0
    count = int(ring * RATE)
    attack, release = RATE // 200, RATE // 50
    steps = [(2 * math.pi * base * multiple / RATE, share) for multiple, share in partials]
    return [
        event.loudness
        * min(1.0, i / attack, (count - i) / release)
        * math.exp(-decay * i / RATE)
        * sum(share * math.sin(step * i) for step, share in steps)
        for i in range(count)
    ]


def mix(shots: list[tuple[float, float, str]], speak: Callable[[str], list[float]]) -> bytes:
    """PCM (16 bit) of shots (seconds, beats per minute, line); ``speak`` gives a text's wave."""
    total = int(sum(seconds for seconds, _, _ in shots) * RATE)
    track = [0.0] * total
    begin = 0.0
    for seconds, bpm, line in shots:
        for event in events(line, bpm):
            wave = speak(event.what[4:-1]) if event.what.startswith("say(") else tone(event)
            first = int((begin + event.start) * RATE)
            for i, value in enumerate(wave[: total - first]):
                track[first + i] += value
        begin += seconds
    return array("h", (int(26000 * math.tanh(value)) for value in track)).tobytes()
