"""The columns of a row of gold/comparisons."""

PAIR_COLUMNS = (
    "difference",
    "difference_lower",
    "difference_upper",
    "lift",
    "lift_lower",
    "lift_upper",
    "statistic",
    "p_value",
    "p_adjusted",
    "p_holm",
    "p_benjamini_hochberg",
)
"""What the arms of one day say, by any metric."""

ADJUSTMENT_COLUMNS = ("unadjusted_difference", "unadjusted_lower", "unadjusted_upper", "variance_reduction")
"""What a covariate changes; empty for `purchase`."""

CHI_SQUARE_COLUMNS = ("chi_square", "chi_square_dof", "chi_square_p_value")
"""The test over all arms; only for `purchase`."""

LOOK_COLUMNS = ("decision_lower", "decision_upper", "boundary", "information")
"""What the looks prove; empty for a day alone and for segments."""

COLUMN_NAMES = (
    *("window", "metric", "day", "experiment_name", "variant_id", "control_id"),
    *PAIR_COLUMNS,
    *LOOK_COLUMNS,
    *CHI_SQUARE_COLUMNS,
    *("segment", "role", "status", "margin", "users", "control_users", "value", "control_value"),
    *ADJUSTMENT_COLUMNS,
    "interaction_p_value",
)
"""All columns, in the order of the rows."""
