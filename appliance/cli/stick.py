"""``kexia stick …``: what a county technician does with sticks. Words in, lines or one object out.

Every command imports what it needs when it runs, so that a box's processes never carry it.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli import stick_back
from appliance.cli import stick_words as words
from appliance.cli.command import command
from appliance.cli.console import EXIT_CODES, Json, result, showing
from appliance.cli.plain import plain_object
from sync.errors import UsageError

app = typer.Typer(
    name="stick",
    help="Sticks and .kexia files: prepared for boxes, checked; and what boxes sent back.",
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


@command(app)
def check(
    stick: Annotated[
        Path,
        typer.Argument(
            metavar="STICK", help="The mounted stick's folder, its partition, or a .kexia file."
        ),
    ],
    have: Annotated[
        Path | None,
        typer.Option("--for", metavar="HAVE", help="A box's have-list: how much is for it?"),
    ] = None,
    box: Annotated[
        Path | None,
        typer.Option(
            metavar="BOX",
            help="A box's folder: newer than there? how much is for it? Its roots count.",
        ),
    ] = None,
    root: Roots = None,
    demo: Demo = False,
    as_json: Json = False,
) -> None:
    """Read and prove every file: complete? signed by whom? which editions? good for a box?

    Exits with 9 if something lacks, 3 for a bad file, 5 if trust is refused, 8 if the medium fails.
    """
    from appliance.technician.programmes import Question, check_stick
    from sync.trust import DemoKeys

    if have is not None and box is not None:
        raise UsageError("--for and --box exclude each other", hint="check it twice")
    question = Question(stick, have, box, root or (), DemoKeys.ACCEPT if demo else DemoKeys.REFUSE)
    with showing(as_json=as_json) as shown:
        found = check_stick(question, datetime.now(UTC), shown)
    value = {**plain_object(found), "exit_code": found.exit_code}
    result(value, as_json=as_json, text=lambda: words.checked(found))
    if found.exit_code:
        raise typer.Exit(found.exit_code)


stick_back.add_to(app)
