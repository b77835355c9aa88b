"""A lease has one holder, on one machine or many, with locks or without; a dead holder's is free after a while."""

import errno
import os
import subprocess
import sys
import threading
from dataclasses import replace
from unittest.mock import Mock

import pytest

from senet_lab.records import file_system, lease
from senet_lab.records.file_system import FileSystem, Reach, claim, file_system_of, probed
from senet_lab.records.lease import Lease, holder_of, take
from senet_lab.records.store import Store
from senet_lab.study import Run
from tests.samples import SE

PROCESS = [sys.executable, "-c", "import os; print(os.getpid())"]
ENDED = subprocess.run(PROCESS, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def place(tmp_path):
    return tmp_path / "run"


@pytest.fixture
def elsewhere(monkeypatch):
    """Lets code run as on another machine, which cannot ask about this one's processes."""

    class Elsewhere:
        def __enter__(self):
            monkeypatch.setattr(lease, "machine", lambda: "elsewhere")

        def __exit__(self, *_):
            monkeypatch.undo()

    return Elsewhere()


def aged(place, seconds, generation=1):
    """Makes a lease's file as old as if its holder had been silent so long."""
    file = place.with_name(f"{place.name}.lease-{generation}")
    now = file.stat().st_mtime
    os.utime(file, (now - seconds, now - seconds))


def test_one_holder(place):
    """A second one gets nothing until it is given back; then the next generation begins."""
    first = take(place)
    assert isinstance(first, Lease)
    assert take(place) is None
    assert holder_of(place).process == os.getpid()

    first.give_back()
    assert holder_of(place) is None
    second = take(place)
    assert second is not None
    assert [path.name for path in place.parent.iterdir()] == ["run.lease-2"]
    second.remove()
    assert list(place.parent.iterdir()) == []


def test_one_of_many_gets_it(place):
    """Sixteen threads ask at once, again and again: never do two hold it."""
    holding, most, begin = [], [], threading.Barrier(16)

    def work():
        begin.wait()
        for _ in range(20):
            held = take(place)
            if held is not None:
                holding.append(held)
                most.append(len(holding))
                holding.remove(held)
                held.give_back()

    workers = [threading.Thread(target=work) for _ in range(16)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert set(most) == {1}


def test_one_that_was_overtaken_gets_nothing(place, monkeypatch):
    """The next generation was taken meanwhile, and its holder has removed the file of the one below already."""
    create = lease._create

    def overtaken(file, text):
        create(file, text)
        create(file.with_name("run.lease-2"), text)
        file.unlink()
        return True

    monkeypatch.setattr(lease, "_create", overtaken)
    assert take(place) is None
    assert [path.name for path in place.parent.iterdir()] == ["run.lease-2"]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells it")
def test_a_dead_process_of_this_machine_is_known_at_once(place):
    """Its machine can tell; a number that another process has now is not it."""
    held = take(place)
    file = place.with_name("run.lease-1")
    text = file.read_text()
    assert take(place) is None

    file.write_text(text.replace(f'"process": {os.getpid()}', f'"process": {ENDED}'))
    assert holder_of(place) is None
    file.write_text(text.replace('"started": "', '"started": "1'))
    assert holder_of(place) is None
    held.remove()


def test_a_silent_holder_elsewhere_is_waited_for(place, elsewhere):
    """Until it was silent for DEAD_SECONDS, and then one takes over; the old holder finds that out."""
    held = take(place)
    with elsewhere:
        assert take(place) is None
        aged(place, lease.DEAD_SECONDS / 2)
        assert take(place) is None
        assert holder_of(place).process == os.getpid()
        aged(place, lease.DEAD_SECONDS + 5)
        assert holder_of(place) is None
        taken, again = take(place), take(place)
    assert taken is not None
    assert again is None
    held.beat()
    assert held.lost
    assert not taken.lost


def test_a_holder_gives_signs_of_life(place, elsewhere, monkeypatch):
    """Its file is touched, so that nobody takes it over however long it holds it."""
    monkeypatch.setattr(lease, "BEAT_SECONDS", 0.01)
    held = take(place)
    aged(place, 1_000)
    before = place.with_name("run.lease-1").stat().st_mtime
    while place.with_name("run.lease-1").stat().st_mtime == before:
        pass
    monkeypatch.setattr(lease, "machine", lambda: "elsewhere")

    assert take(place) is None
    held.give_back()


def test_an_unfilled_lease_counts_by_its_age(place, elsewhere):
    """Its holder was killed before it wrote its name, or is about to write it."""
    place.with_name("run.lease-4").write_bytes(b"")
    assert take(place) is None
    assert holder_of(place).host == "another machine"

    aged(place, lease.DEAD_SECONDS + 1, generation=4)
    assert take(place) is not None


def test_who_holds_it_is_known_where_nothing_can_be_written(place, elsewhere, monkeypatch):
    """Results that are mounted to be read only: by this machine's clock."""
    held = take(place)
    with elsewhere:
        monkeypatch.setattr(lease, "_write", Mock(side_effect=OSError(errno.EROFS, "read only")))
        now, _, later = holder_of(place), aged(place, lease.DEAD_SECONDS + 10), holder_of(place)
    held.give_back()

    assert (now.process, later) == (os.getpid(), None)


def test_what_was_over_when_it_was_looked_at_is_not_taken_twice(place, monkeypatch):
    """Between the look and the taking, another takes it, gives it back, and a third takes it."""
    for _ in range(3):
        take(place).give_back()
    looks = iter([1, lease._newest(place)])
    monkeypatch.setattr(lease, "_newest", lambda path: next(looks))
    monkeypatch.setattr(lease, "_is_over", lambda *_: True)

    assert take(place) is None
    assert [path.name for path in place.parent.iterdir()] == ["run.lease-3"]


@pytest.mark.parametrize(
    ("first", "second", "at_once"),
    [
        (Reach.MACHINES, Reach.MACHINES, True),
        (Reach.MACHINE, Reach.MACHINES, False),
        (Reach.MACHINES, Reach.MACHINE, False),
        (Reach.MACHINE, Reach.MACHINE, False),
        (Reach.NOBODY, Reach.MACHINES, False),
        (Reach.MACHINES, Reach.NOBODY, False),
    ],
)
def test_flock_tells_of_a_death_elsewhere_only_where_both_see_it(place, elsewhere, first, second, at_once):
    """An ext4 that another machine sees by NFS, say, has two kinds of locks that do not know each other."""
    with claim(place, first) as held:
        assert held is not None
        text = place.with_name("run.lease-1").read_text()
    place.with_name("run.lease-1").write_text(text)  # as if its holder had been killed
    with elsewhere, claim(place, second) as taken:
        assert at_once == (taken is not None)


def mounted(monkeypatch, tmp_path, kind, options="rw"):
    """The mount table of a machine on which the test's folder is such a file system."""
    table = tmp_path / "mountinfo"
    table.write_text(
        f"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:5 / {tmp_path} {options} - {kind} server:/x {options}\n"
    )
    monkeypatch.setattr(file_system, "MOUNTS", table)
    probed.cache_clear()


@pytest.mark.parametrize(
    ("kind", "options", "reach"),
    [
        ("ext4", "rw", Reach.MACHINE),
        ("overlay", "rw", Reach.MACHINE),
        ("nfs4", "rw,vers=4.2,local_lock=none", Reach.MACHINES),
        ("nfs", "rw,local_lock=all", Reach.NOBODY),
        ("nfs", "rw,nolock", Reach.NOBODY),
        ("lustre", "rw,flock", Reach.MACHINES),
        ("lustre", "rw,localflock", Reach.NOBODY),
        ("gpfs", "rw", Reach.MACHINES),
        ("fuse.rclone", "rw", Reach.NOBODY),
        ("cifs", "rw", Reach.NOBODY),
        ("9p", "rw", Reach.NOBODY),
    ],
)
def test_the_mount_table_says_who_sees_a_lock(tmp_path, monkeypatch, kind, options, reach):
    """Locks are relied on where they are known to be seen; everywhere else leases decide alone."""
    mounted(monkeypatch, tmp_path, kind, options)

    assert file_system_of(tmp_path) == FileSystem(kind, True, reach)


@pytest.mark.parametrize(
    "name", ["Bücher", "a space", "back\\slash", "tab\tand\vmore", "no-break\u00a0space", "\udcff"]
)
def test_a_mount_point_may_have_any_name(tmp_path, monkeypatch, name):
    """The kernel writes four bytes in octal and all others as they are, whatever they mean as text."""
    place = tmp_path / name
    written = os.fsencode(place)
    for byte in b"\\ \t\n":  # the backslash first
        written = written.replace(bytes([byte]), b"\\%03o" % byte)
    table = tmp_path / "mountinfo"
    table.write_bytes(
        b"1 0 8:1 / / rw - ext4 /dev/sda rw\n2 1 0:5 / " + written + b" rw shared:1 - nfs4 server:/x rw,nolock\n"
    )
    monkeypatch.setattr(file_system, "MOUNTS", table)

    assert file_system._mount_of(place) == ("nfs4", {"rw", "nolock"})


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells it")
def test_a_process_may_have_any_name():
    """Also one of bytes that are no text, and with the bracket that ends the name in the kernel's line."""
    named = "import sys; open('/proc/self/comm', 'wb').write(b'\\xff) Z'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", named], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert lease.began(process.pid).isdigit()
        process.stdin.close()


@pytest.mark.parametrize("number", sorted(file_system.NO_FLOCK))
def test_no_flock_no_links(tmp_path, monkeypatch, number):
    """Found out before training and said; the run is held all the same, by one."""

    def refused(*_):
        raise OSError(number, os.strerror(number))

    def no_link(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    mounted(monkeypatch, tmp_path, "ext4")
    monkeypatch.setattr(file_system.fcntl, "flock", refused)
    monkeypatch.setattr(file_system.os, "link", no_link)
    store, run = Store(tmp_path), Run(cell=SE, seed=0)

    assert "exclusive creation" in store.prepare().text
    assert "lease files" in store.prepare().text
    with store.lock(run) as held, store.lock(run) as again:
        assert held is not None
        assert again is None
        assert store.holder(run).process == os.getpid()


def test_a_flock_that_holds_nothing_is_not_relied_on(tmp_path, monkeypatch):
    """Some file systems say yes to everybody."""
    mounted(monkeypatch, tmp_path, "ext4")
    monkeypatch.setattr(file_system.fcntl, "flock", lambda *_: None)

    assert file_system_of(tmp_path).reach is Reach.NOBODY


def test_a_damaged_holder_is_no_holder_that_is_gone(place, elsewhere):
    """Only its age counts."""
    held = take(place)
    place.with_name("run.lease-1").write_text('{"host": 3')
    assert take(place) is None
    held.remove()


def test_holders_are_named():
    """By process and host, as a person looks for them."""
    holder = lease.Holder(host="node7", machine="m", process=12, started="5")

    assert str(holder) == "process 12 on node7"
    assert not replace(holder, machine="other").is_gone
