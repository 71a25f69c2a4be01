"""What the API is measured against: a bare FastAPI answer, and the plain way, a pandas filter per request."""

import pandas as pd
from fastapi import FastAPI, HTTPException

bare = FastAPI()
plain = FastAPI()
_ROWS = 149


@bare.get("/experiment/{name}/result")
async def bare_result(name: str, day: str | None = None) -> dict[str, dict[str, str | None]]:
    """The least that the framework can do."""
    return {"results": {"exp_name": name, "day": day}}


def _table() -> pd.DataFrame:
    names = [f"area-{row % 50:02d}/experiment-{row // 3:05d}" for row in range(_ROWS)]
    return pd.DataFrame(
        {
            "day": "2021-08-01",
            "experiment_name": names,
            "variant_id": [str(row % 3) for row in range(_ROWS)],
            "users": range(100, 100 + _ROWS),
            "purchases": range(_ROWS),
        }
    )


_FRAME = _table()


@plain.get("/experiment/{name}/result")
def plain_result(name: str, day: str) -> dict[str, object]:
    """149 rows in memory, filtered for every request; any name is answered with the first experiment's rows."""
    found = _FRAME[(_FRAME["day"] == "2021-08-01") & (_FRAME["experiment_name"] == _FRAME["experiment_name"].iloc[0])]
    if found.empty:
        raise HTTPException(404, f"No data found for experiment '{name}' on day '{day}'")
    winner = found.loc[found["purchases"].idxmax(), "variant_id"]
    variants = [{"id": row.variant_id, "number_of_purchases": int(row.purchases)} for row in found.itertuples()]
    return {"results": {"exp_name": name, "day": day, "winner": winner, "variants": variants}}
