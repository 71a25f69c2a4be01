"""Bad input is marked with a reason; good input is not."""

import pytest

from abtest_lib.bayes.groups import Arm, Group


def group(*arms: tuple[str, int | None, int | None]) -> Group:
    return Group("day", "2021-08-01", "x", "purchase", tuple(Arm(*arm) for arm in arms), "A")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (
            group(("A", 10, 2), ("B", 5, 6)),
            "variant 'B' has 6 purchases and 5 users: purchases must lie between 0 and users",
        ),
        (group(("A", 10, -1), ("B", 5, 1)), "variant 'A' has -1 purchases and 10 users"),
        (group(("A", -3, 0), ("B", 5, 1)), "variant 'A' has -3 users: users must be 0 or more"),
        (group(("A", 2**53, 0), ("B", 5, 1)), "users must be 0 or more, and below 2^53"),
        (group(("A", None, 0), ("B", 5, 1)), "variant 'A' has no count of users"),
        (group(("A", 4, None), ("B", 5, 1)), "variant 'A' has no count of purchases"),
        (group(("A", 10, 2)), "only one arm with users: a comparison needs two"),
        (group(("A", 10, 2), ("B", 0, 0)), "only one arm with users: a comparison needs two"),
        (group(("A", 0, 0), ("B", 0, 0)), "no users in any arm"),
        (group(), "no users in any arm"),
        (group(("A", 10, 2), ("A", 5, 1)), "variant 'A' occurs more than once"),
        (group(*((str(i), 10, 1) for i in range(1000))), "1000 arms: at most 128 are compared"),
    ],
)
def test_reasons(bad: Group, reason: str) -> None:
    assert bad.problem is not None
    assert reason in bad.problem
    assert "\n" not in bad.problem


def test_fitted_arms_have_users_and_are_ordered_by_counts_then_names() -> None:
    arms = group(("Z", 5, 1), ("A", 9, 2), ("B", 0, 0), ("C", 5, 0), ("D", 5, 1)).fitted_arms
    assert [arm.variant_id for arm in arms] == ["C", "D", "Z", "A"]


def test_the_seed_depends_on_every_part_of_the_identity_and_on_nothing_else() -> None:
    base = Group("day", "2021-08-01", "x", "purchase", (Arm("A", 1, 0),), "A")
    others = [
        Group("to_date", "2021-08-01", "x", "purchase", ()),
        Group("day", "2021-08-02", "x", "purchase", ()),
        Group("day", "2021-08-01", "y\n|é", "purchase", ()),
        Group("day", "2021-08-01", "x", "other", ()),
    ]
    seeds = [base.seed(1), base.seed(2), *(other.seed(1) for other in others)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**60 for seed in seeds)
    assert base.seed(1) == Group("day", "2021-08-01", "x", "purchase", ()).seed(1)
