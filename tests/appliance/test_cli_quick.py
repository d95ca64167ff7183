"""Words of the command line: most pass by pydantic, and bad ones are still refused in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

SHOW = (
    "import sys\nfrom appliance.cli.main import main\ntry:\n    main()\n"
    "finally:\n    print('pydantic' in sys.modules, file=sys.stderr)"
)


def kexia(*words: str | Path) -> tuple[int, str, bool]:
    """Its exit code, what it said, and whether pydantic was loaded."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW, *words], capture_output=True, text=True, check=False
    )
    *said, loaded = done.stderr.splitlines()
    return done.returncode, done.stdout + "\n".join(said), loaded == "True"


def test_texts_folders_and_flags_start_without_pydantic(tmp_path: Path) -> None:
    desk = tmp_path / "desk"
    words = ["--code", "43", "--name", "省", "--demo", "--json"]
    assert kexia("publish", "init", desk, *words)[0::2] == (0, False)
    assert kexia("publish", "nightly", desk, "--json")[0::2] == (0, False)
    assert kexia("publish", "release", desk, "--sign-all", "--json")[0::2] == (0, False)
    into = tmp_path / "copy"
    into.mkdir()
    code, said, loaded = kexia("publish", "nightly", desk, "--push", str(into), "--json")
    assert (code, loaded) == (0, False), said
    assert (into / "metadata" / "timestamp.json").is_file()


def test_numbers_are_still_converted_and_checked(tmp_path: Path) -> None:
    code, said, _ = kexia("publish", "prune", tmp_path, "--editions", "many")
    assert code == 2
    assert "--editions" in said
    code, said, _ = kexia("publish", "prune", tmp_path, "--editions", "0")
    assert code == 2
    assert "--editions" in said


@pytest.mark.parametrize("words", [["publish", "sign", "x", "--as", "nobody"], ["publish", "sign"]])
def test_a_bad_choice_and_a_missing_word_are_still_refused(words: list[str]) -> None:
    code, said, _ = kexia(*words)
    assert code == 2
    assert "Usage" in said
