"""Generates clients from openapi.json, compiles them without edits, and tries those in Python and TypeScript.

    python -m scripts.clients [--only hey]

Tools go into `.clients/`, with fixed versions; what needs a compiler that is not here is skipped and says so. For Java
the jars of the generated `pom.xml` are looked for in `.clients/jars` and in Debian's `/usr/share/java`.
The exit code is 1 when anything fails.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from app.cli import DOCUMENT
from scripts.clients.smoke_client import PACKAGE
from scripts.processes import child_processes

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".clients"
NODE, PYTHON, JARS, MADE = FOLDER / "node", FOLDER / "python", FOLDER / "jars", FOLDER / "made"
SPEC = ROOT / DOCUMENT
HERE = Path(__file__).parent
PYTHON_TOOLS = ("openapi-generator-cli==7.26.0", "pydantic==2.14.3", "python-dateutil==2.9.0.post0", "urllib3==2.7.0")
DEBIAN_JARS = Path("/usr/share/java")
MAX_SECONDS = 600
SIMULATED = ("--app", "sonarr", "--series", "5", "--seasons", "2", "--search-seconds", "1")


Command = list[str]


@dataclass(frozen=True)
class Client:
    """What to run, in `.clients/made/NAME`. Without one of the programs `needs` it is skipped."""

    name: str
    needs: tuple[str, ...]
    generate: Command
    compile: Command
    smoke: Command | None = None

    @property
    def folder(self) -> Path:
        return MADE / self.name


def generator(language: str, *options: str) -> Command:
    jar = next(PYTHON.glob("lib/*/site-packages/openapi_generator_cli/*.jar"), PYTHON / "openapi-generator.jar")
    return ["java", "-jar", str(jar), "generate", "-i", str(SPEC), "-o", ".", "-g", language, *options]


def typescript(name: str, *command: str) -> Client:
    """The smoke test is compiled with the client, and bundled so that node runs it."""
    tools = NODE / "node_modules" / ".bin"
    bundle = [f"{tools}/esbuild", "smoke.ts", "--bundle", "--platform=node", "--format=esm", "--packages=external"]
    return Client(
        name,
        ("node", "npm"),
        [f"{tools}/{command[0]}", *command[1:]],
        [f"{tools}/tsc", "--noEmit", "-p", "."],
        ["sh", "-c", f"{' '.join(bundle)} --log-level=warning --outfile=smoke.mjs && node smoke.mjs"],
    )


def clients() -> list[Client]:
    spec, tools = str(SPEC), Path(sys.executable).parent
    return [
        Client(
            "openapi-python-client",
            (),
            [
                f"{tools}/openapi-python-client",
                "generate",
                "--path",
                spec,
                "--meta=none",
                "--output-path=huntarr_client",
            ],
            [sys.executable, "-m", "mypy", "--config-file=", PACKAGE],
            [sys.executable, str(HERE / "smoke_client.py"), "."],
        ),
        Client(
            "openapi-generator-python",
            ("java",),
            generator("python"),
            [f"{PYTHON}/bin/python", "-m", "compileall", "-q", "openapi_client"],
            [f"{PYTHON}/bin/python", str(HERE / "smoke_generator.py"), "."],
        ),
        typescript("openapi-typescript", "openapi-typescript", spec, "-o", "types/schema.d.ts"),
        typescript("hey-api", "openapi-ts", "-i", spec, "-o", "hey", "-c", "@hey-api/client-fetch"),
        typescript("orval", "orval", "--input", spec, "--output", "orval/client.ts", "--client", "axios-functions"),
        Client(
            "java",
            ("java", "javac"),
            generator("java", "--library=native", "--additional-properties=openApiNullable=false"),
            ["sh", "-c", f"javac -nowarn -d built -cp '{jars()}' $(find src/main -name '*.java')"],
        ),
        Client(
            "go",
            ("java", "go"),
            generator("go", "--additional-properties=enumClassPrefix=true,useOneOfDiscriminatorLookup=true"),
            ["go", "vet", "."],
        ),
    ]


def jars() -> str:
    return ":".join(str(jar) for folder in (JARS, DEBIAN_JARS) for jar in sorted(folder.glob("*.jar")))


def run(command: Command, folder: Path, **environment: str) -> str:
    """Empty when it succeeded, else the end of what it wrote."""
    ran = subprocess.run(  # noqa: S603 - the tools that are pinned here
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=MAX_SECONDS,
        check=False,
    )
    (folder / "log.txt").write_text(ran.stdout)
    return "" if ran.returncode == 0 else ran.stdout[-2000:] or f"exit code {ran.returncode}"


def install() -> None:
    """The tools, once; again when their versions here have changed."""
    FOLDER.mkdir(exist_ok=True)
    wanted = "\n".join(PYTHON_TOOLS)
    stamp = PYTHON / "installed.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        print("Installing the generators of openapi-generator into .clients/python ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(PYTHON)], check=True)  # noqa: S603
        subprocess.run([f"{PYTHON}/bin/pip", "-qq", "install", *PYTHON_TOOLS], check=True)  # noqa: S603
        stamp.write_text(wanted)
    package = (HERE / "typescript" / "package.json").read_text()
    if shutil.which("npm") and (not (NODE / "package.json").exists() or (NODE / "package.json").read_text() != package):
        print("Installing the generators for TypeScript into .clients/node ...", flush=True)
        NODE.mkdir(exist_ok=True)
        (NODE / "package.json").write_text(package)
        subprocess.run(["npm", "install", "--silent", "--no-save", "--prefix", str(NODE)], check=True)  # noqa: S603, S607


def prepare(client: Client) -> None:
    shutil.rmtree(client.folder, ignore_errors=True)
    client.folder.mkdir(parents=True)
    smoke = HERE / "typescript" / f"smoke-{client.name}.ts"
    if smoke.exists():
        (client.folder / "smoke.ts").write_text(smoke.read_text())
        for name in ("check.ts", "tsconfig.json", "package.json"):
            shutil.copy(HERE / "typescript" / name, client.folder)
        (client.folder / "node_modules").symlink_to(NODE / "node_modules")


def result(client: Client, service: dict[str, str]) -> str:
    if missing := [program for program in client.needs if shutil.which(program) is None]:
        return f"skipped: no {' and no '.join(missing)} here"
    prepare(client)
    steps = {"generated": client.generate, "compiled": client.compile} | ({"ran": client.smoke} if client.smoke else {})
    done = []
    for step, command in steps.items():
        if problem := run(command, client.folder, **(service if step == "ran" else {})):
            return f"FAILED, not {step}:\n{problem}"
        done.append(step)
    return ", ".join(done)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make clients", description=__doc__)
    parser.add_argument("--only", help="the client with this name")
    options = parser.parse_args()
    install()
    results = {}
    with tempfile.TemporaryDirectory(prefix="huntarr-clients-") as folder, child_processes() as started:
        service = started.service(Path(folder), log_level="INFO")
        app = started.simulator(*SIMULATED)
        environment = {"HUNTARR_URL": service.url, "HUNTARR_KEY": service.api_key}
        environment |= {"APP_URL": app.url, "APP_KEY": app.api_key}
        for client in clients():
            if options.only in (None, client.name):
                results[client.name] = result(client, environment)
                print(f"{client.name}: {results[client.name]}", flush=True)
    return 1 if any(outcome.startswith("FAILED") for outcome in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
