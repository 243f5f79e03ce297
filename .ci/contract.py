"""Tests the gateway with the cases that schemathesis generates from openapi.yaml: once as a tenant
without a linked account, once as a tenant with one. Run by .ci/contract."""

import json
import re
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sandbox import Sandbox, call, expect, free_port

LEAST_CASES = 5_000
KEY = {"mono-sec-key": "test_sk_sandbox"}
# High limits: the test sends many requests and is not about rate limiting.
UNLIMITED = dict.fromkeys(
    "OTP_LIMIT_NUMBER OTP_LIMIT_CALLER OTP_LIMIT_ADDRESS LIMIT_PURCHASES LIMIT_READS LIMIT_CALLS".split(),
    "1000000/600,1000000/86400",
)
# Its failing orders would suspend their services.
UNLIMITED["GUARD"] = "off"
# API Gateway answers a wrong method with 404. A request that is valid by the document may still be
# refused, for example for an unknown number or a wrong OTP.
EXCLUDED = "unsupported_method,positive_data_acceptance"


def linked(sandbox):
    """Links an MTN line for which Mono and MTN have data, and returns its account id."""

    def ask(path, body=None, **headers):
        body = body and json.dumps(body).encode()
        status, answer = call(sandbox.url + path, body, **KEY, **headers)
        expect(status == 200, f"{path}: the answer is {status}: {answer}")
        return answer

    order = {"phone": "08031234567", "provider": "mtn"}
    session = ask("/v2/telecom/auth", order)["data"]["session_id"]
    otp = {"otp": ask("/_sandbox/otps")[0]["otp"]}
    proven = ask("/v2/telecom/verify", otp, **{"x-session-id": session})
    return ask("/account/auth", {"code": proven["data"]["code"]})["id"]


def check(who, link, examples, *options):
    """Runs schemathesis against a new sandbox. Returns the number of cases; all of them passed."""
    begun = time.monotonic()
    with Sandbox(free_port(), **UNLIMITED) as sandbox, tempfile.TemporaryDirectory() as directory:
        # Every request uses the linked account.
        account = f'[parameters]\n"path.id" = "{linked(sandbox)}"\n' if link else ""
        Path(directory, "schemathesis.toml").write_text(account, encoding="utf-8")
        command = ["schemathesis", "run", Path("openapi.yaml").resolve(), "--url", sandbox.url]
        command += [f"--header={name}:{value}" for name, value in KEY.items()]
        command += ["--seed=1", f"--max-examples={examples}", f"--exclude-checks={EXCLUDED}"]
        command += ["--generation-database=none", "--no-color", *options]
        run = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, check=False, timeout=1800
        )
        made = re.search(r"(\d+) generated", run.stdout)
        passed = run.returncode == 0 and made
        expect(passed, f"schemathesis, as {who}, found:\n{run.stdout}{run.stderr}")
        # Whatever a tenant sends, the requests to the providers are valid and nothing fails inside.
        _, violations = call(f"{sandbox.console}/mtn/violations")
        expect(violations.get("count") == 0, f"requests that MTN does not specify: {violations}")
        errors = [line for line in sandbox.output()[1].splitlines() if '"level":"ERROR"' in line]
        expect(not errors, "the gateway logged errors:\n" + "\n".join(errors[:20]))
    print(f"{made[1]} cases as {who}: {time.monotonic() - begun:.0f} s", flush=True)
    return int(made[1])


# Both run at the same time: the second mostly waits for MTN. It does not withdraw its consent.
LINKED = ["--include-path-regex=/accounts/|/requests/", "--exclude-path-regex=/unlink$"]
with ThreadPoolExecutor() as pool:
    runs = [
        pool.submit(check, "a tenant without an account", False, 75),
        pool.submit(check, "a tenant with an account", True, 50, *LINKED),
    ]
    total = sum(run.result() for run in runs)
expect(total >= LEAST_CASES, f"only {total} cases were generated")
