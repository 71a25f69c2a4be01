"""A lake with every kind of experiment that the pages must show, and an API in front of it that can be made to fail."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import lakes
import metric_lakes
from lakes import DAY_2, Rows, arm_rows

HOSTILE = "<img src=x onerror=document.title='gone'>"
MANY = [f"batch/{number:02}" for number in range(30)]


def _verdict(name: str, decision: str, **more: Any) -> dict[str, Any]:
    return {
        "day": DAY_2, "experiment_name": name, "is_valid": decision != "invalid", "reasons": [], "decision": decision,
        "period_start": DAY_2, "srm_status": "ok", "model_version": "v1", "explanation": f"{name} is {decision}.",
        "metric": "purchase", **more,
    }  # fmt: skip


def _more() -> dict[str, Rows]:
    """More rows than the API's lake has: thirty dull experiments, a hostile name, a verdict on the lonely arm."""
    names = [*MANY, HOSTILE]
    return {
        "experiment_daily": [row for name in names for row in arm_rows(DAY_2, name, {"A": (50, 5), "B": (51, 6)})],
        "experiment_health": [
            {
                "day": DAY_2, "experiment_name": name, "participants": 101, "participants_to_date": 101,
                "cross_exposed_users": 0, "cross_exposed_users_to_date": 0, "first_day": DAY_2, "days_running": 1,
            }
            for name in names
        ],
        "verdicts": [
            *(_verdict(name, "inconclusive", control_id="A", winner="B") for name in names),
            _verdict(lakes.LONELY, "invalid", reasons=["too_few_arms"], srm_status="not_tested"),
        ],
    }  # fmt: skip


def build_lake(lake: Path) -> Path:
    """Write the lake and publish it."""
    lakes.write_people(lake)
    lakes.write_runs(lake)
    more = _more()
    versions = {
        contract.full_name: lakes.write(lake, contract, rows + more.get(contract.name, []))
        for contract, rows in metric_lakes.gold()
    }
    lakes.publish(lake, "run-1", versions)
    return lake


def build_empty_lake(lake: Path) -> Path:
    """A lake whose pipeline has run, over no events."""
    lakes.write_runs(lake)
    lakes.publish(lake, "run-0", {contract.full_name: lakes.write(lake, contract, []) for contract, _ in lakes.GOLD})
    return lake


class Front:
    """A proxy of the API: it passes requests on, or behaves like a failing API."""

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.mode = "well"
        self.asked: list[str] = []

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body for a path."""
        self.asked.append(path)
        if self.mode == "broken":
            return 500, b'{"detail": "an unexpected error; the logs say more"}'
        if self.mode == "slow":
            time.sleep(1.5)
        status, body = self._pass_on(path)
        if path == "/health/ready" and self.mode in {"stale", "old"}:
            said = json.loads(body)
            said["release"]["data_age_seconds"] = 3 * 86_400
            said["problems"] = ["the lake cannot be read: it is gone"] if self.mode == "stale" else []
            return (503 if self.mode == "stale" else 200), json.dumps(said).encode()
        if self.mode == "unpublished":
            return 503, b'{"detail": "not loaded yet, try again later: no release is mirrored yet"}'
        return status, body

    def _pass_on(self, path: str) -> tuple[int, bytes]:
        answer = httpx.get(self.behind + path, timeout=20)
        return answer.status_code, answer.content


@contextmanager
def in_front(behind: str) -> Iterator[tuple[Front, str]]:
    """A server that passes requests on to an API."""
    front = Front(behind)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = front.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield front, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
