"""The embedded Postgres of the demo, the tests and one laptop: started, adopted and stopped.

Laws
1. Reached through a socket in a 0700 folder only; no TCP. The owner and the superuser are known by their system
   user (peer), every other login by its password.
2. One process holds a server, by a lock that dies with it. A Postgres whose holder was killed is adopted.
3. A data folder is complete or absent: it is made under another name and renamed.
4. Postgres' own log holds no value: no parameters, no statements.
"""

from __future__ import annotations

import fcntl
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import asyncpg

from registry.embedded_home import Account, Home, furnish, home_folder, programs
from schema.errors import SetUp

DATABASE = "spil"
OWNER = "spil_owner"
SUPERUSER = "postgres"
MAJOR = "18"
CLUSTER = "spil-embedded"
START_SECONDS = 60.0
STOP_SECONDS = 20.0

# No superuser: what works for this owner works for the owner of a managed Postgres.
_BOOTSTRAP = f"""\
CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB
CREATE DATABASE {DATABASE} OWNER {OWNER}
"""

_SETTINGS: Mapping[str, str] = {
    "cluster_name": CLUSTER,
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    # An error's own sentence, and its DETAIL ("Key (name)=(...)"), quote values: neither is written.
    "log_min_messages": "log",  # above ERROR, below FATAL
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    # The defaults of today, said all the same: each of them writes whole statements.
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
    "log_lock_waits": "off",
    "shared_preload_libraries": "",
}
# For tests: what a crash leaves is thrown away anyhow.
_FAST: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
    "max_connections": "200",
}

Progress = Callable[[str], None]


class Embedded:
    """A running server. `url` is the owner's, for the database `spil`; use as a context, or call stop()."""

    def __init__(self, home: Home, lock: int, pid: int, child: subprocess.Popen[bytes] | None) -> None:
        self.home = home
        self._lock = lock
        self._pid = pid
        self._child = child

    @classmethod
    def start(cls, home: Path | None = None, progress: Progress | None = None, *, fast: bool = False) -> Embedded:
        """Starts the server whose files are in `home` (default: this checkout's), or adopts the one that runs there.

        Raises SetUp, with a sentence for the operator.
        """
        tell = progress or (lambda _: None)
        place = furnish(home or home_folder("demo"))
        lock = _take_lock(place)
        try:
            bin_ = programs()
            _initialise(place, bin_, tell)
            pid = _running(place)
            if pid is not None:
                tell("found it running, left by a start that was killed")
                server = cls(place, lock, pid, None)
            else:
                _configure(place, {**_SETTINGS, **_FAST} if fast else _SETTINGS)
                child = _launch(place, bin_)
                server = cls(place, lock, child.pid, child)
        except BaseException:
            os.close(lock)
            raise
        try:
            server._wait_ready(tell)
        except BaseException:
            server.stop()
            raise
        return server

    @property
    def url(self) -> str:
        return self.url_of(DATABASE)

    def url_of(self, database: str, user: str = OWNER, password: str | None = None) -> str:
        """The URL of a database of this server; only the owner and the superuser go without a password."""
        who = quote(user, safe="") + (f":{quote(password, safe='')}" if password is not None else "")
        return f"postgresql://{who}@/{quote(database, safe='')}?host={quote(str(self.home.sockets), safe='/')}"

    def stop(self) -> None:
        """Ends the server in good order, and its sessions with it. A second call does nothing."""
        if self._lock < 0:
            return
        try:
            for kind, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
                if not self._alive() or self._ended_after(kind, seconds):
                    break
        finally:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Embedded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _ended_after(self, kind: signal.Signals, seconds: float) -> bool:
        try:
            os.kill(self._pid, kind)
        except ProcessLookupError:
            return True
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not self._alive():
                return True
            time.sleep(0.01)
        return False

    def _alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return _is_postmaster(self._pid, self.home.data)

    def _wait_ready(self, tell: Progress) -> None:
        deadline = time.monotonic() + START_SECONDS
        slow = time.monotonic() + 2
        while time.monotonic() < deadline:
            if _ready(self.home, self._pid):
                return
            if not self._alive():
                raise SetUp(f"The embedded Postgres ended at once. Its last words:\n{_last_words(self.home)}")
            if time.monotonic() > slow:
                tell("recovering")
                slow = deadline
            time.sleep(0.01)
        raise SetUp(f"The embedded Postgres was not ready within {START_SECONDS:.0f} s; see {self.home.log}.")


async def refuse_embedded(url: str) -> None:
    """Raises SetUp when `url` leads to an embedded server, by whatever address."""
    connection = await asyncpg.connect(url)
    try:
        if await connection.fetchval("SELECT current_setting('cluster_name')") == CLUSTER:
            raise SetUp(
                "This is the embedded Postgres of a demo, which does all by itself."
                " `spil serve` and `spil deliver` want a server that is kept and backed up."
            )
    finally:
        await connection.close()


def running_url(folder: Path | None = None) -> str | None:
    """The owner's URL of the server that another process runs in `folder` (default: this checkout's demo), or None."""
    folder = folder or home_folder("demo")
    if not folder.is_dir():
        return None
    home = furnish(folder)
    pid = _running(home)
    return Embedded(home, -1, pid, None).url if pid is not None and _ready(home, pid) else None


