"""What runs is stopped: whoever ends, and however they end, no process stays behind."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from lifeline import held
from vdept.kernel import keeper


class Place:
    """A data folder and a port of its own, with everything that runs there."""

    def __init__(self, data: Path) -> None:
        self.data = data
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._output = data.with_suffix(".out")
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VDEPT_")}
        with self._output.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "vdept_workers", *arguments],
                **held({**kept, "VDEPT_DATA_DIR": str(self.data), "VDEPT_PORT": str(self.port)}),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started.append(process)
        return process

    @property
    def said(self) -> str:
        return self._output.read_text()

    def wait_until_said(self, words: str, seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.said:
            assert time.monotonic() < deadline, self.said
            assert self.started[-1].poll() is None, self.said
            time.sleep(0.1)

    def left(self, seconds: float = 5) -> list[str]:
        """What still runs there a moment after the end: Python's own tracker may take one to notice."""
        deadline = time.monotonic() + seconds
        while (found := self.running()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def running(self) -> list[str]:
        """Everything that belongs to the place, by command line or environment."""
        found = []
        for process in psutil.process_iter():
            try:
                line = " ".join(process.cmdline())
                if str(self.data) in line or process.environ().get("VDEPT_DATA_DIR") == str(self.data):
                    found.append(f"{process.pid} {line[:100]}")
            except psutil.Error:
                continue
        return found

    def wait_until_empty(self, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while self.running():
            assert time.monotonic() < deadline, self.running()
            time.sleep(0.1)

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One place for all tests of this file, so that the database is made once."""
    here = Place(tmp_path_factory.mktemp("place") / "data")
    yield here
    for process in here.started:
        if process.poll() is None:
            process.kill()
            process.wait()
    here.wait_until_empty()


READY = "vdept is running"


def test_stopped_in_the_middle_of_its_first_start_it_leaves_nothing_and_starts_anew(place: Place) -> None:
    process = place.start("up", "--no-demo")
    place.wait_until_said("creating the database")
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    place.wait_until_empty()


def test_up_serves_shares_its_servers_and_stops_on_sigterm(place: Place) -> None:
    process = place.start("up", "--no-demo")
    place.wait_until_said(READY)
    assert place.get("/health/live") == 200
    assert place.get("/health/ready") == 200

    doctor = place.start("doctor")
    assert doctor.wait(60) == 0, place.said
    assert place.get("/health/ready") == 200, "a guest that leaves does not stop the servers"

    second = place.start("up", "--no-demo")
    assert second.wait(30) == 1
    assert f"Cannot listen on 127.0.0.1:{place.port}" in place.said
    assert "Traceback" not in place.said

    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert place.left() == [], "it had stopped everything before it ended itself"


def test_a_child_that_dies_is_started_again_and_ctrl_c_stops_everything(place: Place) -> None:
    process = place.start("up", "--no-demo")
    place.wait_until_said(READY)
    (worker,) = [child for child in psutil.Process(process.pid).children() if child.cmdline()[-1] == "worker"]
    worker.kill()
    place.wait_until_said("the worker ended with exit code -9; starting it again", 10)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 0
    assert place.left() == []


def test_killed_outright_it_still_leaves_nothing_behind(place: Place) -> None:
    process = place.start("up", "--no-demo")
    place.wait_until_said(READY)
    process.kill()
    process.wait()
    place.wait_until_empty()


def test_servers_that_outlived_everybody_are_taken_over_and_ended(place: Place) -> None:
    first = place.start("worker")
    place.wait_until_said("worker is up")
    (guard,) = [line for line in place.running() if "vdept.kernel.keeper" in line]
    os.kill(int(guard.split()[0]), signal.SIGKILL)
    first.kill()
    first.wait()
    orphan = keeper.postgres_process(place.data)
    assert orphan is not None

    second = place.start("worker")
    place.wait_until_said("worker is up")
    assert keeper.postgres_process(place.data) == orphan
    second.send_signal(signal.SIGTERM)
    assert second.wait(20) == 0
    assert place.left() == []


def test_several_api_processes_end_together(place: Place) -> None:
    process = place.start("serve", "--workers", "2")
    deadline = time.monotonic() + 60
    while True:
        try:
            if place.get("/health/ready") == 200:
                break
        except OSError:
            pass
        assert time.monotonic() < deadline, place.said
        time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert place.left() == []
