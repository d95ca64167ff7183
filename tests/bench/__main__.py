"""``make bench``: our figures beside a peer's, in one run; a table, then one JSON object.

The update of the sample library, as a box fetches it (content and metadata, requests), beside
``rsync -z`` over the same two source folders, and beside fetching every changed file whole.
"""

import json
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from appliance.demo.demo import SAMPLE, serving_demo
from appliance.demo.visit import Visitor
from sync.run import run

PACKAGES = ("sync", "catalog", "appliance", "image_build", "tests")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Row:
    """One way of bringing the update: bytes on the wire and requests (0: not counted)."""

    name: str
    size: int
    requests: int


def main() -> None:
    """Run, print."""
    work = Path(tempfile.mkdtemp(prefix="kexia-bench-"))
    try:
        rows, page = measure(work)
    finally:
        shutil.rmtree(work)
    ours = rows[0].size
    sys.stdout.write("| the sample library's update | bytes | requests | ours ÷ this |\n")
    sys.stdout.write("|---|---|---|---|\n")
    for row in rows:
        sys.stdout.write(
            f"| {row.name} | {row.size:,} | {row.requests or '–'} | {ours / row.size:.2f} |\n"
        )
    lines = {name: count_lines(name) for name in PACKAGES}
    sys.stdout.write("\n| package | lines of Python |\n|---|---|\n")
    for name, count in lines.items():
        sys.stdout.write(f"| {name} | {count:,} |\n")
    sys.stdout.write(json.dumps({"update": {r.name: r.size for r in rows}, **page}) + "\n")


def measure(work: Path) -> tuple[list[Row], dict[str, object]]:
    """The update's rows, and the weight of a textbook's page with the memory of ``serve``."""
    before, after = work / "before", work / "after"
    ignore = shutil.ignore_patterns("update", "studio")
    shutil.copytree(SAMPLE, before, ignore=ignore)
    shutil.copytree(before, after)
    shutil.copytree(SAMPLE / "update", after, dirs_exist_ok=True)
    with serving_demo(work / "demo", port=0, say=lambda _: None) as box:
        visitor = Visitor(box.url)
        weight = visitor.weigh(visitor.first_textbook())
        page: dict[str, object] = {
            "page_bytes": weight.size,
            "page_requests": weight.requests,
            "serve_pss_mb": round(box.serve_pss() / 1e6, 1),
        }
        update = box.update()
    changed = [
        path
        for path in after.rglob("*")
        if path.is_file() and not same(path, before / path.relative_to(after))
    ]
    rows = [
        Row("kexia, metadata included", update.bytes_fetched, update.requests),
        Row("of these, kexia's metadata", update.metadata_bytes, 0),
        Row("rsync -z", rsync_bytes(after, before), 0),
        Row("every changed file whole", sum(path.stat().st_size for path in changed), len(changed)),
    ]
    return rows, page


def same(one: Path, other: Path) -> bool:
    """True if both are files of the same bytes."""
    return other.is_file() and one.read_bytes() == other.read_bytes()


def rsync_bytes(source: Path, target: Path) -> int:
    """Bytes both ways of ``rsync -z`` from ``source`` over ``target``."""
    words = ["rsync", "-rcz", "--no-whole-file", "--stats", f"{source}/", f"{target}/"]
    text = run(words, timeout=120).stdout.decode()
    counts = re.findall(r"Total bytes (?:sent|received): ([\d,]+)", text)
    assert len(counts) == 2, text
    return sum(int(count.replace(",", "")) for count in counts)


def count_lines(package: str) -> int:
    """Lines of Python below ``package``."""
    return sum(
        len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / package).rglob("*.py")
    )


if __name__ == "__main__":
    main()