def held_by(folder: Path) -> int | None:
    """The process that uses the server in `folder` now, or None."""
    try:
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # there is none yet; who may not open it is told so when it starts
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.pread(lock, 20, 0).decode("ascii", "replace").strip() or 0)
    finally:
        os.close(lock)
    return None


def discard(folder: Path) -> bool:
    """Ends what runs in `folder` and deletes it; False, and nothing done, while a living process holds it."""
    if not folder.is_dir():
        return True
    home = furnish(folder)
    try:
        lock = _take_lock(home)
    except SetUp:
        return False
    pid = _running(home)
    if pid is None:
        os.close(lock)
    else:
        Embedded(home, lock, pid, None).stop()
    shutil.rmtree(home.sockets, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    return True


def _take_lock(home: Home) -> int:
    """The descriptor that holds this home until it is closed, or the process ends."""
    lock = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        os.close(lock)
        raise SetUp(f"Process {holder} of this checkout uses the embedded Postgres already. Stop it first.") from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


def _initialise(home: Home, bin_: Path, tell: Progress) -> None:
    """Makes the data folder when there is none."""
    version = home.data / "PG_VERSION"
    if version.exists():
        if version.read_text().strip() != MAJOR:
            raise SetUp(f"{home.data} was made by another Postgres than {MAJOR}. Move it away and start again.")
        return
    tell("making a new database")
    fresh = home.folder / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    options = (
        f"--username={SUPERUSER}", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
        "--locale=C", "--auth=reject", "--no-sync", "--no-instructions", f"--pgdata={fresh}",
    )  # fmt: skip
    _run(home, [str(bin_ / "initdb"), *options])
    _run(home, [str(bin_ / "postgres"), "--single", "-D", str(fresh), "-c", "exit_on_error=on", SUPERUSER], _BOOTSTRAP)
    fresh.rename(home.data)


def _configure(home: Home, settings: Mapping[str, str]) -> None:
    """Writes the settings and the rules of entry; they are ours at every start, whatever initdb thought of."""
    values = {**settings, "unix_socket_directories": str(home.sockets)}
    lines = [f"{name} = '{value}'" for name, value in values.items()]
    _write(home, "spil.conf", lines)
    main = home.data / "postgresql.conf"
    include = "include 'spil.conf'"
    text = main.read_text(encoding="utf-8")
    if include not in text:
        _write(home, main.name, [text, include])
    entry = ["local all all scram-sha-256"]
    entry[:0] = [f'local all "{role}" peer map=spil' for role in (SUPERUSER, OWNER)]
    _write(home, "pg_hba.conf", entry)
    starter = pwd.getpwuid(os.geteuid()).pw_name
    names = dict.fromkeys((home.account.name, starter))
    _write(home, "pg_ident.conf", [f'spil "{name}" "{role}"' for name in names for role in (SUPERUSER, OWNER)])


def _write(home: Home, name: str, lines: Sequence[str]) -> None:
    path = home.data / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(0o600)
    os.chown(path, home.account.uid, home.account.gid)


def _launch(home: Home, bin_: Path) -> subprocess.Popen[bytes]:
    """Starts Postgres in a session of its own: a Ctrl-C is ours to pass on, in good order."""
    number = _noted_pid(home)
    if number is not None and Path(f"/proc/{number}").exists():
        # Given anew to another process of the same user, at which Postgres would refuse to start.
        (home.data / "postmaster.pid").unlink(missing_ok=True)
    with home.log.open("wb") as log:
        return subprocess.Popen(
            [str(bin_ / "postgres"), "-D", str(home.data)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=home.folder,
            env=_environment(),
            start_new_session=True,
            umask=0o077,
            user=home.account.uid if home.account.switch else None,
            group=home.account.gid if home.account.switch else None,
            extra_groups=[] if home.account.switch else None,
        )


def _run(home: Home, command: Sequence[str], text: str = "") -> None:
    account: Account = home.account
    done = subprocess.run(
        command,
        input=text.encode(),
        capture_output=True,
        check=False,
        cwd=home.folder,
        env=_environment(),
        umask=0o077,
        user=account.uid if account.switch else None,
        group=account.gid if account.switch else None,
        extra_groups=[] if account.switch else None,
    )
    if done.returncode:
        words = done.stderr.decode("utf-8", "replace")[-1500:]
        raise SetUp(f"{Path(command[0]).name} failed:\n{words}")


def _environment() -> dict[str, str]:
    """Nothing of the caller's: PGDATA, LANG or LD_PRELOAD of a shell must not change the server."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _pid_lines(home: Home) -> list[str]:
    try:
        return (home.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _noted_pid(home: Home) -> int | None:
    lines = _pid_lines(home)
    return int(lines[0]) if lines and lines[0].strip().isdigit() else None


def _ready(home: Home, pid: int) -> bool:
    lines = _pid_lines(home)
    return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _running(home: Home) -> int | None:
    """The process that serves this data folder, if it lives; the file alone proves nothing after a crash."""
    pid = _noted_pid(home)
    return pid if pid is not None and _is_postmaster(pid, home.data) else None


def _is_postmaster(pid: int, data: Path) -> bool:
    """Whether `pid` is a Postgres that was started on `data` (a number may have been given anew)."""
    if not Path("/proc/self").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return os.fsencode(data) in words


def _last_words(home: Home) -> str:
    return home.log.read_text(encoding="utf-8", errors="replace")[-1500:]
