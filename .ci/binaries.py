"""Runs the built functions under cargo-lambda's Lambda Runtime API. For each sample event, the
answer must equal that of the same handler inside the sandbox. Run by .ci/binaries."""

import json
import signal
import subprocess
import time
from pathlib import Path

from sandbox import Process, Sandbox, call, expect, free_port, reachable, until

FUNCTIONS = sorted(path.name for path in Path("functions").iterdir())
# Fields that differ in each run: only their type is compared. Everything else must be equal. (The
# purchase_id is derived from the idempotency key, but the request_id contains the minute.)
TIMES = ["request_id", "created_at", "updated_at", "deadline_at"]
MASKED = {
    "auth-airtel": ["body.data.session_id"],
    "purchase-airtime": [f"body.data.{it}" for it in [*TIMES, "provider_transaction_id"]],
    "purchase-refill": [f"body.data.{it}" for it in TIMES],
}
PANICS = "target/debug/examples/panics"
# The emulator's name for a function that is not a binary of the workspace.
UNNAMED = "_"
# Part of the panic's message, which must not be logged.
SECRET_IN_PANIC = "07082109281"


class Emulator(Process):
    """The Lambda service: it takes invocations and hands them to the function's process."""

    def __init__(self, port):
        watch = ["cargo-lambda", "lambda", "watch", "--only-lambda-apis"]
        super().__init__([*watch, "-A", "127.0.0.1", "-P", str(port)])
        self.url = f"http://127.0.0.1:{port}"
        until(lambda: reachable(port), self)

    def invoke(self, function, event):
        return call(f"{self.url}/2015-03-31/functions/{function}/invocations", event)


class Instance(Process):
    """The process of a function, started as Lambda starts it."""

    def __init__(self, emulator, function, binary, variables):
        super().__init__(
            [binary],
            **variables,
            AWS_LAMBDA_RUNTIME_API=f"{emulator.url}/.rt/{function}",
            AWS_LAMBDA_FUNCTION_NAME=function,
            AWS_LAMBDA_FUNCTION_VERSION="1",
            AWS_LAMBDA_FUNCTION_MEMORY_SIZE="256",
        )
        self.function = function

    def end(self):
        """Ends the process as Lambda does. Returns its log; it must have written nothing else."""
        expect(self.process.poll() is None, f"{self.function} ended by itself: {self.output()}")
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            expect(False, f"{self.function} still runs 2 s after SIGTERM")
        ended = self.process.returncode
        expect(ended in (0, -signal.SIGTERM), f"{self.function} ended with status {ended}")
        out, err = self.output()
        expect(out == "", f"{self.function} writes to standard output: {out}")
        try:
            lines = [json.loads(line) for line in err.splitlines()]
        except ValueError:
            lines = None
        is_json = lines and all(isinstance(it, dict) for it in lines)
        expect(is_json, f"{self.function} logs something else than JSON objects: {err}")
        return lines


def samples(function):
    """The sample events of a function. A file belongs to the function with the longest name that
    its own name begins with."""
    for path in sorted(Path("events").glob("*.json")):
        owner = max((it for it in FUNCTIONS if path.stem.startswith(it + "-")), key=len)
        if owner == function:
            yield path.stem, path.read_bytes()


def comparable(case, answer):
    """The answer with its body as JSON; fields that differ in each run become their type."""
    if "body" in answer:
        answer = {**answer, "body": json.loads(answer["body"])}
    for path in MASKED.get(case, []):
        *parents, last = path.split(".")
        place = answer
        for parent in parents:
            place = place[parent]
        expect(place.get(last), f"{case}: the answer has no {path}: {answer}")
        place[last] = type(place[last]).__name__
    return answer


def in_process(port):
    """The answer to each sample event inside a new sandbox."""
    with Sandbox(port) as sandbox:
        return {
            case: call(f"{sandbox.console}/invoke/{function}", event)
            for function in FUNCTIONS
            for case, event in samples(function)
        }


def compare(emulator, port, wanted):
    """Sends each sample to its built function, which uses another new sandbox on the same port."""
    with Sandbox(port) as sandbox:
        for function in FUNCTIONS:
            binary = f"target/lambda/{function}/bootstrap"
            begun = time.monotonic()
            with Instance(emulator, function, binary, sandbox.environment(function)) as instance:
                for case, event in samples(function):
                    status, answer = emulator.invoke(function, event)
                    duration = (time.monotonic() - begun) * 1000
                    expected = [wanted[case][0], comparable(case, wanted[case][1])]
                    expect(
                        [status, comparable(case, answer)] == expected,
                        f"{case}: the binary answers\n{answer}\nthe sandbox\n{wanted[case][1]}",
                    )
                    print(f"{case}: {answer.get('statusCode', 'equal')}, {duration:.0f} ms")
                    begun = time.monotonic()
                instance.end()


def panic(emulator, port):
    """After a panic, the same instance answers the next request and still has its state."""
    with Sandbox(port) as sandbox, Instance(
        emulator, UNNAMED, PANICS, sandbox.environment("auth")
    ) as instance:
        event = json.loads(Path("events/auth-airtel.json").read_bytes())

        def ask(route):
            event["routeKey"] = event["requestContext"]["routeKey"] = route
            return emulator.invoke(UNNAMED, json.dumps(event).encode())

        def count(answer):
            return answer[0] == 200 and json.loads(answer[1]["body"])["data"]

        first, panicked, third = ask("GET /providers"), ask("GET /reports/{date}"), ask("GET /providers")
        expect(count(first) == 1, f"the answer to the first request is {first}")
        expect(
            panicked[0] == 500 and "panicked" in panicked[1]["errorMessage"],
            f"the answer to a panic is {panicked}",
        )
        expect(count(third) == 3, f"after a panic the instance lost its state: {third}")
        log = instance.end()
        panics = [line for line in log if line.get("message") == "panic"]
        is_logged = len(panics) == 1 and "panics.rs" in panics[0]["place"]
        expect(is_logged, f"the panic is not logged once with its place: {log}")
        expect(SECRET_IN_PANIC not in json.dumps(log), f"the message of the panic is logged: {log}")
        print("a panic failed one request; the instance answered the next one")


def main():
    port, own_port = free_port(), free_port()
    wanted = in_process(port)
    with Emulator(own_port) as emulator:
        compare(emulator, port, wanted)
        panic(emulator, port)
    print(f"{len(FUNCTIONS)} built functions answer {len(wanted)} samples as in the sandbox")


main()
