"""The serve process on the real machine: pages, and, where kexia.toml wants it, neighbours.

Here serving meets finding (``appliance.peers``); it imports no update machinery.
"""

from collections.abc import Callable
from functools import partial

from appliance import config
from appliance.box.peer_id import own_peer_id
from appliance.config import BoxPaths, Listen
from appliance.onlink import PeerPolicy
from appliance.serve import app
from appliance.serve.neighbours import Neighbourhood


def run_serve(paths: BoxPaths, listen: Listen, *, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM; raises UsageError if a port cannot be had."""
    app.run(paths, listen, on_ready=on_ready, around=neighbourhood(paths))


def neighbourhood(paths: BoxPaths) -> Neighbourhood | None:
    """Where this box serves neighbours; None if kexia.toml does not want it."""
    policy = config.load(paths).peers if paths.config_file.exists() else PeerPolicy()
    if not policy.serve:
        return None
    # zeroconf and what reads interfaces are large; most boxes do not use them
    from appliance.network import read_links
    from appliance.peers.find import Announcer

    return Neighbourhood(
        policy, own_peer_id(paths.peer_id), partial(read_links, policy), Announcer()
    )
