"""docker-compose.yml in real containers, under a name and at ports of its own."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services.process import free_ports

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
BUILD = ROOT / "infra" / "images" / "build.sh"
#: `docker info`, on a busy machine.
ANSWER_LIMIT_SECONDS = 20
#: Everything made from nothing, packages and jars fetched on a slow line; two minutes on a usual.
BUILD_LIMIT_SECONDS = 1200
#: From nothing until every container is healthy: 40 s on two busy cores.
UP_LIMIT_SECONDS = 240
#: What the containers said last, for who has to find out why.
LAST_LINES_COUNT = 15


def command() -> list[str]:
    """Compose as it is here: Docker's own plug-in, or Debian's program; nothing if neither."""
    if shutil.which("docker") and not _run("docker", "compose", "version").returncode:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


def lacking() -> str | None:
    """Why containers cannot run here, or None."""
    if not shutil.which("docker"):
        return "containers need Docker: there is no docker (infra/images/engine.sh installs it)"
    if _run("docker", "info").returncode:
        return "no Docker engine answers (infra/images/engine.sh starts one)"
    return None if command() else "there is neither `docker compose` nor docker-compose"


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=ANSWER_LIMIT_SECONDS)


def images(*names: str) -> None:
    """Pull or make what is run, or only these; what is there already costs seconds."""
    done = subprocess.run(
        [str(BUILD), *names],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True, text=True, timeout=BUILD_LIMIT_SECONDS,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{BUILD.name}:\n{done.stdout}{done.stderr}"[-3000:])


class Composition:
    """The containers of one project."""

    def __init__(self) -> None:
        self.name = f"odori-test-{os.getpid()}"
        names = sorted(set(re.findall(r"\$\{(ODORI_\w+_PORT):-\d+}", FILE.read_text())))
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        self.url = f"http://127.0.0.1:{self.ports['ODORI_GATEWAY_PORT']}"

    def ask(self, *words: str) -> str:
        """What compose answers; raises RuntimeError with what it complains of."""
        done = subprocess.run(
            [*command(), "-p", self.name, *words],
            cwd=ROOT,
            env={**os.environ, **{name: str(port) for name, port in self.ports.items()}},
            capture_output=True, text=True, timeout=UP_LIMIT_SECONDS,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{words}: {done.stderr[-2000:]}\n{self.last_lines()}")
        return done.stdout

    def up(self, *options: str) -> list[str]:
        """Start all that is not running, and wait until it is healthy; the containers' names."""
        began = int(time.time()) - 1
        self.ask(*options, "up", "-d")
        mine = f"label=com.docker.compose.project={self.name}"
        names = _run("docker", "ps", "-a", "--filter", mine, "--format", "{{.Names}}").stdout
        waiting = set(names.split()) - set(self.healthy())
        watch = [
            "docker", "events", "--filter", mine, "--filter", "event=health_status",
            "--since", str(began), "--until", str(began + UP_LIMIT_SECONDS),
            "--format", "{{.Status}} {{.Actor.Attributes.name}}",
        ]  # fmt: skip
        with subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as events:
            assert events.stdout is not None
            while waiting and (line := events.stdout.readline()):
                *_, status, name = line.split()
                waiting -= {name} if status == "healthy" else set()
            events.kill()
        if waiting:
            raise RuntimeError(f"not healthy: {', '.join(sorted(waiting))}\n{self.last_lines()}")
        return sorted(names.split())

    def healthy(self) -> list[str]:
        """The names of those that are healthy at this moment."""
        mine = ["--filter", f"label=com.docker.compose.project={self.name}"]
        words = ["docker", "ps", *mine, "--filter", "health=healthy", "--format", "{{.Names}}"]
        return _run(*words).stdout.split()

    def kill(self, name: str) -> None:
        """End a container as a power cut would; `up` starts it again."""
        _run("docker", "kill", name)

    def last_lines(self) -> str:
        words = [*command(), "-p", self.name, "logs", "--no-color", f"--tail={LAST_LINES_COUNT}"]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True).stdout[-8000:]

    def down(self) -> None:
        """Stop and remove everything, data as well."""
        self.ask("--profile", "observe", "down", "-v")
        left = _run("docker", "volume", "ls", "-q", "--filter", f"name={self.name}").stdout
        if left:
            raise RuntimeError(f"left behind: {left}")


@contextmanager
def composed() -> Iterator[Composition]:
    """Nothing yet; what is started goes afterwards."""
    composition = Composition()
    try:
        yield composition
    finally:
        composition.down()
