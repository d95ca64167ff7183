"""In the guest: does what the test asks over the virtio port, one JSON line for each request.

``run`` (a program: its code and output) · ``kexia`` (a command of ours) · ``look`` (a box's status)
· ``start`` (a program that goes on, its output in a file) · ``end`` (SIGTERM to it) · ``read`` and
``write`` (files, base64).
"""

import base64
import io
import json
import subprocess
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from appliance.box.works import look
from appliance.paths import BoxPaths
from image_build.cli.whole import app
from sync.errors import KexiaError

RUNNING: dict[int, "subprocess.Popen[bytes]"] = {}
PORT = Path("/dev/virtio-ports/kexia")


def answer(request: dict[str, Any]) -> dict[str, Any]:
    what = request["what"]
    if what == "run":
        done = subprocess.run(
            request["command"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=request["seconds"],
            check=False,
        )
        return {"code": done.returncode, "output": done.stdout[-200_000:].decode(errors="replace")}
    if what == "start":
        with Path(request["log"]).open("wb") as log:
            process = subprocess.Popen(request["command"], stdout=log, stderr=log)
        RUNNING[process.pid] = process
        return {"pid": process.pid}
    if what == "end":
        process = RUNNING.pop(request["pid"])
        process.terminate()
        return {"code": process.wait(60)}
    if what == "kexia":
        return kexia(request["words"])
    if what == "look":
        return dict(look(BoxPaths(Path(request["box"]))))
    if what == "read":
        return {"data": base64.b64encode(Path(request["path"]).read_bytes()).decode()}
    path = Path(request["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(base64.b64decode(request["data"]))
    return {}


def kexia(words: list[str]) -> dict[str, Any]:
    """A command of ours in this process: a new one takes half a minute to begin."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        try:
            app(words)
            code: object = 0
        except SystemExit as error:
            code = error.code
        except KexiaError as error:
            code = f"{error.fact} {error.hint}"
    return {"code": code, "output": said.getvalue()}


def main() -> None:
    while not PORT.exists():
        time.sleep(0.05)
    with PORT.open("r+b", buffering=0) as port:
        port.write(b'{"ready": true}\n')
        waiting = b""
        while True:
            block = port.read(65536)
            if not block:
                time.sleep(0.02)  # nobody at the other end
                continue
            waiting += block
            while b"\n" in waiting:
                line, _, waiting = waiting.partition(b"\n")
                try:
                    told = answer(json.loads(line))
                except Exception as error:  # noqa: BLE001 - the test is told, whatever it was
                    told = {"error": repr(error)}
                data = json.dumps(told).encode() + b"\n"
                while data:
                    data = data[port.write(data) or 0 :]


if __name__ == "__main__":
    main()
