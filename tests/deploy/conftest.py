from pathlib import Path

import pytest

from abtest_lib.config import Settings
from deploy.emr.deployment import Deployment, load_deployment
from deploy.emr.render import EXAMPLE


@pytest.fixture
def root() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture
def settings() -> Settings:
    """What a cluster's profile says, with one setting that is not a default."""
    return Settings(spark_conf={"spark.sql.adaptive.coalescePartitions.minPartitionSize": "8m"})


@pytest.fixture
def deployment() -> Deployment:
    return load_deployment(EXAMPLE)
