"""network.toml in the box's folder: the wanted network, kept where only its owner reads it."""

import tomllib

import tomli_w

from appliance.lan.config import NetworkConfig, parse, table
from appliance.paths import BoxPaths
from sync.errors import Fault, InputRefused, UsageError
from sync.files import disk_errors, owner_of, read_bounded, write_durably

HEADER = (
    "# The network this box wants (docs/images.md). `kexia box network BOX apply` puts it into\n"
    "# force. It holds the Wi-Fi's pass phrase: keep it to yourself.\n\n"
)
MAX_BYTES = 64 * 1024


def read(data: bytes) -> NetworkConfig:
    """The configuration of network.toml's bytes; raises InputRefused listing every fault."""
    try:
        value = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        fault = Fault("network.toml", f"no TOML in UTF-8 ({error})", "write it anew")
        raise InputRefused("the network cannot be read", faults=(fault,)) from error
    return parse(value)


def write(config: NetworkConfig) -> bytes:
    """Bytes of network.toml; ``read`` gives the same configuration back."""
    return (HEADER + tomli_w.dumps(table(config))).encode()


def load(paths: BoxPaths) -> NetworkConfig:
    """The box's wanted network; raises UsageError if none was ever said, InputRefused."""
    path = paths.network
    if not path.exists():
        raise UsageError(
            f"{path} is missing: nobody said what network this box wants",
            hint="an image's first start writes it from site.toml; see docs/images.md",
        )
    with disk_errors(path):
        data = read_bounded(path, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputRefused(f"{path} is longer than {MAX_BYTES} bytes")
    return read(data)


def save(paths: BoxPaths, config: NetworkConfig) -> None:
    """Replace network.toml durably, readable by its owner only: whose the box's folder is.

    Root runs the network; the pages and the screen, which show the Wi-Fi, run as the box's user.
    """
    write_durably(paths.network, write(config), mode=0o600, owner=owner_of(paths.root))
