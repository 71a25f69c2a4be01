"""Build the files for a cluster: the wheel, a packed environment and a manifest, the same bytes every time.

    python scripts/package.py [--out dist] [--lock locks/spark40.txt]

The environment is a whole Python with its standard library, the locked packages and the suite itself, but without
Spark, which every cluster has. It runs from any folder, on machines whose C library is not older than this one's: build
it on the system that the cluster runs.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARCHIVE, MANIFEST = "abtest-environment.tar.gz", "manifest.json"
EXTRA = "cluster"
TIME = 315_532_800  # 1980-01-01, the first day that a wheel, being a zip file, can name
BUILDERS = ("setuptools",)

NOT_NEEDED = {"__pycache__", "site-packages", "dist-packages", "test", "idlelib", "turtledemo", "tkinter", "ensurepip"}
PATHS_OF_THIS_MACHINE = {"RECORD", "REQUESTED", "INSTALLER", "direct_url.json", "uv_cache.json", "uv_build.json"}

# The interpreter may be linked to a libpython that is next to it only in the archive.
PYTHON_SCRIPT = """#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
LD_LIBRARY_PATH="$here/../lib${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"
export LD_LIBRARY_PATH
exec "$here/{interpreter}" "$@"
"""


def main() -> None:
    """Build everything and print what was built."""
    arguments = _parser().parse_args()
    os.umask(0o022)
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="abtest-package-") as scratch:
        wheel = build_wheel(Path(scratch), arguments.lock, arguments.out)
        tree = Path(scratch) / "environment"
        install_python(tree)
        packages = install_packages(tree, arguments.lock, wheel)
        compile_sources(tree)
        archive = arguments.out / ARCHIVE
        pack(tree, archive)
    manifest = {"python": platform.python_version(), "platform": sysconfig.get_platform(), "libc": platform.libc_ver()}
    manifest |= {"lock": arguments.lock.name, "files": described([wheel, archive]), "packages": packages}
    text = json.dumps(manifest, indent=1) + "\n"
    (arguments.out / MANIFEST).write_text(text, encoding="utf-8")
    for name, facts in manifest["files"].items():
        print(f"{facts['sha256']}  {facts['bytes'] / 1e6:7.1f} MB  {arguments.out / name}")


def build_wheel(scratch: Path, lock: Path, out: Path) -> Path:
    """Build the wheel from a source distribution, so that no stray file of this checkout gets in."""
    pinned = [line for line in lock.read_text(encoding="utf-8").splitlines() if line.startswith(BUILDERS)]
    (scratch / "build.txt").write_text("\n".join(pinned) + "\n", encoding="utf-8")
    options = ("--quiet", "--build-constraints", str(scratch / "build.txt"), "--out-dir", str(scratch / "wheel"))
    _run([_uv(), "build", *options, str(ROOT)], SOURCE_DATE_EPOCH=str(TIME))
    (built,) = (scratch / "wheel").glob("*.whl")
    for old in out.glob(f"{built.name.split('-')[0]}-*.whl"):
        old.unlink()
    return Path(shutil.copy(built, out / built.name))


def install_python(tree: Path) -> None:
    """Copy this Python and its standard library, as they lie under its prefix."""
    prefix, library = Path(sys.base_prefix), Path(sysconfig.get_path("stdlib"))
    for folder in {library, Path(sysconfig.get_path("platstdlib", vars={"platbase": str(prefix)}))}:
        shutil.copytree(folder, tree / folder.relative_to(prefix), ignore=_left_out, dirs_exist_ok=True)
    interpreter = f"python{platform.python_version().rsplit('.', 1)[0]}"
    (tree / "bin").mkdir()
    shutil.copy(prefix / "bin" / interpreter, tree / "bin" / interpreter)
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        name = sysconfig.get_config_var("INSTSONAME")
        shutil.copy(Path(sysconfig.get_config_var("LIBDIR")) / name, tree / "lib" / name)
    script = tree / "bin" / "python"
    script.write_text(PYTHON_SCRIPT.format(interpreter=interpreter), encoding="utf-8")
    script.chmod(0o755)
    (tree / "bin" / "python3").symlink_to("python")


def install_packages(tree: Path, lock: Path, wheel: Path) -> dict[str, str]:
    """Install the packages of the extra at the versions of the lock; return the installed versions."""
    plan = ("--extra", EXTRA, "--constraints", str(lock), "--no-header", "--no-annotate", "--quiet")
    wanted = _run([_uv(), "pip", "compile", *plan, str(ROOT / "pyproject.toml")])
    (tree.parent / "wanted.txt").write_text(wanted, encoding="utf-8")
    library = Path(sysconfig.get_path("stdlib")).relative_to(sys.base_prefix)
    target = tree / library / "site-packages"
    options = ("--quiet", "--no-deps", "--link-mode", "copy", "--python", sys.executable, "--target", str(target))
    _run([_uv(), "pip", "install", *options, "--requirement", str(tree.parent / "wanted.txt"), str(wheel)])
    shutil.rmtree(target / "bin", ignore_errors=True)  # scripts that name this machine's Python
    for entry in list(target.rglob("*")):
        if entry.name in PATHS_OF_THIS_MACHINE and entry.parent.suffix == ".dist-info":
            entry.unlink()
        elif entry.name == "tests" and entry.is_dir():
            shutil.rmtree(entry)
    found = {item.name.lower(): item.version for item in distributions(path=[str(target)])}
    return dict(sorted(found.items()))


def compile_sources(tree: Path) -> None:
    """Compile all modules, so that not every executor does it each time that it unpacks the archive."""
    options = ("-q", "-j", "0", "--invalidation-mode", "unchecked-hash", "-s", str(tree))
    command = [str(tree / "bin" / "python"), "-I", "-m", "compileall", *options, str(tree)]
    # Templates that are not Python by themselves do not compile, and nothing imports them.
    subprocess.run(command, check=False, capture_output=True, env={"PYTHONHASHSEED": "0"})


def pack(tree: Path, archive: Path) -> None:
    """Pack a folder's content: sorted, without owners and times."""
    with (
        archive.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=TIME) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for entry in sorted(tree.rglob("*")):
            member = tar.gettarinfo(entry, arcname=str(entry.relative_to(tree)))
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mtime = TIME
            member.mode = 0o755 if entry.is_dir() or os.access(entry, os.X_OK) else 0o644
            # A second name of one file would be stored as a link to the first.
            content = io.BytesIO(entry.read_bytes()) if entry.is_file() and not entry.is_symlink() else None
            if content is not None:
                member.type, member.size = tarfile.REGTYPE, len(content.getbuffer())
            tar.addfile(member, content)


def described(files: Iterable[Path]) -> dict[str, Mapping[str, str | int]]:
    """Return the size in bytes and SHA-256 of each file, by name."""
    return {
        file.name: {"bytes": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        for file in files
    }


def _left_out(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name in NOT_NEEDED or name.startswith("config-") or name.endswith(".a")}


def _uv() -> str:
    neighbour = Path(sys.executable).parent / "uv"
    found = str(neighbour) if neighbour.exists() else shutil.which("uv")
    if found is None:
        sys.exit("error: uv is not installed: run make setup")
    return found


def _run(command: list[str], **environment: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode != 0:
        sys.exit(f"error: {' '.join(command[:3])} failed:\n{done.stderr.strip()}")
    return done.stdout


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder for the files")
    parser.add_argument("--lock", type=Path, default=ROOT / "locks" / "spark40.txt", help="the lock file")
    return parser


if __name__ == "__main__":
    main()
