"""What a county tells this box by stick: proved to be a recipient's, meant for it, and new; done.

Done is: the PIN of /admin is set anew. Which instruction was followed last is durable before the
PIN is, so that a copy of it does nothing: at worst, after a power cut between the two, the county
makes another.
"""

import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from appliance import pin as pins
from appliance.box.identity import IdentityDamaged, read_seed
from appliance.box.papers import recipients_of
from appliance.config import BoxPaths
from appliance.generation import current
from appliance.state import open_state
from appliance.volumes.look import back_file
from sync import canonical
from sync.errors import FormatError, MediumFailing, TrustRefused
from sync.files import write_durably
from sync.stick import instruction, sealing
from sync.stick.sealing import Paper

FOLLOWED = "followed.json"
"""In ``identity/``: the newest instruction of each key, ``{"<64 hex>": <sequence>}``."""
MAX_KEYS = 64
_FORMAT = "kexia-followed-1"
_LONGEST = 64 * 1024


def follow_instruction(paths: BoxPaths, folder: Path) -> bool:
    """Do what the stick mounted at ``folder`` tells this box; False if it tells it nothing new.

    Raises TrustRefused for an instruction of a key that nobody named, or for another box,
    FormatError for a damaged one, MediumFailing.
    """
    try:
        seed = read_seed(paths)
    except IdentityDamaged:
        return False  # status tells of it; whose instruction this is cannot be known
    if seed is None:
        return False
    public = sealing.public_of(seed)
    data = _read(folder, sealing.box_id(public))
    if data is None:
        return False
    paper, told = instruction.open_instruction(data)
    _check_writer(paths, paper)
    if told.box != sealing.box_id(public):
        raise TrustRefused(
            f"the instruction is for box {told.box[:16]}, this is {sealing.box_id(public)}",
            hint="the county makes one for each box: kexia stick pin",
        )
    followed = _followed(paths)
    if paper.sequence <= followed.get(paper.public.hex(), -1):
        return False
    pin = pins.check(instruction.pin_of(told, seed))
    _keep(paths, {**followed, paper.public.hex(): paper.sequence})
    with closing(open_state(paths.state_db)) as state:
        pins.set_pin(state, pins.hashed(pin, os.urandom(pins.SALT)))
    return True


def _check_writer(paths: BoxPaths, paper: Paper) -> None:
    named = {each.instructs for each in recipients_of(current(paths)) if each.instructs}
    if paper.public not in named:
        raise TrustRefused(
            "the instruction is signed with a key that no publisher of this box names",
            hint="the publisher adds the county's key: kexia publish recipients WORKSPACE add",
        )


def _read(folder: Path, box: str) -> bytes | None:
    try:
        with back_file(folder, box, os.O_RDONLY, instruction.NAME) as descriptor:
            return os.read(descriptor, instruction.MAX_SIZE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise MediumFailing(f"{instruction.NAME}: {error.strerror}") from error


def _followed(paths: BoxPaths) -> dict[str, int]:
    try:
        with (paths.identity / FOLLOWED).open("rb") as file:
            value = canonical.loads(file.read(_LONGEST), what=FOLLOWED)
        numbers = canonical.as_object(value["sequences"])
        return {key: canonical.as_count(number) for key, number in numbers.items()}
    except FileNotFoundError:
        return {}
    except (OSError, FormatError, KeyError, TypeError) as error:
        raise IdentityDamaged(
            f"{paths.identity / FOLLOWED} is damaged: no instruction is followed",
            hint="set the PIN on the box (kexia box pin) and remove the file",
        ) from error


def _keep(paths: BoxPaths, followed: Mapping[str, int]) -> None:
    newest = sorted(followed.items(), key=lambda item: -item[1])[:MAX_KEYS]
    value = {"format": _FORMAT, "sequences": dict(sorted(newest))}
    write_durably(paths.identity / FOLLOWED, canonical.dumps(value), mode=0o600)
