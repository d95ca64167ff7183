"""``kexia stick …``: what a county technician does with sticks. Words in, lines or one object out.

Every command imports what it needs when it runs, so that a box's processes never carry it.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli import stick_words as words
from appliance.cli.command import command
from appliance.cli.console import EXIT_CODES, Json, result, showing
from appliance.cli.plain import plain_object

app = typer.Typer(
    name="stick",
    help="Sticks and .kexia files: prepare them for boxes, check them.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)

Roots = Annotated[
    list[Path] | None,
    typer.Option(
        "--root",
        metavar="FILE",
        help="A publisher's 1.root.json that you trust; may be repeated. Without any, the roots "
        "in the repository itself are taken.",
    ),
]
Demo = Annotated[bool, typer.Option("--demo", help="Accept demo keys: for trials only.")]


@command(app)
def prepare(
    source: Annotated[
        list[Path],
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="A repository, what it mirrors included, or a workspace; may be repeated.",
        ),
    ],
    to: Annotated[
        Path,
        typer.Option(
            metavar="DIR|DEVICE|FILE.kexia",
            help="The mounted stick's folder, its partition (/dev/sdb1), or a file to make.",
        ),
    ],
    have: Annotated[
        list[Path] | None,
        typer.Option(
            "--for", metavar="HAVE", help="A box's have-list: bring what it lacks; repeatable."
        ),
    ] = None,
    collections: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="Bring these collections whole, for new boxes; repeatable, or a,b,c."
        ),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="With --for: whole editions, whatever the boxes hold.")
    ] = False,
    root: Roots = None,
    demo: Demo = False,
    as_json: Json = False,
) -> None:
    """Bring a stick or a .kexia file up to what these boxes lack; run again to go on or renew."""
    from appliance.technician.lacking import Measure
    from appliance.technician.programmes import Request, prepare_stick
    from sync.trust import DemoKeys

    request = Request(
        sources=source,
        have=have or (),
        collections=[one for each in collections or () for one in each.split(",") if one],
        to=to,
        measure=Measure.WHOLE if whole else Measure.LACKING,
        roots=root or (),
        demo=DemoKeys.ACCEPT if demo else DemoKeys.REFUSE,
    )
    with showing(as_json=as_json) as shown:
        done = prepare_stick(request, datetime.now(UTC), shown)
    result(plain_object(done), as_json=as_json, text=lambda: words.prepared(done))
