"""What travels to a cluster is the same bytes, whenever and wherever from it was packed."""

import importlib.util
import json
import os
import subprocess
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def package() -> ModuleType:
    spec = importlib.util.spec_from_file_location("package", ROOT / "scripts" / "package.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tree(folder: Path, names: list[str], mtime: int, umask: int) -> Path:
    before = os.umask(umask)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"content of {name}", encoding="utf-8")
        os.utime(folder / name, (mtime, mtime))
    (folder / "bin" / "python").chmod(0o777 & ~umask)
    (folder / "bin" / "python3").symlink_to("python")
    os.umask(before)
    return folder


def test_an_archive_knows_no_order_time_owner_or_umask(package: ModuleType, tmp_path: Path) -> None:
    names = ["bin/python", "lib/b.py", "lib/a.py", "lib/é.txt"]
    first, second = tmp_path / "first.tar.gz", tmp_path / "second.tar.gz"
    package.pack(tree(tmp_path / "one", names, 1_000_000_000, 0o022), first)
    package.pack(tree(tmp_path / "two", names[::-1], 1_700_000_000, 0o077), second)
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as tar:
        members = {member.name: member for member in tar}
    assert list(members) == sorted(members)
    assert members["bin/python"].mode == 0o755
    assert members["lib/a.py"].mode == 0o644
    assert (members["bin/python3"].issym(), members["bin/python3"].linkname) == (True, "python")
    package.pack(tree(tmp_path / "three", [*names, "lib/c.py"], 1_000_000_000, 0o022), second)
    assert first.read_bytes() != second.read_bytes()


def test_files_are_described_by_size_and_digest(package: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"abc")
    assert package.described([tmp_path / "a.whl"]) == {
        "a.whl": {"bytes": 3, "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
    }


@pytest.mark.cluster
def test_the_whole_build_gives_the_same_bytes_twice(package: ModuleType, tmp_path: Path) -> None:
    """Against what `make package` has just built, from another copy of the sources."""
    copy = tmp_path / "elsewhere"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
    uncommitted = subprocess.run(["git", "diff", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    if uncommitted:
        subprocess.run(["git", "apply"], cwd=copy, check=True, input=uncommitted)
    build = [package.sys.executable, "scripts/package.py", "--out", str(tmp_path / "dist")]
    subprocess.run(build, cwd=copy, check=True, capture_output=True)
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in (ROOT / "dist", tmp_path / "dist")]
    assert manifests[0] == manifests[1]
    assert len(manifests[0]["files"]) == 2
