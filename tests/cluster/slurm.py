"""A real SLURM on this one machine, without systemd: munge, a controller and one or two nodes, in a folder of its own.

    python -m tests.cluster.slurm FOLDER     # starts it, prints the variables to export, ends with Ctrl-C

Needs Debian's slurmctld, slurmd, slurm-client and munge, and the right to start them (root).
"""

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue")
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
SlurmctldPort={port}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmctldParameters=preempt_send_user_signal
SlurmdParameters=config_overrides
PreemptMode=REQUEUE
PreemptType=preempt/partition_prio
ReturnToService=2
KillWait=30
MpiDefault=none
JobRequeue=1
SchedulerParameters=bf_interval=1,sched_interval=1,requeue_delay=1
OverTimeLimit=0
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:4
"""
NODE = "NodeName={name} NodeHostname={host} Port={port} CPUs={cpus} RealMemory=2000 State=UNKNOWN\n"


def missing() -> list[str]:
    """The programs that are not installed; this cluster also needs root."""
    return [name for name in PROGRAMS if shutil.which(name) is None] + ["root"] * (os.geteuid() != 0)


@contextlib.contextmanager
def cluster(folder: Path, cpus: int = 4, nodes: int = 1) -> Iterator[dict[str, str]]:
    """Starts the daemons, waits until the nodes are idle, and yields the environment of their clients; ends them after.

    cpus: that each node claims to have; jobs of one CPU each run side by side. nodes: 1 or 2, all on this machine; the
    second has the other name that the machine knows itself by. Raises RuntimeError where they do not come up.
    """
    folder.mkdir(parents=True)
    (folder / "state").mkdir()
    host, (port, *node_ports) = socket.gethostname().partition(".")[0], _free_ports(1 + nodes)
    names = (host, "localhost")[:nodes]
    for name in names:
        (folder / f"spool-{name}").mkdir()
    configuration = folder / "slurm.conf"
    text = CONFIGURATION.format(host=host, user=getpass.getuser(), folder=folder, port=port)
    lines = [NODE.format(name=n, host=host, port=p, cpus=cpus) for n, p in zip(names, node_ports, strict=True)]
    configuration.write_text(text + "".join(lines))
    environment = os.environ | {"SLURM_CONF": str(configuration)}
    daemons = [_munge(folder)]
    try:
        for words in (["slurmctld", "-D", "-c"], *(["slurmd", "-D", "-N", name] for name in names)):
            with open(folder / f"{words[0]}-{words[-1]}.out", "ab") as log:
                daemons.append(subprocess.Popen(words, env=environment, stdout=log, stderr=log))
        _wait_until_idle(folder, environment)
        yield environment
    finally:
        _end_jobs(environment)
        for daemon in reversed(daemons):
            daemon.send_signal(signal.SIGTERM)
        for daemon in daemons:
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(timeout=10)
            daemon.kill()
            daemon.wait()


def _munge(folder: Path) -> subprocess.Popen[bytes]:
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    words = ["munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket"]
    words += [f"--pid-file={folder}/munge.pid", f"--seed-file={folder}/munge.seed", f"--log-file={folder}/munge.log"]
    with open(folder / "munged.out", "ab") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    for _ in range(100):
        if (folder / "munge.socket").exists():
            return process
        time.sleep(0.1)
    raise RuntimeError(f"munged does not start: {(folder / 'munged.out').read_text()[-500:]}")


def _end_jobs(environment: dict[str, str]) -> None:
    """Kills what is still queued and running, so that no step outlives the daemons."""
    for _ in range(30):
        subprocess.run(
            ["scancel", "--full", "--signal=KILL", "--user", getpass.getuser()], env=environment, check=False
        )
        subprocess.run(["scancel", "--user", getpass.getuser()], env=environment, check=False)
        left = subprocess.run(["squeue", "-h"], env=environment, capture_output=True, text=True, check=False)
        if not left.stdout.strip():
            return
        time.sleep(1)


def _wait_until_idle(folder: Path, environment: dict[str, str]) -> None:
    state = ""
    for _ in range(120):
        found = subprocess.run(
            ["sinfo", "-h", "-o", "%t"], env=environment, capture_output=True, text=True, check=False
        )
        state = found.stdout.strip() or found.stderr.strip()
        if state == "idle":
            return
        time.sleep(0.5)
    logs = "".join(path.read_text()[-800:] for path in sorted(folder.glob("slurm*.log")))
    raise RuntimeError(f"the nodes are {state!r} and not idle: {logs}")


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


if __name__ == "__main__":
    with cluster(Path(sys.argv[1])) as variables:
        print(f"export SLURM_CONF={variables['SLURM_CONF']}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
