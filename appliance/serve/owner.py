"""Whose box it is: the first PIN, the card for whoever takes the box over, beginning anew.

Setting the first PIN is open for a quarter of an hour after power-on, or after the button on the
box was held, to whoever is on the classroom's Wi-Fi: they stand beside it, or know its pass phrase.
"""

import asyncio
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiohttp import web
from markupsafe import Markup

from appliance import pin as pins
from appliance import qr, reset_wish, setup_window
from appliance.config import BoxPaths
from appliance.lan import keep
from appliance.lan.config import Mode, NetworkConfig
from appliance.reset_wish import Keep
from appliance.serve import admission
from appliance.serve.admission import Admission, Caller, check_admin, check_change
from appliance.serve.pages import speech_of
from appliance.serve.render import Renderer
from appliance.serve.reply import HTML, finish
from appliance.serve.troubles import BAD, BAD_PIN, SETUP_CLOSED, Declined
from sync.errors import KexiaError, UsageError


@dataclass(frozen=True, slots=True)
class Card:
    """What stands on the card beside the box."""

    name: str
    address: str
    """``http://10.42.0.1/``."""
    ssid: str = ""
    passphrase: str = ""
    pin: str = ""
    """Only on the page that follows its choice: it is kept as a hash."""

    @property
    def wifi_code(self) -> str:
        """What a tablet's camera reads to join; empty without a Wi-Fi of the box's own."""
        return qr.wifi_text(self.ssid, self.passphrase) if self.ssid else ""


class Owner:
    """The handlers."""

    def __init__(
        self, paths: BoxPaths, renderer: Renderer, admission_: Admission, *, box: str
    ) -> None:
        self._paths, self._renderer, self._admission, self._box = paths, renderer, admission_, box

    def routes(self) -> Iterable[web.RouteDef]:
        """Pages and changes."""
        return [
            web.get("/admin/card", self.card),
            web.post("/admin/card", self.new_card),
            web.post("/admin/first-pin", self.first_pin),
            web.post("/admin/reset", self.reset),
        ]

    async def first_pin(self, request: web.Request) -> web.Response:
        """Set the box's first PIN, and sign in whoever did."""
        caller = await self._admission.caller(request)
        fields = await request.post()
        check_change(request, caller, str(fields.get("token", "")))
        if caller.has_pin or not setup_window.is_open(self._admission.ticks()):
            raise Declined(SETUP_CLOSED)
        kept = await _hashed(str(fields.get("pin", "")), str(fields.get("again", "")))
        cookie = await self._admission.take(kept, only_first=True)
        if cookie is None:
            raise Declined(SETUP_CLOSED)
        response = _see_other("/admin")
        admission.remember(response, cookie)
        return response

    async def card(self, request: web.Request) -> web.Response:
        """The card, to be printed; without the PIN, which nobody can read out of the box."""
        caller = await self._admission.caller(request)
        check_admin(caller)
        return self._card_page(request, caller, await asyncio.to_thread(self._card, request, ""))

    async def new_card(self, request: web.Request) -> web.Response:
        """Choose a new PIN, so that whoever had the old one has none; and the card with it."""
        caller, fields = await self._changing(request)
        pin = str(fields.get("pin", ""))
        kept = await _hashed(pin, str(fields.get("again", "")))
        cookie = await self._admission.take(kept, only_first=False)
        card = await asyncio.to_thread(self._card, request, pin)
        response = self._card_page(request, caller, card)
        admission.remember(response, cookie or caller.cookie)
        return response

    async def reset(self, request: web.Request) -> web.Response:
        """Leave the wish; the name of the box must be typed, so that no finger slips into it."""
        _, fields = await self._changing(request)
        if str(fields.get("name", "")).strip() != self._box:
            raise Declined(BAD)
        try:
            kept = Keep(str(fields.get("keep", "")))
        except ValueError as error:
            raise Declined(BAD) from error
        await asyncio.to_thread(reset_wish.wish, self._paths, kept)
        return _see_other("/admin?said=reset")

    async def _changing(self, request: web.Request) -> tuple[Caller, Mapping[str, object]]:
        caller = await self._admission.caller(request)
        check_admin(caller)
        fields = await request.post()
        check_change(request, caller, str(fields.get("token", "")))
        return caller, fields

    def _card(self, request: web.Request, pin: str) -> Card:
        network = self._network()
        own = network is not None and network.mode is Mode.ACCESS_POINT
        return Card(
            name=self._box,
            address=f"http://{request.host}/",
            ssid=network.ssid if network is not None and own else "",
            passphrase=network.passphrase if network is not None and own else "",
            pin=pin,
        )

    def _network(self) -> NetworkConfig | None:
        try:
            return keep.load(self._paths)
        except (KexiaError, OSError):
            return None

    def _card_page(self, request: web.Request, caller: Caller, card: Card) -> web.Response:
        page = self._renderer.page(
            "card.html",
            speech_of(request),
            notice=None,
            visitor=caller,
            card=card,
            least=pins.LEAST,
            most=pins.MOST,
            wifi=Markup(qr.svg(card.wifi_code)) if card.wifi_code else "",  # noqa: S704 - drawn here
            code=Markup(qr.svg(card.address)),  # noqa: S704 - drawn here
        )
        finish(page, HTML)
        headers = {"Cache-Control": "no-store", "Content-Type": HTML}
        return web.Response(headers=headers, body=page.encode())


async def _hashed(pin: str, again: str) -> str:
    """What is kept of a PIN that was typed twice; raises Declined."""
    try:
        checked = pins.check(pin)
    except UsageError as error:
        raise Declined(BAD_PIN) from error
    if pin != again:
        raise Declined(BAD_PIN)
    return await asyncio.to_thread(pins.hashed, checked, os.urandom(pins.SALT))


def _see_other(address: str) -> web.Response:
    return web.Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})
