"""What the doctor says of each thing it can find: a sentence, and what to do. Pure.

Message ids of the catalogues; both languages are complete there.
"""

from collections.abc import Mapping
from enum import StrEnum

from appliance.language import N_
from appliance.sticks import Saying


class Code(StrEnum):
    """What can be found."""

    ISOLATED = "isolated"
    PERHAPS_ISOLATED = "perhaps-isolated"
    WRONG_NETWORK = "wrong-network"
    NO_GATEWAY = "no-gateway"
    NO_ADDRESS = "no-address"
    NO_LINK = "no-link"
    WIFI_DOWN = "wifi-down"
    NO_WIFI_CARD = "no-wifi-card"
    CONFLICT = "conflict"
    ROLLED_BACK = "rolled-back"
    NETWORK_REFUSED = "network-refused"
    UPLINK_CARD = "uplink-card"
    NETWORK_UNKNOWN = "network-unknown"
    UNDER_VOLTAGE = "under-voltage"
    HOT = "hot"
    CARD_DYING = "card-dying"
    CARD_READ_ONLY = "card-read-only"
    CARD_WORN = "card-worn"
    DISK_FULL = "disk-full"
    DISK_NEARLY_FULL = "disk-nearly-full"
    CLOCK_BEHIND = "clock-behind"
    CLOCK_AHEAD = "clock-ahead"
    CLOCK_NOT_SET = "clock-not-set"
    UPLINK_NO_LINE = "uplink-no-line"
    UPLINK_NO_ADDRESS = "uplink-no-address"
    UPLINK_NO_NAMES = "uplink-no-names"
    UPLINK_SILENT = "uplink-silent"
    UPLINK_PORTAL = "uplink-portal"
    PAGES_SILENT = "pages-silent"
    UPDATE_SILENT = "update-silent"
    SERVICE_FAILED = "service-failed"
    SLOT_BAD = "slot-bad"
    SITE_REFUSED = "site-refused"
    SITE_SECRETS = "site-secrets"
    RESET_FAILED = "reset-failed"


_POWER_OFF_ON = N_("Switch the box off and on again. If it stays, tell the technician.")
_REPLACE_CARD = N_("Write a new card soon; what teachers made comes back from the backup.")
SITE_REFUSED = N_("The site file on the card is not as it must be.")
SITE_SECRETS = N_("The Wi-Fi's pass phrase and PIN still lie on the card.")
RESET_FAILED = N_("The box was to begin anew and did not.")
"""Also said on the screen: no longer than a line of it."""
_LINE = N_("Lessons can come by stick meanwhile; nothing in the classroom depends on the line.")

