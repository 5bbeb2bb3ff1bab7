"""Lets running requests end before the engine gets its SIGTERM: the container's preStop hook.

The text runs in the engine's container (`python3 -I -c TEXT ARGUMENTS`, standard library only) and
always ends with code 0, at the latest after the drain time. SGLang itself waits for its requests
after SIGTERM, but without a bound and while it still takes new ones; so the hook first waits until
routing has stopped. SGLang's gauges show a new request only after 40 decode steps, seconds on a
slow device, so open connections to its port count as well: it closes idle ones after five seconds.
"""

from typing import Final

from reflex_api.names import ENGINE_PORT

STOP_ROUTING_SECONDS: Final = 5
"""Until Services and clients have noticed that the pod is going."""
_PAUSE_SECONDS: Final = 1

TEXT: Final = r"""
import http.client, os, re, signal, sys, time
port = int(sys.argv[1])
routing, drain, pause = map(float, sys.argv[2:5])
if drain <= 0:
    sys.exit()
signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
signal.setitimer(signal.ITIMER_REAL, drain)
def requests():
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read().decode() if answer.status == 200 else ""
    except ConnectionRefusedError:
        sys.exit()  # nothing listens, so nothing is being answered
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    found = re.findall(r"^sglang:num_(running|queue)_reqs(?:\{.*\})? (\S+)", text, re.M)
    if {name for name, _ in found} != {"running", "queue"}:
        return None
    try:
        return sum(float(value) for _, value in found)
    except ValueError:
        return None
def connections():
    count = 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as lines:
                rows = [line.split() for line in lines][1:]
        except OSError:
            continue
        # Local address, remote address, state: 01 is ESTABLISHED.
        count += sum(row[3] == "01" and int(row[1].rsplit(":")[-1], 16) == port for row in rows)
    return count
requests()
time.sleep(routing)
idle = 0
while True:
    idle = idle + 1 if requests() == 0 and connections() == 0 else 0
    if idle == 2:
        break
    time.sleep(pause)
""".lstrip()


def hook(drain_seconds: int) -> list[str]:
    """Return the hook's command.

    Args:
        drain_seconds: the longest that it runs, the wait for routing included.
    """
    arguments = (ENGINE_PORT, STOP_ROUTING_SECONDS, drain_seconds, _PAUSE_SECONDS)
    return ["python3", "-I", "-c", TEXT, *map(str, arguments)]
