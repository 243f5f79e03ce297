"""Processes and new sandboxes for the checks in .ci/."""

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


def call(url, body=None, method=None, **headers):
    """Sends a request, a POST if there is a body. Returns the status and the JSON of the answer."""
    headers = {"Content-Type": "application/json", **headers}
    try:
        request = urllib.request.Request(url, data=body, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=40) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


class Process:
    """A process that ends with its `with` block. Its output is kept in files."""

    def __init__(self, command, **environment):
        self.out, self.err = (tempfile.TemporaryFile("a+") for _ in range(2))
        # Of this environment it gets only what is needed to find programs.
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **environment}
        self.process = subprocess.Popen(command, env=environment, stdout=self.out, stderr=self.err)

    def output(self):
        """The text of standard output and standard error so far."""
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
    """A new sandbox."""

    def __init__(self, port, *options, **environment):
        super().__init__([SANDBOX, "--port", str(port), "--json", *options], **environment)
        self.url = f"http://127.0.0.1:{port}"
        self.console = f"{self.url}/_sandbox"
        until(lambda: '"ready":true' in self.output()[0], self)

    def environment(self, function):
        with urllib.request.urlopen(f"{self.console}/env/{function}", timeout=40) as lines:
            return dict(line.decode().rstrip("\n").split("=", 1) for line in lines)


def until(condition, process):
    for _ in range(200):
        if condition():
            return
        runs = process.process.poll() is None
        expect(runs, f"the process ended during its start: {process.output()}")
        time.sleep(0.05)
    expect(False, f"the process is not ready after 10 s: {process.output()}")


def reachable(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def expect(holds, otherwise):
    if not holds:
        sys.exit(f"check failed: {otherwise}")
