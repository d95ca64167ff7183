"""What a technician sees of the neighbours: ``kexia box peers``, and their part of the status."""

from datetime import datetime

from appliance import config
from appliance.box.neighbourhood import look_around, now
from appliance.box.peer_id import own_peer_id
from appliance.config import BoxConfig, BoxPaths
from appliance.peers.refused import Refused

Value = dict[str, object]


def found(paths: BoxPaths) -> Value:
    """Who is there now, and why others are passed over."""
    box = config.load(paths)
    around = look_around(paths)
    return {
        "peer": own_peer_id(paths.peer_id),
        **peers_status(paths, box, now()),
        "interfaces": [link.name for link in around.links],
        "peers": [
            {
                "peer": one.said.box,
                "url": one.url,
                "interface": one.interface,
                "marks": sorted(one.said.marks),
            }
            for one in around.peers
        ],
        "passed": [{"name": one.name, "reason": one.reason} for one in around.passed],
    }


def peers_status(paths: BoxPaths, box: BoxConfig, at: datetime) -> Value:
    """What is decided about neighbours; reads only what is on the disk."""
    refused = Refused(paths.refused_peers).now(at)
    return {
        "serve": box.peers.serve,
        "use": box.peers.use,
        "refused": [
            {"peer": key, "until": f"{one.until:%Y-%m-%dT%H:%M:%SZ}", "reason": one.reason}
            for key, one in sorted(refused.items())
        ],
    }
