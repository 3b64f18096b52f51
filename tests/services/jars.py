"""Programs from Maven Central: their jars in one cache, and the JVM that runs them."""

import os
import re
import shutil
import subprocess
import tempfile
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


def java(heap: str, *arguments: str) -> list[str]:
    """A command for `Server.launch`; the jars are on CLASSPATH."""
    return ["java", f"-Xms{heap}", f"-Xmx{heap}", *JVM, *arguments]
