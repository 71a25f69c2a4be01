"""One example of each answer, for the OpenAPI document."""

from abtest_lib import __version__, answers
from abtest_lib.bayes.version import MODEL_VERSION
from abtest_lib.contracts import CONTRACT_VERSION
from abtest_lib.contracts.enums import (
    Decision,
    Direction,
    MetricRole,
    MetricStatus,
    MetricType,
    Role,
    SrmStatus,
    Window,
)
from abtest_lib.verdict.rules import RULES_VERSION

RELEASE: answers.Release = {
    "run_id": "20210803T0400",
    "published_at": "2021-08-03T04:12:09Z",
    "data_age_seconds": 5230.4,
}
ESTIMATE: answers.ArmEstimate = {
    "users": 20110,
    "purchases": 1045,
    "conversion_rate": 0.051964,
    "interval": {"lower": 0.0489, "upper": 0.0551},
    "probability_best": 0.981,
    "probability_beats_control": 0.981,
    "expected_loss": 0.00002,
    "lift": {"median": 0.089, "lower": 0.004, "upper": 0.181},
}
ARM: answers.Arm = {**ESTIMATE, "id": 4916, "role": Role.TREATMENT}
VERDICT: answers.Verdict = {
    "is_valid": True,
    "decision": Decision.SHIP,
    "reasons": [],
    "winner": 4916,
    "decided_on": "2021-08-02",
    "period_start": "2021-07-20",
    "control": 4915,
    "srm_p_value": 0.61,
    "srm_status": SrmStatus.OK,
    "metric": "revenue_per_user",
    "cross_exposed_share": 0.004,
    "information_fraction": 1.0,
    "model_version": RULES_VERSION,
    "explanation": "4916 converts better than 4915 and may be shipped.",
}
REVENUE: answers.MetricResult = {
    "metric": "revenue_per_user",
    "segment": "all",
    "role": MetricRole.GOAL,
    "type": MetricType.SUM,
    "direction": Direction.UP,
    "unit": "USD",
    "margin": None,
    "control_users": 20080,
    "control_value": 2.31,
    "arms": [
        {
            "id": 4916,
            "status": MetricStatus.BETTER,
            "users": 20110,
            "value": 2.52,
            "difference": 0.209,
            "difference_interval": {"lower": 0.066, "upper": 0.352},
            "decision_interval": {"lower": 0.061, "upper": 0.357},
            "boundary": 2.03,
            "observed_lift": 0.0905,
            "observed_lift_interval": {"lower": 0.028, "upper": 0.157},
            "p_adjusted": 0.0042,
            "p_holm": 0.0042,
            "unadjusted_difference": 0.214,
            "unadjusted_interval": {"lower": 0.013, "upper": 0.415},
            "variance_reduction": 0.49,
            "interaction_p_value": None,
            "probability_best": 0.998,
            "probability_beats_control": 0.998,
            "expected_loss": 0.0001,
            "capped_users": 3,
            "mature_users": None,
        }
    ],
}
SEARCHES: answers.MetricResult = {
    **REVENUE,
    "metric": "searches_per_order",
    "role": MetricRole.GUARDRAIL,
    "type": MetricType.RATIO,
    "direction": Direction.DOWN,
    "unit": "searches",
    "margin": 0.18,
    "control_value": 9.02,
    "arms": [
        {
            **REVENUE["arms"][0],
            "status": MetricStatus.NOT_WORSE,
            "value": 9.04,
            "difference": 0.02,
            "difference_interval": {"lower": -0.1, "upper": 0.14},
            "decision_interval": {"lower": -0.11, "upper": 0.15},
            "observed_lift": 0.0022,
            "observed_lift_interval": {"lower": -0.011, "upper": 0.0156},
            "p_adjusted": 0.74,
            "p_holm": 0.74,
            "unadjusted_difference": None,
            "unadjusted_interval": None,
            "variance_reduction": None,
            "probability_best": 0.37,
            "probability_beats_control": 0.37,
            "expected_loss": 0.035,
            "capped_users": None,
        }
    ],
}
SCORECARD: answers.Scorecard = {"goals": [REVENUE], "guardrails": [SEARCHES], "observed": []}
METRIC_RESULTS: answers.MetricResults = {
    "name": "search/ranking",
    "day": "2021-08-02",
    "metrics": [REVENUE, SEARCHES],
    "release": RELEASE,
}
CATALOGUE: answers.MetricList = {
    "metrics": [
        {
            "name": "purchase",
            "type": MetricType.CONVERSION,
            "direction": Direction.UP,
            "unit": "",
            "description": "Users with at least one BUY",
            "in_release": True,
        },
        {
            "name": "revenue_per_user",
            "type": MetricType.SUM,
            "direction": Direction.UP,
            "unit": "USD",
            "description": "Revenue in the two weeks after the first exposure",
            "in_release": True,
        },
    ],
    "release": RELEASE,
}
RESULT: answers.ResultAnswer = {
    "results": {
        "exp_name": "search|ranking",
        "day": "2021-08-02",
        "number_of_participants": 2150,
        "winner": 4916,
        "variants": [
            {
                "id": 4916,
                "number_of_purchases": 61,
                "users": 1080,
                "role": Role.TREATMENT,
                "conversion_rate": 0.056481,
                "interval": {"lower": 0.0437, "upper": 0.0709},
                "probability_best": 0.74,
                "lift": {"median": 0.1, "lower": -0.21, "upper": 0.53},
                "to_date": ESTIMATE,
            }
        ],
        "most_purchases": 4916,
        "decision": Decision.SHIP,
        "is_valid": True,
        "reasons": [],
        "explanation": VERDICT["explanation"],
        "decided_on": "2021-08-02",
        "control": 4915,
        "table_version": 12,
        "release": RELEASE,
        **SCORECARD,
    }
}
EXPERIMENTS: answers.ExperimentList = {
    "experiments": [
        {
            "name": "search/ranking",
            "first_day": "2021-07-20",
            "last_day": "2021-08-02",
            "days": 14,
            "variants": 2,
            "participants": 40190,
            "decision": Decision.SHIP,
            "decision_before": Decision.INCONCLUSIVE,
            "is_valid": True,
            "metric": "revenue_per_user",
            "winner": 4916,
            "challenger": 4916,
            "lift": ESTIMATE["lift"],
            "reasons": [],
        }
    ],
    "total": 1,
    "next_cursor": None,
    "release": RELEASE,
}
EXPERIMENT: answers.Experiment = {
    "name": "search/ranking",
    "days": ["2021-08-01", "2021-08-02"],
    "arms": [ARM],
    "verdict": VERDICT,
    "registry": {"control": "4915", "planned_users": 40000},
    "release": RELEASE,
    **SCORECARD,
}
HISTORY: answers.History = {
    "name": "search/ranking",
    "window": Window.TO_DATE,
    "points": [
        {
            "day": "2021-08-02",
            "participants": 2150,
            "participants_to_date": 40190,
            "verdict": VERDICT,
            "chi_square": {"statistic": 4.04, "dof": 1, "p_value": 0.044},
            "variants": [
                {
                    **ARM,
                    "difference": 0.0042,
                    "difference_interval": {"lower": 0.0001, "upper": 0.0083},
                    "decision_interval": {"lower": 0.0001, "upper": 0.0083},
                    "statistic": 2.01,
                    "boundary": 1.97,
                    "p_adjusted": 0.044,
                }
            ],
        }
    ],
    "release": RELEASE,
}
FUNNEL: answers.Funnel = {
    "name": "search/ranking",
    "day": "2021-08-02",
    "steps": [{"event_name": "SEARCH", "variants": [{"id": 4915, "users": 990, "purchases": 49}]}],
    "release": RELEASE,
}
POSTERIOR: answers.Posterior = {
    "name": "search/ranking",
    "day": "2021-08-02",
    "window": Window.TO_DATE,
    "variants": [
        {
            **ARM,
            "mean": 0.0519,
            "sd": 0.0016,
            "hdi": {"lower": 0.0488, "upper": 0.055},
            "density": {"conversion": [0.0503, 0.0519, 0.0535], "density": [151.2, 249.3, 151.2]},
            "engine": "mcmc",
            "status": "ok",
            "reason": None,
            "r_hat": 1.001,
            "ess_bulk": 3810.0,
            "ess_tail": 3520.0,
            "divergences": 0,
            "prior": "exponential",
            "model_version": MODEL_VERSION,
            "seed": 20210801,
        }
    ],
    "release": RELEASE,
}
TABLE_SUMMARY: answers.TableSummary = {
    "layer": "gold",
    "table": "experiment_daily",
    "grain": "day × experiment × variant",
    "version": 12,
    "rows": 298,
    "files": 2,
    "bytes": 9120,
    "problem": None,
}
TABLES: answers.TableList = {"tables": [TABLE_SUMMARY]}
TABLE: answers.Table = {
    **TABLE_SUMMARY,
    "columns": [{"name": "users", "type": "bigint", "meaning": "distinct users seen in the variant that day"}],
    "sample": [
        {
            "day": "2021-08-01",
            "experiment_name": "search/ranking",
            "variant_id": "4915",
            "users": 1002,
            "purchases": 50,
        }
    ],
}
QUALITY: answers.Quality = {
    "runs": [
        {
            "run_id": "20210803T0400",
            "job": "ingest_bronze",
            "status": "succeeded",
            "started_at": "2021-08-03T04:00:02Z",
            "finished_at": "2021-08-03T04:01:10Z",
            "rows_read": 141553,
            "rows_written": 140698,
            "rows_quarantined": 0,
            "duplicates": 855,
            "rows_forgotten": 0,
        }
    ],
    "quarantine": {"rows": 3, "by_rule": [{"rule": "timestamp_without_offset", "rows": 3}]},
    "stray_days": [{"day": "2009-01-05", "users": 1}],
    "freshness": {
        "published_at": "2021-08-03T04:12:09Z",
        "data_age_seconds": 5230.4,
        "last_day": "2021-08-02",
        "checked_at": "2021-08-03T05:39:15Z",
        "lake_readable": True,
        "problems": [],
    },
}
PLAN: answers.Plan = {
    "baseline": 0.05,
    "lift": 0.1,
    "arms": 2,
    "alpha": 0.05,
    "power": 0.8,
    "rule": "fixed",
    "looks": 28,
    "users_per_arm": 31234,
    "users_total": 62468,
    "users_per_day": 5000.0,
    "days": 13,
    "curve": [{"users_per_arm": 31234, "power": 0.8}, {"users_per_arm": 62468, "power": 0.977}],
}
READY: answers.Ready = {
    "status": "ready",
    "problems": [],
    "lake_readable": True,
    "table_features_supported": True,
    "warming": False,
    "checked_at": "2021-08-03T05:39:15Z",
    "release": RELEASE,
    "versions": {"gold/experiment_daily": 12},
}
VERSION: answers.Version = {"version": __version__, "contract_version": CONTRACT_VERSION}
ANALYSIS: answers.Analysis = {
    "control": "A",
    "arms": [
        {
            "id": "B",
            "role": "treatment",
            "users": 1000,
            "purchases": 70,
            "conversion_rate": 0.07,
            "expected_share": 0.5,
            "mean": 0.070429,
            "interval": {"lower": 0.0554, "upper": 0.0868},
            "probability_best": 0.967,
            "probability_beats_control": 0.967,
            "expected_loss": 0.000146,
            "lift": {"median": 0.399, "lower": -0.018, "upper": 0.986},
            "difference": 0.02,
            "difference_interval": {"lower": -0.0008, "upper": 0.0413},
            "observed_lift": 0.4,
            "observed_lift_interval": {"lower": -0.013, "upper": 0.988},
            "statistic": 1.883,
            "p_value": 0.0597,
            "p_adjusted": 0.0597,
        }
    ],
    "chi_square": {"statistic": 3.546, "dof": 1, "p_value": 0.0597},
    "sample_ratio": {"status": "ok", "p_value": 1.0, "is_planned": False},
    "planned": {
        "decision": "keep_control",
        "reasons": ["futility"],
        "explanation": "Keep the control A: the planned end was reached and no arm was proven better.",
        "looks": [
            {"id": "B", "boundary": 1.96, "decision_interval": {"lower": -0.0008, "upper": 0.0413}},
        ],
    },
    "unplanned": {
        "decision": "inconclusive",
        "reasons": ["not_proven"],
        "explanation": "No decision yet: B converts 7.00 % against 5.00 % for the control A (+40.0 %).",
        "looks": [{"id": "B", "boundary": 4.611, "decision_interval": {"lower": -0.031, "upper": 0.0729}}],
    },
    "engine": "exact",
    "prior": "exponential",
    "seed": 20210801,
    "model_version": MODEL_VERSION,
    "rules_version": RULES_VERSION,
}
