"""Programs from Maven Central: their jars in one cache, and the JVM that runs them."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "odori"
#: Neither Kafka 4 nor Cassandra 5 runs on less.
JAVA_VERSION = 17
#: A first download on a slow line; 66 MB at most.
FETCH_LIMIT_SECONDS = 300
MAVEN = ("mvn", "-q", "-B", "-ntp", "-Dstyle.color=never")
JVM = ("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExitOnOutOfMemoryError")


def lacking_java(name: str, jars: Path) -> str | None:
    """Why what is in these jars cannot run here, or None."""
    if not shutil.which("java"):
        return f"{name} needs a JDK {JAVA_VERSION}: there is no java"
    said = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    found = re.search(r'version "(\d+)', said)
    if not found or int(found[1]) < JAVA_VERSION:
        return f"{name} needs a JDK {JAVA_VERSION}, java says: {said.splitlines()[0]}"
    if not jars.exists() and not shutil.which("mvn"):
        return f"{name}'s jars are fetched by Maven: there is no mvn"
    return None


def fetch(pom: Path, jars: Path, *goals: str) -> None:
    """Fill the cache once with what a pom names; two that fetch at a time do no harm."""
    if jars.exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        command = [*MAVEN, "-f", str(pom), *goals]
        command += [f"-DoutputDirectory={folder}/lib", "-DincludeScope=runtime"]
        command += ["dependency:copy-dependencies"]
        subprocess.run(command, check=True, timeout=FETCH_LIMIT_SECONDS)
        if not jars.exists():
            Path(folder, "lib").rename(jars)


@dataclass(frozen=True)
class Program:
    """A program of ours: a pom with what it needs, and its sources beside it. Both come into the
    cache once for each state of theirs."""

    name: str
    pom: Path

    @property
    def jars(self) -> Path:
        return CACHE / f"{self.name}-{_hash(self.pom)}"

    @property
    def classes(self) -> Path:
        """Where the compiled program of exactly these sources is."""
        sources = sorted(self.pom.parent.rglob("*.java"))
        return CACHE / f"{self.name}-classes-{_hash(self.pom, *sources)}"

    @property
    def classpath(self) -> str:
        return f"{self.classes}:{self.jars}/*"

    def lacking(self) -> str | None:
        """Why it cannot run here, or None."""
        reason = lacking_java(self.name, self.jars)
        if reason or self.classes.exists():
            return reason
        missing = [program for program in ("mvn", "javac") if not shutil.which(program)]
        return f"{self.name} is built by Maven: there is no {missing[0]}" if missing else None

    def build(self) -> None:
        """Fetch what it needs, and compile it."""
        fetch(self.pom, self.jars)
        target = self.classes
        if target.exists():
            return
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            command = [*MAVEN, "-f", str(self.pom), f"-Dclasses={folder}/classes"]
            subprocess.run([*command, "compiler:compile"], check=True, timeout=FETCH_LIMIT_SECONDS)
            if not target.exists():
                Path(folder, "classes").rename(target)


def _hash(*files: Path) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()[:16]


def java(heap: str, *arguments: str) -> list[str]:
    """A command for `Server.launch`; the jars are on CLASSPATH."""
    return ["java", f"-Xms{heap}", f"-Xmx{heap}", *JVM, *arguments]
