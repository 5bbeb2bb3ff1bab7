"""STUB CLOUD: speaks OpenAI's protocol and holds no model; it looks answers up in a file.

It stands in for a cloud provider in the demo and the tests, in a pod of its own, with nothing but
Python's standard library: `python stub_cloud.py ANSWERS.json`. ANSWERS is a list of
`{"when": TEXT, "edits": [...]}`; the answer is the edits of all whose text is in the last message.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MODEL = "stub-cloud"
PORT = 8080
LARGEST = 16 << 20
Answers = Sequence[Mapping[str, Any]]


def answer_to(body: Mapping[str, Any], answers: Answers) -> str:
    """Return the patch document for a chat; without edits where the file knows none."""
    asked = str(body["messages"][-1]["content"])
    known = [edit for each in answers if each["when"] in asked for edit in each["edits"]]
    return json.dumps({"edits": known})


def usage_of(body: Mapping[str, Any], text: str) -> dict[str, Any]:
    """Return made-up counts: four characters a token."""
    prompt = sum(len(str(each["content"])) for each in body["messages"]) // 4
    completion = len(text) // 4
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def chunks(text: str, usage: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the pieces of a stream."""
    head = {"id": "stub", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
    said = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    return [
        {**head, "choices": [said]},
        {**head, "choices": [end]},
        {**head, "choices": [], "usage": usage},
    ]


def whole(text: str, usage: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer in one piece."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {
        "id": "stub",
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [choice],
        "usage": usage,
    }


def handler(
    answer: Callable[[Mapping[str, Any]], str], model: str = MODEL
) -> type[BaseHTTPRequestHandler]:
    """Return a handler that answers each chat by a function of its body."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # A client that ended in between is its own affair.
        timeout = 300

        def do_GET(self) -> None:
            """List the one model; any other path says that the process lives."""
            self._send({"object": "list", "data": [{"id": model, "object": "model"}]})

        def do_POST(self) -> None:
            """Answer a chat completion."""
            size = int(self.headers.get("Content-Length") or 0)
            if not 0 < size <= LARGEST:
                self.send_error(413)
                return
            body = json.loads(self.rfile.read(size))
            text = answer(body)
            usage = usage_of(body, text)
            if not body.get("stream"):
                self._send(whole(text, usage))
                return
            lines = [f"data: {json.dumps(each)}\n\n" for each in chunks(text, usage)]
            raw = "".join([*lines, "data: [DONE]\n\n"]).encode()
            self._head("text/event-stream", len(raw))
            self.wfile.write(raw)

        def _send(self, value: object) -> None:
            raw = json.dumps(value).encode()
            self._head("application/json", len(raw))
            self.wfile.write(raw)

        def _head(self, kind: str, size: int) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(size))
            self.end_headers()

    return Handler


def main() -> None:
    """Serve for ever."""
    answers = json.loads(Path(sys.argv[1]).read_text())
    stub = handler(lambda body: answer_to(body, answers))
    ThreadingHTTPServer(("0.0.0.0", PORT), stub).serve_forever()


if __name__ == "__main__":
    main()
