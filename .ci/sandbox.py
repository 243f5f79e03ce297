"""What the checks of .ci/ run against: processes, and a fresh sandbox."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SANDBOX = "target/debug/sandbox"


def call(url, body=None, **headers):
    """The status and the JSON of an answer; a POST if there is a body."""
    headers = {"Content-Type": "application/json", **headers}
    try:
        request = urllib.request.Request(url, data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=40) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)


class Process:
    """A process that ends with the block; what it says is kept in files."""

    def __init__(self, command, **environment):
        self.out, self.err = (tempfile.TemporaryFile("a+") for _ in range(2))
        # Nothing of our own environment but where programs are.
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment}
        self.process = subprocess.Popen(command, env=environment, stdout=self.out, stderr=self.err)

    def said(self):
        files = []
        for file in (self.out, self.err):
            file.seek(0)
            files.append(file.read())
        return files

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Sandbox(Process):
    """A fresh sandbox."""

    def __init__(self, port, **environment):
        super().__init__([SANDBOX, "--port", str(port)], **environment)
        self.url = f"http://127.0.0.1:{port}"
        self.console = f"{self.url}/_sandbox"
        until(lambda: "telco gateway at" in self.said()[0], self)

    def environment(self, function):
        with urllib.request.urlopen(f"{self.console}/env/{function}", timeout=40) as lines:
            return dict(line.decode().rstrip("\n").split("=", 1) for line in lines)


def until(true, process):
    for _ in range(200):
        if true():
            return
        expect(process.process.poll() is None, f"does not start: {process.said()}")
        time.sleep(0.05)
    expect(False, f"is not ready after 10 s: {process.said()}")


def reachable(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def expect(holds, otherwise):
    if not holds:
        sys.exit(f"not so: {otherwise}")
