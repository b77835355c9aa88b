"""What the machine is asked: memory within its groups, and a folder for compiled code that nobody else can write to."""

import os
import re
import stat
from pathlib import Path

import pytest

from senet_lab import machine
from senet_lab.errors import StudyError

GIB = 1 << 30


@pytest.fixture
def system(tmp_path):
    """A machine with 8 GiB available, to which groups can be added."""

    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    write("proc/meminfo", f"MemTotal: {16 << 20} kB\nMemAvailable: {8 << 20} kB\n")
    return tmp_path, write


def test_without_groups_the_machine_decides(system):
    """As many bytes as the kernel calls available."""
    root, _ = system

    assert machine.available_bytes(root) == 8 * GIB


def test_every_group_around_this_process_bounds_its_memory(system):
    """The tightest counts; cache that the kernel gives up by itself is free, and a group may have no limit."""
    root, write = system
    write("proc/self/cgroup", "0::/outer/inner\n")
    for group, limit, used, cache in (("outer/inner", "max", 3, 0), ("outer", 4 * GIB, 3 * GIB, 2 * GIB)):
        write(f"sys/fs/cgroup/{group}/memory.max", f"{limit}\n")
        write(f"sys/fs/cgroup/{group}/memory.current", f"{used}\n")
        write(f"sys/fs/cgroup/{group}/memory.stat", f"anon 5\ninactive_file {cache}\n")

    assert machine.available_bytes(root) == 3 * GIB


def test_groups_of_the_first_version_count_too(system):
    """As containers of older systems have them, where the path of the group is not to be seen from inside."""
    root, write = system
    write("proc/self/cgroup", "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n")
    write("sys/fs/cgroup/memory/memory.limit_in_bytes", f"{2 * GIB}\n")
    write("sys/fs/cgroup/memory/memory.usage_in_bytes", f"{3 * GIB // 2}\n")
    write("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 0\n")

    assert machine.available_bytes(root) == GIB // 2


def test_groups_bound_the_processors_too(system):
    """A container's share of a large machine, rounded up; by the tightest group, of both versions."""
    root, write = system
    write("proc/self/cgroup", "0::/outer/inner\n")
    write("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n")
    assert machine.processors_in_groups(root) == []
    write("sys/fs/cgroup/outer/cpu.max", "250000 100000\n")
    assert machine.processors_in_groups(root) == [3]
    write("proc/self/cgroup", "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n")
    write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    assert machine.processors_in_groups(root) == []
    write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n")
    assert machine.processors_in_groups(root) == [1]


def test_compiled_code_lies_in_the_users_own_cache(tmp_path, monkeypatch):
    """A folder that its owner alone can enter; the same one again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = machine.compiled_code_folder("inductor-cpu-1")

    assert folder.parent == tmp_path / "cache/senet_lab"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert machine.compiled_code_folder("inductor-cpu-1") == folder


@pytest.mark.parametrize("which", ["folder", "parent"])
def test_a_folder_that_others_can_write_to_is_refused(tmp_path, monkeypatch, which):
    """Whoever can write there could put code into it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = machine.compiled_code_folder("inductor-cpu-1")
    (folder if which == "folder" else folder.parent).chmod(0o770)

    with pytest.raises(StudyError, match="another user may write there"):
        machine.compiled_code_folder("inductor-cpu-1")


def test_a_link_to_elsewhere_is_refused(tmp_path, monkeypatch):
    """Even to a folder of one's own: what it points to may change."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = machine.compiled_code_folder("inductor-cpu-1")
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StudyError, match="another user may write there"):
        machine.compiled_code_folder("inductor-cpu-1")


def test_without_a_home_compiled_code_is_temporary(tmp_path, monkeypatch):
    """A home that cannot be written to, as in some containers, stops nobody."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(machine.tempfile, "tempdir", None)
    folder = machine.compiled_code_folder("inductor-cpu-1")

    assert folder.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    os.rmdir(folder)


def test_only_this_part_asks_the_system_for_processors():
    """Not every system has affinity masks, and a process may not use every processor."""
    sources = Path(machine.__file__).parent.rglob("*.py")
    asking = {path.name for path in sources if re.search("sched_getaffinity|cpu_count", path.read_text())}

    assert {"machine.py"} == asking
