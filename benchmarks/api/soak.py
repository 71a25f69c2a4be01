"""100,000 fuzzed requests while releases are published, the lake is broken and slow clients hang on; prints statuses.

    python benchmarks/api/soak.py [--requests 100000]

A status 5xx other than that of /health/ready ends it with code 1.
"""

import argparse
import base64
import http.client
import itertools
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "api"))

from lakes import DAY_1, RANKING, WEIRD, arm_rows, build_lake, publish, write, write_gold

from abtest_lib import contracts

PORT = 8138
READY = "/health/ready"
PAUSE = 0.7  # seconds between faults; the mirror looks every 0.3
TEXTS = [
    RANKING,
    WEIRD,
    "lonely",
    "search|ranking",
    "",
    "..",
    "../../etc/passwd",
    "%00",
    "'; --",
    "\u202e",
    "x" * 3_000,
    "🙂",
]
DAYS = ["2021-08-01", "2021-08-02", "1999-12-31", "2021-13-01", "", "x", "2021-08-01'", "9999-12-31", "0001-01-01"]
ROUTES = ["/experiment/{}/result", "/experiment/{}", "/experiment/{}/history", "/experiment/{}/funnel"]
MORE = [
    "/experiment/{}/posterior",
    "/tables/gold/{}",
    "/tables/{}/verdicts",
    "/experiments",
    "/tables",
    "/quality",
    "/plan",
]
PARAMETERS = [
    "day",
    "window",
    "points",
    "limit",
    "sort",
    "search",
    "decision",
    "is_valid",
    "cursor",
    "baseline",
    "lift",
    "users_per_day",
    "arms",
    "looks",
    "rule",
]
EXTREMES = ["1e-320", "5e-324", "1e308", "-1e308", "inf", "-inf", "1" + "0" * 400, "-0.0", "planned", "60", "50"]
CURSORS = [
    base64.urlsafe_b64encode(text.encode()).decode()
    for text in (f'["participants", {"1" + "0" * 400}, "x"]', "[" * 2_900, '["name", NaN, "x"]', '["name", "a", "b"]')
]
VALUES = [
    *EXTREMES,
    *CURSORS,
    *DAYS,
    *TEXTS,
    "to_date",
    "day",
    "0",
    "-1",
    "1e9",
    "nan",
    "ship",
    "true",
    "-last_day",
    "0.1",
    "W10=",
    "null",
]


def address(rng: random.Random) -> str:
    """Any address: known and unknown names, days and parameters, and plain noise."""
    if rng.random() < 0.3:
        noise = bytes(rng.randrange(256) for _ in range(rng.randrange(20)))
        text = quote(noise)
    else:
        text = quote(rng.choice(TEXTS), safe="" if rng.random() < 0.8 else "/|")
    path = rng.choice([*ROUTES, *MORE, READY, "/health/live", "/version", "/metrics", "/{}"]).format(text)
    chosen = rng.sample(PARAMETERS, rng.randrange(3))
    query = "&".join(f"{name}={quote(rng.choice(VALUES), safe='')}" for name in chosen)
    if rng.random() < 0.5:
        query += ("&" if query else "") + f"day={quote(rng.choice(DAYS))}"
    return f"{path}?{query}" if query else path


def _publish(lake: Path, number: int) -> None:
    versions = write_gold(lake)
    rows = arm_rows(DAY_1, RANKING, {"4915": (number, 1), "4916": (number, 2)})
    versions["gold/experiment_daily"] = write(lake, contracts.EXPERIMENT_DAILY, rows)
    publish(lake, f"run-{number}", versions)


def _gone(path: Path) -> Callable[[], object]:
    hidden = path.with_name(path.name + "-hidden")
    path.rename(hidden)
    return lambda: hidden.rename(path)


def _spoiled(path: Path, content: bytes) -> Callable[[], object]:
    whole = path.read_bytes()
    path.write_bytes(content)
    return lambda: path.write_bytes(whole)


def faults(lake: Path, number: int) -> Iterator[Callable[[], object]]:
    """Each breaks the lake and gives back what repairs it; a release is published before each."""
    verdicts = lake / "gold" / "verdicts"
    _publish(lake, number)
    yield _gone(lake)
    _publish(lake, number + 1)
    yield _gone(verdicts)
    _publish(lake, number + 2)
    newest = max((verdicts / "_delta_log").glob("*.json"))
    feature = {
        "protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["x"], "writerFeatures": ["x"]}
    }
    yield _spoiled(newest, newest.read_bytes() + b"\n" + json.dumps(feature).encode())
    _publish(lake, number + 3)
    newest = max((verdicts / "_delta_log").glob("*.json"))
    added = next(json.loads(line)["add"]["path"] for line in newest.read_text().splitlines() if '"add"' in line)
    yield _spoiled(verdicts / added, (verdicts / added).read_bytes()[:100])


def torment(lake: Path, has_ended: threading.Event) -> None:
    """Publish, break, repair, again and again."""
    for number in itertools.count(10, 4):
        for repair in faults(lake, number):
            has_ended.wait(PAUSE)
            repair()
            if has_ended.is_set():
                return


def crawl(has_ended: threading.Event) -> None:
    """Keep twenty connections that send a byte a second, and open new ones in the place of those that are dropped."""
    clients: list[socket.socket] = []
    while not has_ended.wait(1.0):
        while len(clients) < 20:
            clients.append(socket.create_connection(("127.0.0.1", PORT)))
        for client in list(clients):
            try:
                client.sendall(b"G")
            except OSError:
                clients.remove(client)
                client.close()
    for client in clients:
        client.close()


@contextmanager
def serving(lake: Path, cache: Path) -> Iterator[None]:
    """The server as it is run, its log thrown away."""
    program = "import typer; from abtest_cli.serve import serve; typer.run(serve)"
    given = ["--lake", str(lake), "--cache-dir", str(cache), "--port", str(PORT)]
    settings = os.environ | {"ABTEST_API_REFRESH_SECONDS": "0.3"}
    process = subprocess.Popen([sys.executable, "-c", program, *given], env=settings, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def ask(connection: http.client.HTTPConnection, path: str) -> int:
    """The status of one request."""
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def wait_until_ready() -> None:
    """Return once the first release is served."""
    while True:
        try:
            if ask(http.client.HTTPConnection("127.0.0.1", PORT, timeout=10), READY) == 200:
                return
        except OSError:
            time.sleep(0.1)


def main() -> int:
    """Ask, count, judge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=100_000)
    wanted = parser.parse_args().requests
    rng, statuses, bad = random.Random(20_210_801), Counter[int](), Counter[str]()  # noqa: S311  not for secrets
    folder = Path(tempfile.mkdtemp())
    lake, has_ended, started = build_lake(folder / "lake"), threading.Event(), time.monotonic()
    with serving(lake, folder / "cache"):
        wait_until_ready()
        others = [
            threading.Thread(target=torment, args=(lake, has_ended)),
            threading.Thread(target=crawl, args=(has_ended,)),
        ]
        for thread in others:
            thread.start()
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        for _ in range(wanted):
            path = address(rng)
            status = ask(connection, path)
            statuses[status] += 1
            if status >= 500 and not path.startswith(READY):
                bad[f"{status} {path[:200]}"] += 1
        has_ended.set()
        for thread in others:
            thread.join()
    shutil.rmtree(folder)
    found = {
        "requests": wanted,
        "seconds": round(time.monotonic() - started),
        "statuses": dict(sorted(statuses.items())),
    }
    print(json.dumps(found | {"5xx beside /health/ready": dict(bad)}, ensure_ascii=False))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
