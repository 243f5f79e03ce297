"""The built functions under a Lambda Runtime API (cargo-lambda's), each sample event's answer held
against what the same handler answers inside the sandbox. Run by .ci/binaries."""

import json
import signal
import subprocess
import time
from pathlib import Path

from sandbox import Process, Sandbox, call, expect, free_port, reachable, until

FUNCTIONS = sorted(path.name for path in Path("functions").iterdir())
# What no two runs have in common: its type is compared, its value is not. All else must be equal.
# (A purchase's id comes of its key; its request id tells the minute.)
TIMES = ["request_id", "created_at", "updated_at", "deadline_at"]
MASKED = {
    "auth-airtel": ["body.data.session_id"],
    "purchase-airtime": [f"body.data.{it}" for it in TIMES],
    "purchase-refill": [f"body.data.{it}" for it in TIMES],
}
PANICS = "target/debug/examples/panics"
# The emulator knows the workspace's binaries by name; this is anything else.
UNNAMED = "_"
# In the panic's message, which must not be logged.
UNSPEAKABLE = "07082109281"


class Emulator(Process):
    """The Lambda control plane: takes invocations, and hands them to who asks for the next one."""

    def __init__(self, port):
        watch = ["cargo-lambda", "lambda", "watch", "--only-lambda-apis"]
        super().__init__([*watch, "-A", "127.0.0.1", "-P", str(port)])
        self.url = f"http://127.0.0.1:{port}"
        until(lambda: reachable(port), self)

    def invoke(self, function, event):
        return call(f"{self.url}/2015-03-31/functions/{function}/invocations", event)


class Instance(Process):
    """A function's process, as Lambda starts it."""

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
        """Ends as Lambda ends it; gives its log after checking that there is nothing else."""
        expect(self.process.poll() is None, f"{self.function} ended by itself: {self.said()}")
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            expect(False, f"{self.function} runs on 2 s after SIGTERM")
        ended = self.process.returncode
        expect(ended in (0, -signal.SIGTERM), f"{self.function} ended with {ended}")
        out, err = self.said()
        expect(out == "", f"{self.function} writes to standard output: {out}")
        try:
            lines = [json.loads(line) for line in err.splitlines()]
        except ValueError:
            lines = None
        expect(lines and all(isinstance(it, dict) for it in lines), f"no JSON lines: {err}")
        return lines


def samples(function):
    """The function's sample events, by case; the longest name wins where one begins another."""
    for path in sorted(Path("events").glob("*.json")):
        owner = max((it for it in FUNCTIONS if path.stem.startswith(it + "-")), key=len)
        if owner == function:
            yield path.stem, path.read_bytes()


def comparable(case, answer):
    """An answer with its body as JSON, and types for what differs by nature."""
    if "body" in answer:
        answer = {**answer, "body": json.loads(answer["body"])}
    for path in MASKED.get(case, []):
        *parents, last = path.split(".")
        place = answer
        for parent in parents:
            place = place[parent]
        expect(place.get(last), f"{case}: there is no {path} to mask: {answer}")
        place[last] = type(place[last]).__name__
    return answer


def in_process(port):
    """What every sample is answered in a fresh sandbox."""
    with Sandbox(port) as sandbox:
        return {
            case: call(f"{sandbox.console}/invoke/{function}", event)
            for function in FUNCTIONS
            for case, event in samples(function)
        }


def compare(emulator, port, wanted):
    """Every sample to the built functions, at another fresh sandbox in the first one's place."""
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
                        f"{case} is answered\n{answer}\nand in the sandbox\n{wanted[case][1]}",
                    )
                    print(f"{case}: {answer.get('statusCode', 'equal')}, {duration:.0f} ms")
                    begun = time.monotonic()
                instance.end()


def panic(emulator, port):
    """A panic costs one answer: the instance answers the next, and remembers the one before."""
    with Sandbox(port) as sandbox, Instance(
        emulator, UNNAMED, PANICS, sandbox.environment("auth")
    ) as instance:
        event = json.loads(Path("events/auth-airtel.json").read_bytes())

        def ask(route):
            event["routeKey"] = event["requestContext"]["routeKey"] = route
            return emulator.invoke(UNNAMED, json.dumps(event).encode())

        def count(answer):
            return answer[0] == 200 and json.loads(answer[1]["body"])["data"]

        first, panicked, third = ask("GET /count"), ask("GET /panic"), ask("GET /count")
        expect(count(first) == 1, f"the first request is answered {first}")
        expect(
            panicked[0] == 500 and "panicked" in panicked[1]["errorMessage"],
            f"a panic is answered {panicked}",
        )
        expect(count(third) == 3, f"after a panic the instance is another: {third}")
        log = instance.end()
        panics = [line for line in log if line.get("message") == "panic"]
        expect(len(panics) == 1 and "panics.rs" in panics[0]["place"], f"a panic is logged {log}")
        expect(UNSPEAKABLE not in json.dumps(log), f"a panic's message is logged: {log}")
        print("a panic cost one answer; the instance went on")


def main():
    port, own_port = free_port(), free_port()
    wanted = in_process(port)
    with Emulator(own_port) as emulator:
        compare(emulator, port, wanted)
        panic(emulator, port)
    print(f"{len(wanted)} samples are answered alike by {len(FUNCTIONS)} built functions")


main()
