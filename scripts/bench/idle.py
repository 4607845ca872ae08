"""What a service costs that has nothing to do: processor, wake-ups, writes and memory."""

import time
from pathlib import Path

import psutil

from scripts.bench.figures import Figure, Sizes
from scripts.bench.installations import installation
from scripts.bench.serving import add_disabled_instances, memory
from scripts.processes import ChildProcesses, Service

INSTANCES = 10
SETTLE_SECONDS = 75
"""What is done once in the first minute, as the row of the first backup, is no rest."""
MAX_CPU_SECONDS = 0.06
MAX_WAKE_UPS = 3
MAX_WRITTEN = 50_000
MAX_MEMORY = 75


def idle(processes: ChildProcesses, sizes: Sizes) -> list[Figure]:
    """The service, its worker and what it started together, with ten instances, none of them due."""
    return [figure for database in sizes.databases for figure in _idle(processes, sizes, database)]


def _idle(processes: ChildProcesses, sizes: Sizes, database: str) -> list[Figure]:
    with installation(database) as installed, installed.running(processes) as service:
        add_disabled_instances(service, INSTANCES)
        time.sleep(SETTLE_SECONDS)
        before = _counters(service)
        time.sleep(sizes.idle_seconds)
        after = _counters(service)
        megabytes = memory(service)
    cpu, wake_ups, written = (new - old for new, old in zip(after, before, strict=True))
    cpu *= 60 / sizes.idle_seconds
    wake_ups /= sizes.idle_seconds
    written *= 3600 / sizes.idle_seconds
    what = f"idle for {sizes.idle_seconds} s, {INSTANCES} instances, {database}"
    return [
        Figure(f"{what}: processor", f"{cpu:.2f} s a minute", f"<= {MAX_CPU_SECONDS}", cpu <= MAX_CPU_SECONDS),
        Figure(f"{what}: wake-ups", f"{wake_ups:.1f} a second", f"<= {MAX_WAKE_UPS}", wake_ups <= MAX_WAKE_UPS),
        Figure(f"{what}: to disk", f"{written / 1000:,.0f} KB an hour", "<= 50", written <= MAX_WRITTEN),
        Figure(f"{what}: memory", f"{megabytes:.0f} MB", f"<= {MAX_MEMORY}", megabytes <= MAX_MEMORY),
    ]


def _counters(service: Service) -> tuple[float, float, float]:
    """Seconds of processor, voluntary switches and bytes written, of all processes and threads since their start."""
    process = psutil.Process(service.process.pid)
    cpu = switches = written = 0.0
    for each in (process, *process.children(recursive=True)):
        times = each.cpu_times()
        cpu += times.user + times.system
        written += each.io_counters().write_bytes
        for task in Path(f"/proc/{each.pid}/task").iterdir():
            lines = (task / "status").read_text().splitlines()
            switches += sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))
    return cpu, switches, written
