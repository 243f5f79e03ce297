"""Runs a command while a new sandbox runs. The command finds its address in GATEWAY_URL."""

import os
import subprocess
import sys

from sandbox import Sandbox, expect, free_port

with Sandbox(free_port()) as sandbox:
    environment = {**os.environ, "GATEWAY_URL": sandbox.url}
    run = subprocess.run(sys.argv[1:], env=environment, check=False, timeout=300)
    errors = [line for line in sandbox.output()[1].splitlines() if '"level":"ERROR"' in line]
    # The alarms that the command means to raise.
    meant = [f'"alarm":"{name}"' for name in os.environ.get("MEANT_ALARMS", "").split()]
    errors = [line for line in errors if not any(alarm in line for alarm in meant)]
    expect(run.returncode == 0, f"{sys.argv[1:]} ended with {run.returncode}")
    expect(not errors, "the gateway logged errors:\n" + "\n".join(errors[:20]))
