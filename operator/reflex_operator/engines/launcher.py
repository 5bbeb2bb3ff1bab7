"""Starts SGLang with API keys read from files.

SGLang takes its keys only as arguments or by `--config`. As arguments they would stand in the pod
spec and in /proc/PID/cmdline; so this text runs inside the engine's interpreter
(`python3 -c TEXT ARGUMENTS`), adds them to `sys.argv` in memory, and keeps them out of the log,
where SGLang prints all its arguments at start. `runpy` with `alter_sys` leaves `__main__` as
`python -m sglang.launch_server` would, which multiprocessing's spawn depends on.
"""

from typing import Final

KEYS_MOUNT: Final = "/etc/reflex/keys"
KEY_NAMES: Final = ("api-key", "admin-api-key")

_TEXT: Final = """\
import logging, pathlib, runpy, sys
keys = []
for name in {names!r}:
    file = pathlib.Path({mount!r}, name)
    key = file.read_text().strip() if file.is_file() else ""
    if key:
        keys.append(key)
        sys.argv.append("--" + name + "=" + key)
    elif name == "api-key":
        # With an admin key alone SGLang would answer everybody.
        sys.exit("error: no api-key in {mount}; the engine is not started without one")
make = logging.getLogRecordFactory()
def redacted(*args, **kwargs):
    record = make(*args, **kwargs)
    try:
        text = record.getMessage()
    except Exception:
        return record  # a malformed call is logging's to report, not ours to raise
    if any(key in text for key in keys):
        for key in keys:
            text = text.replace(key, "<redacted>")
        record.msg, record.args = text, None
    return record
logging.setLogRecordFactory(redacted)
runpy.run_module("sglang.launch_server", run_name="__main__", alter_sys=True)
"""


def command() -> list[str]:
    """Return the container's command; SGLang's arguments follow as the container's args."""
    return ["python3", "-c", _TEXT.format(names=KEY_NAMES, mount=KEYS_MOUNT)]