SAYINGS: Mapping[Code, Saying] = {
    Code.ISOLATED: Saying(
        N_("The access point keeps its devices apart: no tablet can reach the box."),
        N_(
            "In the access point's settings switch off client isolation (AP isolation, guest "
            "network), or connect the box to it by cable."
        ),
    ),
    Code.PERHAPS_ISOLATED: Saying(
        N_("Beside the router nobody answers the box: nobody is there, or they are kept apart."),
        N_(
            "Connect a tablet to the same Wi-Fi and open the box's address. If it does not open, "
            "switch off client isolation in the access point, or use a cable."
        ),
    ),
    Code.WRONG_NETWORK: Saying(
        N_("The box has an address of another network than the devices around it."),
        N_(
            "Give the box an address of their network (network.toml, then kexia box network BOX "
            "apply), or leave it empty so that the router gives one."
        ),
    ),
    Code.NO_GATEWAY: Saying(
        N_("The router that the box was told of does not answer."),
        N_("Check the gateway in network.toml, and that the router is switched on."),
    ),
    Code.NO_ADDRESS: Saying(
        N_("The box is connected, but nobody gave it an address."),
        N_("Switch on DHCP in the router, or give the box a fixed address in network.toml."),
    ),
    Code.NO_LINK: Saying(
        N_("The box is not connected: no cable with somebody at its other end."),
        N_("Plug in the cable at both ends, and check that the access point is switched on."),
    ),
    Code.WIFI_DOWN: Saying(
        N_("The classroom's Wi-Fi is not there."),
        N_(
            "Check name, pass phrase and channel in network.toml and that the access point is "
            "switched on; then switch the box off and on again."
        ),
    ),
    Code.NO_WIFI_CARD: Saying(
        N_("This machine has no Wi-Fi card that works; the cable is used instead."),
        N_("Plug the box into the access point by cable, or plug in a Wi-Fi card it knows."),
    ),
    Code.CONFLICT: Saying(
        N_("Another device has the address that was meant for the box; the box took the next one."),
        N_("Open the address shown here, print the poster anew, or free the old address."),
    ),
    Code.ROLLED_BACK: Saying(
        N_("The new network settings did not work; the box went back to the ones before."),
        N_("Compare network.refused.toml with the access point: mostly the pass phrase is wrong."),
    ),
    Code.NETWORK_REFUSED: Saying(
        N_("The network settings cannot be read; the last ones that worked are used."),
        N_("Mend network.toml; kexia box network BOX says which field is wrong."),
    ),
    Code.UPLINK_CARD: Saying(
        N_("The network card that is to lead out is not there."),
        N_("Plug it in, or set uplink to auto in network.toml."),
    ),
    Code.NETWORK_UNKNOWN: Saying(N_("Nobody says which network is in force."), _POWER_OFF_ON),
    Code.UNDER_VOLTAGE: Saying(
        N_("The box does not get enough power: it may stop, and its card may be damaged."),
        N_(
            "Use the power supply that came with it and a short, thick cable; unplug other devices."
        ),
    ),
    Code.HOT: Saying(
        N_("The box is too hot and works more slowly."),
        N_("Put it where air can pass, out of the sun, away from heaters, and clean it."),
    ),
    Code.CARD_DYING: Saying(N_("The card or disk gives errors."), _REPLACE_CARD),
    Code.CARD_READ_ONLY: Saying(
        N_("The card or disk can only be read any more: nothing new comes in, nothing is kept."),
        _REPLACE_CARD,
    ),
    Code.CARD_WORN: Saying(N_("The card or disk is nearly worn out."), _REPLACE_CARD),
    Code.DISK_FULL: Saying(
        N_("The disk is full: nothing new comes in."),
        N_(
            "End subscriptions that nobody uses (kexia box subscribe BOX --remove), or use a "
            "larger card."
        ),
    ),
    Code.DISK_NEARLY_FULL: Saying(
        N_("The disk is nearly full."),
        N_("Think of which subscriptions are needed before more lessons come in."),
    ),
    Code.CLOCK_BEHIND: Saying(
        N_("The clock stands in the past."),
        N_(
            "It is set by itself when there is a line. Without one a clock chip (DS3231) helps; "
            "lessons come in all the same."
        ),
    ),
    Code.CLOCK_AHEAD: Saying(
        N_("The clock stands far in the future."),
        N_("Connect the box to a line once, or set the clock; until then dates shown are wrong."),
    ),
    Code.CLOCK_NOT_SET: Saying(
        N_("Nobody has set the clock since the box was switched on."),
        N_("Nothing needs to be done: lessons come in all the same; dates shown may be wrong."),
    ),
    Code.UPLINK_NO_LINE: Saying(N_("No line to the outside is plugged in."), _LINE),
    Code.UPLINK_NO_ADDRESS: Saying(
        N_("A line is plugged in, but it gives the box no address."),
        N_("Switch the router off and on again. Lessons can come by stick meanwhile."),
    ),
    Code.UPLINK_NO_NAMES: Saying(
        N_("The line is there, but names on the Internet cannot be looked up."),
        N_("Check the router, or name other servers (dns) in network.toml."),
    ),
    Code.UPLINK_SILENT: Saying(N_("The publishers' servers do not answer."), _LINE),
    Code.UPLINK_PORTAL: Saying(
        N_("Something else answers in place of the publisher: the line wants somebody to sign in."),
        N_("Ask whoever runs the line to let the box through without signing in."),
    ),
    Code.PAGES_SILENT: Saying(N_("The box's pages do not answer."), _POWER_OFF_ON),
    Code.UPDATE_SILENT: Saying(
        N_("The update process does not run or does not answer."), _POWER_OFF_ON
    ),
    Code.SERVICE_FAILED: Saying(N_("A programme of the box has given up."), _POWER_OFF_ON),
    Code.SLOT_BAD: Saying(
        N_("A system update did not start well; the box runs the system before it."),
        N_("Nothing needs to be done now; tell the county, who sends the next one."),
    ),
    Code.SITE_REFUSED: Saying(
        SITE_REFUSED,
        N_("The box keeps what it had. Mend what is named here in site.toml, then restart it."),
    ),
    Code.SITE_SECRETS: Saying(
        SITE_SECRETS,
        N_("Restart the box. If it stays, the card is failing: change the PIN, write a new card."),
    ),
    Code.RESET_FAILED: Saying(RESET_FAILED, _REPLACE_CARD),
}
