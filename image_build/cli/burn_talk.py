"""The conversation of ``kexia image burn``: what can be written, what is lost, how it ended."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.cli.console import result, say, showing
from image_build.burner import choose, media
from image_build.burner.batch import Outcome, exit_code
from image_build.burner.burning import Job, check
from image_build.burner.media import Disk
from image_build.cli import burn_words as words
from image_build.cli.burn_words import Tongue
from sync.errors import KexiaError, UsageError


@dataclass(frozen=True, slots=True)
class Answers:
    """What the command line says of the media."""

    devices: tuple[Path, ...]
    serials: tuple[str, ...]
    """Named with ``--yes``: nobody is asked."""


class Talk:
    """Speaks one language, to a person or in JSON to a script."""

    def __init__(self, language: Tongue, *, as_json: bool) -> None:
        self._language, self._as_json = language, as_json

    def show_media(self) -> None:
        """What can be written now."""
        found = choose.offers(media.look(), media.living_on())
        value: dict[str, object] = {"media": words.media_value(found)}
        result(value, as_json=self._as_json, text=lambda: words.listing(found, self._language))

    def choose(self, job: Job, answers: Answers) -> tuple[Disk, ...]:
        """The media to erase, agreed to; none: somebody said no. Asks once, or not with ``--yes``.

        Raises UsageError, and what ``check`` raises: the image is looked at before it is written.
        """
        disks, own = media.look(), media.living_on()
        if answers.serials:
            chosen = choose.by_word(disks, own, answers.serials)
            self._check(job, self._agreed(chosen, choose.by_node(disks, own, answers.devices)))
            return chosen
        self._need_terminal()
        if answers.devices:
            chosen = choose.by_node(disks, own, answers.devices)
            self._check(job, chosen)
            say(words.warning(chosen, self._language))
            agreed = self._ask("ask-yes").lower() in ("yes", "y", "是")
            return chosen if agreed else self._nothing()
        offered = choose.offers(disks, own)
        say(words.listing(offered, self._language))
        chosen = choose.by_answer(offered, self._ask("ask-number"))
        if not chosen:
            return self._nothing()
        self._check(job, chosen)
        return chosen

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """How each card ended; ends the command if one failed."""
        if len(outcomes) == 1 and isinstance(error := outcomes[0].end, KexiaError):
            raise error
        value: dict[str, object] = {"cards": [one.value() for one in outcomes]}
        value["exit_code"] = exit_code(outcomes)
        lines = [words.outcome(one, self._language) for one in outcomes]
        result(value, as_json=self._as_json, text=lambda: "\n".join(lines))
        if code := exit_code(outcomes):
            raise SystemExit(code)

    def _check(self, job: Job, disks: Sequence[Disk]) -> None:
        with showing(as_json=self._as_json) as shown:
            signer = check(job, disks, shown)
        if not self._as_json:
            word = words.word("signed", self._language)
            unsigned = words.word("unsigned", self._language)
            say(f"{word} {signer}" if signer else unsigned)

    def _agreed(self, chosen: tuple[Disk, ...], named: tuple[Disk, ...]) -> tuple[Disk, ...]:
        """Both ways of naming must mean the same media."""
        if named and set(named) != set(chosen):
            raise UsageError(
                "the devices named are not those of the serials after --yes",
                hint="nothing was written; `kexia image burn --list` shows both",
            )
        return chosen

    def _need_terminal(self) -> None:
        if self._as_json or not sys.stdin.isatty():
            raise UsageError(
                "nobody is here to be asked which medium may be erased",
                hint="name it: --yes SERIAL (`kexia image burn --list --json` shows them)",
            )

    def _ask(self, question: str) -> str:
        sys.stdout.write(words.word(question, self._language))
        sys.stdout.flush()
        return sys.stdin.readline().strip()

    def _nothing(self) -> tuple[Disk, ...]:
        say(words.word("none", self._language))
        return ()
