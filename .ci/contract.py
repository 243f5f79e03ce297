"""openapi.yaml against the gateway, by cases that schemathesis makes of the document: first as a
caller who knows nobody's id, then as one who has linked a line. Run by .ci/contract."""

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
# The document is about answers, not about how many: nothing is refused for its number.
UNLIMITED = dict.fromkeys(
    "OTP_LIMIT_NUMBER OTP_LIMIT_CALLER OTP_LIMIT_ADDRESS LIMIT_PURCHASES LIMIT_READS".split(),
    "1000000/600,1000000/86400",
)
# API Gateway answers a wrong method with 404, and what the document allows may still be refused for
# what it is about: an unknown number, a wrong OTP.
EXCLUDED = "unsupported_method,positive_data_acceptance"


def linked(sandbox):
    """The account of an MTN line, for which Mono and MTN have data."""

    def ask(path, body=None, **headers):
        body = body and json.dumps(body).encode()
        status, answer = call(sandbox.url + path, body, **KEY, **headers)
        expect(status == 200, f"{path} is answered {status}: {answer}")
        return answer

    order = {"phone": "08031234567", "provider": "mtn"}
    session = ask("/v2/telecom/auth", order)["data"]["session_id"]
    otp = {"otp": ask("/_sandbox/otps")[0]["otp"]}
    proven = ask("/v2/telecom/verify", otp, **{"x-session-id": session})
    return ask("/account/auth", {"code": proven["data"]["code"]})["id"]


def hold(what, link, examples, *options):
    """Runs schemathesis at a fresh sandbox; gives the number of cases, all of which have passed."""
    begun = time.monotonic()
    with Sandbox(free_port(), **UNLIMITED) as sandbox, tempfile.TemporaryDirectory() as directory:
        # With an account it is every request's.
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
        expect(run.returncode == 0 and made, f"the contract, by {what}\n{run.stdout}{run.stderr}")
        # Whatever callers send, the providers get what they specify, and nothing breaks.
        _, violations = call(f"{sandbox.console}/mtn/violations")
        expect(violations.get("count") == 0, f"MTN would not take these: {violations}")
        errors = [line for line in sandbox.said()[1].splitlines() if '"level":"ERROR"' in line]
        expect(not errors, "the gateway logs errors:\n" + "\n".join(errors[:20]))
    print(f"{made[1]} cases by {what}: {time.monotonic() - begun:.0f} s", flush=True)
    return int(made[1])


# Side by side: the second waits for MTN most of the time. It leaves its consent alone.
LINKED = ["--include-path-regex=/accounts/|/requests/", "--exclude-path-regex=/unlink$"]
with ThreadPoolExecutor() as pool:
    runs = [
        pool.submit(hold, "a caller who knows no id", False, 75),
        pool.submit(hold, "a caller with a linked line", True, 50, *LINKED),
    ]
    total = sum(run.result() for run in runs)
expect(total >= LEAST_CASES, f"only {total} cases were made")
