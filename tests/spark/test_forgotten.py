"""Who is named by a line that could not be split into fields."""

import hashlib

import pytest
from pyspark.sql import SparkSession

from abtest_lib.transforms.forgotten import Forgotten, mark_forgotten, names_user


@pytest.mark.parametrize("user", ["12345", "a.b@c", "ab/c=="])
@pytest.mark.parametrize("line", ['{"user_id":%s,"time', '{"user_id":"%s","ti', "SEARCH,,x,MLA,{},%s,more", "id:%s;"])
def test_a_line_that_does_not_split_may_name_a_person(spark: SparkSession, user: str, line: str) -> None:
    lines = [line % user, line % f"9{user}9"]
    rows = spark.createDataFrame([(None, text, user) for text in lines], "user_id string, raw_record string, id string")
    known = Forgotten("salt", {hashlib.sha256(f"salt{user}".encode()).hexdigest()})
    assert [item["is_forgotten"] for item in mark_forgotten(rows, known).collect()] == [True, False]
    named = rows.select(names_user("raw_record", "id").alias("named"))
    assert [item["named"] for item in named.collect()] == [True, False]
