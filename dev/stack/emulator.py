"""The AWS emulator (ministack) as a child process that keeps its state in a folder."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from dev.simulators.receivers import NAMES
from dev.stack.earlier_run import lock_to_hand_down
from dev.stack.failure import StackFailure

REGION = "us-east-1"
ACCOUNT = "000000000000"  # as access key; the emulator looks up an unsigned request's API in this account only
START_SECONDS = 20.0
STOP_SECONDS = 20.0


class Emulator:
    """Runs from `start` to `stop` on `port`."""

    def __init__(self, state_dir: Path, port: int) -> None:
        self._dir = state_dir
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port

    @property
    def url(self) -> str:
        """Root of the emulator: the endpoint of every AWS service."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """What the emulator writes; each start begins it anew."""
        return self._dir / "emulator.log"

    @property
    def environment(self) -> dict[str, str]:
        """What an AWS tool needs to talk to the emulator, and to nothing else: the caller's own profile is hidden."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, credentials: Mapping[str, str] | None = None) -> Any:
        """A boto3 client of `service` (its type depends on the name), as root or with the Credentials of STS."""
        known = credentials or {"AccessKeyId": ACCOUNT, "SecretAccessKey": "local"}
        session: Any = boto3.session.Session()
        return session.client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id=known["AccessKeyId"],
            aws_secret_access_key=known["SecretAccessKey"],
            aws_session_token=known.get("SessionToken"),
            config=Config(retries={"total_max_attempts": 1}, read_timeout=120),
        )

    def start(self) -> None:
        """Bring it up with the state of last time. Raises StackFailure."""
        scratch = self._dir / "tmp"
        with lock_to_hand_down(self._dir) as lock, self.log.open("wb") as log:
            shutil.rmtree(scratch, ignore_errors=True)  # unpacked layers of the last run, about 100 MB a function
            scratch.mkdir(parents=True)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                env=self._settings(os.environ, scratch),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(lock.fileno(),),
                start_new_session=True,  # Ctrl-C in the terminal must not reach it before the functions are done
            )
            lock.write(str(self._process.pid))
        self._await_health()

    def stop(self) -> None:
        """Save the state and end the emulator with all its workers."""
        if self._process is None:
            return
        group = self._process.pid
        self._process.terminate()  # SIGTERM saves; SIGKILL would lose the state
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)  # function workers that outlived it
        self._process = None
        shutil.rmtree(self._dir / "tmp", ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _settings(self, host: Mapping[str, str], scratch: Path) -> dict[str, str]:
        kept = {name: host[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH") if name in host}
        return kept | {
            "BIND_HOST": "127.0.0.1",  # it listens on every interface unless told, and it runs uploaded code
            "GATEWAY_PORT": str(self.port),
            "AUTH": "true",  # the functions may do what their roles say, and no more
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._dir / "aws"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self._dir / "s3"),
            "TMPDIR": str(scratch),
            # Functions inherit both: to them the simulated Internet has a name server too.
            "PYTHONPATH": str(Path(__file__).with_name("resolver")),
            "LOCAL_NAMES": json.dumps(NAMES),
        }

    def _await_health(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise StackFailure(f"The local AWS did not start; {self.log} says why.")
