"""A sweep on SLURM: dask-jobqueue submits workers to a SLURM of this machine, if there is one."""

import importlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from labkit.experiments.sweeps.design import SweepDesign
from labkit.experiments.sweeps.grid import sweep
from tests.experiments.tiny_notebook import tiny_notebook

pytestmark = pytest.mark.kernel

SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])

CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=900 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """munge, a controller and a node, all of this machine; ended after the test."""
    if find_spec("dask_jobqueue") is None:
        pytest.skip("dask-jobqueue is missing: it is in the extra slurm")
    programs = {name: shutil.which(name, path=SBIN) for name in ("munged", "slurmctld", "slurmd")}
    if missing := [name for name, path in programs.items() if path is None]:
        pytest.skip(f"no {', '.join(missing)}: Debian has them in munge, slurmctld and slurmd")
    if os.geteuid() != 0:
        pytest.skip("slurmd starts jobs as other users, for which it must be root")
    folder = tmp_path / "slurm"
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    (folder / "key").write_bytes(os.urandom(1024))
    (folder / "key").chmod(0o400)
    host = socket.gethostname().partition(".")[0]
    conf = folder / "slurm.conf"
    conf.write_text(CONF.format(host=host, folder=folder, ports=free_ports()))
    monkeypatch.setenv("SLURM_CONF", str(conf))
    munge = ("socket=munge.sock", "key-file=key", "pid-file=munged.pid", "log-file=log")
    options = [f"--{name}={folder / file}" for name, file in (m.split("=") for m in munge)]
    seed = f"--seed-file={folder / 'seed'}"
    commands = [
        [programs["munged"], "--foreground", "--force", seed, *options],
        [programs["slurmctld"], "-D", "-i"],
        [programs["slurmd"], "-D"],
    ]
    processes = []
    try:
        for command in commands:
            words = [str(word) for word in command]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            processes.append(subprocess.Popen(words, **quiet))  # type: ignore[call-overload]
            wait_for(folder / "munge.sock")
        until = time.monotonic() + 60
        while "idle" not in output("sinfo", "--noheader", "--format=%T"):
            assert time.monotonic() < until, (folder / "slurmctld.log").read_text()
            time.sleep(0.2)
        yield folder
        output("scancel", "--user=root")
        while output("squeue", "--noheader"):
            time.sleep(0.2)
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait()


def wait_for(path: Path) -> None:
    until = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < until, f"{path} does not appear"
        time.sleep(0.05)


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def test_a_sweep_runs_on_workers_that_slurm_starts(tmp_path: Path, slurm: Path) -> None:
    jobqueue: Any = importlib.import_module("dask_jobqueue")
    notebook = tiny_notebook(tmp_path)
    with jobqueue.SLURMCluster(
        cores=1,
        memory="400MB",
        walltime="00:10:00",
        interface="lo",
        local_directory=str(slurm),
        log_directory=str(slurm / "jobs"),
        scheduler_options={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
    ) as cluster:
        cluster.scale(jobs=2)
        design = SweepDesign(notebook=notebook, grid={"alpha": (0.1, 0.2)})
        address = cluster.scheduler_address
        results = sweep(design, tmp_path / "sweep", scheduler=address, wait=100)
        jobs = output("squeue", "--noheader", "--format=%T %j").splitlines()
    assert [status.error for _, status in results] == [None, None]
    assert jobs == ["RUNNING dask-worker"] * 2
    assert len(list((slurm / "jobs").glob("*.out"))) == 2
