"""``kexia image site``: one image becomes one for each teaching point, with cards to print."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result, showing
from sync.errors import UsageError

if TYPE_CHECKING:
    from image_build.sites.personalise import Place

CARDS = "cards.pdf"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app)(site)


def site(
    image: Annotated[
        Path | None,
        typer.Argument(metavar="IMAGE", help="A built image; none with --cards-only."),
    ] = None,
    sites: Annotated[
        Path, typer.Option(metavar="FOLDER", help="The folder that `kexia image new` made.")
    ] = Path(),
    only: Annotated[
        list[str] | None,
        typer.Option("--site", metavar="NAME", help="Only this site; may be repeated."),
    ] = None,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Where images and cards go.")] = Path(),
    xz: Annotated[bool, typer.Option("--xz", help="Packed, for any burning program.")] = False,
    esp_only: Annotated[
        bool, typer.Option("--esp-only", help="Only the boot partition of each: a few MiB.")
    ] = False,
    cards_only: Annotated[bool, typer.Option("--cards-only", help="Only the cards.")] = False,
    font: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A font with Chinese for the cards.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Personalise a built image for each site, nothing built again, and print the sites' cards.

    Images and DIR/cards.pdf hold the sites' pass phrases and PINs: only you can read them.
    """
    from image_build.sites.personalise import Form, personalise, read_places

    if [xz, esp_only, cards_only].count(True) > 1:
        raise UsageError("--xz, --esp-only and --cards-only exclude each other")
    if image is None and not cards_only:
        raise UsageError("which image?", hint="kexia image site IMAGE …, or --cards-only")
    form = Form.PACKED if xz else Form.ESP if esp_only else Form.IMAGE
    places = read_places(sites, only or [])
    made: tuple[Path, ...] = ()
    cards = _cards(places, to / CARDS, font)
    if image is not None and not cards_only:
        with showing(as_json=as_json) as shown:
            made = personalise(image, places, to, form, shown)
    value: dict[str, object] = {"made": [str(path) for path in made], "cards": str(cards)}
    lines = [f"{len(made)} images in {to}"] if made else []
    lines.append(f"{cards}: {len(places)} cards; they hold passwords")
    result(value, as_json=as_json, text=lambda: "\n".join(lines))


def _cards(places: "tuple[Place, ...]", path: Path, font: Path | None) -> Path:
    from image_build.sites.card import make_card
    from image_build.sites.card_pdf import Fonts, draw_cards
    from image_build.sites.fonts import find_chinese, find_others
    from sync.files import write_durably

    fonts = Fonts(find_chinese(font), find_others())
    write_durably(path, draw_cards((make_card(one.site) for one in places), fonts), mode=0o600)
    return path
