"""The AWS emulator (ministack) as a child process that keeps its state in a folder."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.config import Config

from dev.simulators.receivers import NAMES
from dev.stack import earlier_run
from dev.stack.earlier_run import lock_to_hand_down
from dev.stack.failure import StackFailure

REGION = "us-east-1"
ACCOUNT = "000000000000"  # as access key; the emulator looks up an unsigned request's API in this account only
START_SECONDS = 20.0
TELL_SECONDS = 10.0


class Emulator:
    """Runs from `start` to `stop` on `port`. `say` gets a line each ten seconds that ending takes."""

    def __init__(self, state_dir: Path, port: int, say: Callable[[str], None] = lambda _: None) -> None:
        self._dir = state_dir
        self._say = say
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
        with lock_to_hand_down(self._dir) as lock, self.log.open("wb") as log:
            self._remove_unpacked()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                env=self._settings(os.environ, Path(tempfile.mkdtemp(prefix="tmp-", dir=self._dir))),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(lock.fileno(),),
                start_new_session=True,  # Ctrl-C in the terminal must not reach it before the functions are done
            )
            lock.write(str(self._process.pid))
        self._await_health()

    def stop(self) -> None:
        """Save the state and end the emulator with all its workers.

        Raises StackFailure: it had ended by itself, or it had to be killed, and the state may be that of the last run.
        """
        if self._process is None:
            return
        process, self._process = self._process, None
        failure = "had ended by itself" if process.poll() is not None else self._end(process)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # with function workers that outlived it
        process.wait()
        self._remove_unpacked()
        if failure:
            raise StackFailure(f"The local AWS {failure}: what this run stored may be lost. {self.log} says more.")

    def _end(self, process: subprocess.Popen[bytes]) -> str:
        """Let it save and end; answers with what went wrong, if anything."""
        process.terminate()  # SIGTERM saves; SIGKILL would lose the state
        deadline = time.monotonic() + earlier_run.END_SECONDS
        while (left := deadline - time.monotonic()) > 0:
            try:
                process.wait(min(TELL_SECONDS, left))
            except subprocess.TimeoutExpired:
                self._say("Still saving, and waiting for functions at work")
            else:
                return ""
        return f"did not end within {earlier_run.END_SECONDS:.0f} s and was killed"

    def _remove_unpacked(self) -> None:
        # Each worker of a function unpacked 70 MB. A busy disk takes a minute to remove all: nobody waits for it.
        old = map(str, self._dir.glob("tmp*"))
        quiet = subprocess.DEVNULL
        subprocess.run(["sh", "-c", 'rm -rf "$@" &', "sh", *old], check=True, stdout=quiet, stderr=quiet)

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
        with contextlib.suppress(StackFailure):
            self.stop()
        raise StackFailure(f"The local AWS did not start; {self.log} says why.")
