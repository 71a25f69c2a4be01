"""The S3 server of the tests, as its clients see it."""

from dataclasses import dataclass
from pathlib import Path

SECRET = "s3cr3t-never-to-be-seen"  # noqa: S105  made up


@dataclass(frozen=True)
class Store:
    """A running server: its port, and the folder in which it keeps its objects."""

    port: int
    folder: Path

    def environment(self, port: int | None = None) -> dict[str, str]:
        """What a client must know, to go there directly or through another port."""
        address = f"http://127.0.0.1:{port or self.port}"
        keys = {"AWS_ACCESS_KEY_ID": "abtest-tests", "AWS_SECRET_ACCESS_KEY": SECRET}
        return {**keys, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": address, "AWS_EC2_METADATA_DISABLED": "true"}
