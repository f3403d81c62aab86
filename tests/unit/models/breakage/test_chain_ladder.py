"""Chain ladder and its standard errors against published figures, and on curves that are known."""

import math
from typing import Any

import pandas as pd
import pytest

from models.breakage.back_test import back_test, mean_absolute_error
from models.breakage.chain_ladder import TooLittleHistory, project

TAYLOR_ASHE = """
357848 766940 610542 482940 527326 574398 146342 139950 227229 67948
352118 884021 933894 1183289 445745 320996 527804 266172 425046
290507 1001799 926219 1016654 750816 146923 495992 280405
310608 1108250 776189 1562400 272482 352053 206286
443160 693190 991983 769488 504851 470639
396132 937085 847498 805037 705960
440832 847631 1131398 1063269
359480 1061648 1443370
376686 986608
344014
"""
"""
Incremental. Source: Taylor and Ashe (1983), "Second moments of estimates of outstanding claims"; the figures that come
of it: Mack (1993), table 3.
"""
RESERVES = [0, 94634, 469511, 709638, 984889, 1419459, 2177641, 3920301, 4278972, 4625811]
STANDARD_ERRORS = [0, 75535, 121699, 133549, 261406, 411010, 558317, 875328, 971258, 1363155]
FACTORS = [3.4906, 1.7473, 1.4574, 1.1739, 1.1038, 1.0863, 1.0539, 1.0766, 1.0177]


def triangle_of(rows: list[list[float]]) -> Any:
    """Return a cumulative triangle of incremental rows."""
    padded = [[*row, *[math.nan] * (len(rows[0]) - len(row))] for row in rows]
    frame = pd.DataFrame(padded, dtype="float64")
    return frame.cumsum(axis=1).where(frame.notna())


def published() -> Any:
    """Return the triangle of Taylor and Ashe."""
    return triangle_of([[float(number) for number in row.split()] for row in TAYLOR_ASHE.split("\n") if row])


def curve(vintages: int, rates: list[float], sizes: list[float] | None = None) -> Any:
    """Return a triangle in which every vintage redeems these shares of its size, age by age."""
    sizes = sizes or [1000.0 * (row + 1) for row in range(vintages)]
    return triangle_of([[size * rate for rate in rates[: vintages - row]] for row, size in enumerate(sizes)])


def test_published_triangle() -> None:
    """Factors, reserves and standard errors of Mack's paper come out, and the total's of 2,447,095."""
    projection = project(published())
    assert [round(factor, 4) for factor in projection.development["factor"]] == FACTORS
    vintages = projection.vintages
    assert [round(points) for points in vintages["ultimate"] - vintages["latest"]] == RESERVES
    assert round((vintages["ultimate"] - vintages["latest"]).sum()) == 18_680_856
    assert [round(points) for points in vintages["standard_error"]] == STANDARD_ERRORS
    assert round(projection.total_standard_error) == 2_447_095


def test_a_curve_that_never_changes_is_found() -> None:
    """Where every vintage goes the same way, its end is predicted to the point, without error."""
    rates = [0.1, 0.2, 0.15, 0.1, 0.05, 0.02]
    projection = project(curve(6, rates))
    for row, ultimate in enumerate(projection.vintages["ultimate"]):
        assert math.isclose(ultimate, 1000 * (row + 1) * sum(rates), rel_tol=1e-12)
    assert max(projection.vintages["standard_error"]) < 1e-3
    assert projection.vintages["developed"].iloc[0] == 1


def test_a_tail_is_followed_only_if_asked_for() -> None:
    """Without one nothing comes after the last age; an exponential one goes on as the factors fell."""
    cumulative = [1.0]
    for age in range(7):
        cumulative.append(cumulative[-1] * (1 + 0.5 ** (age + 1)))
    rates = [after - before for before, after in zip([0.0, *cumulative], cumulative, strict=False)]
    none, exponential = (project(curve(8, rates), tail=tail) for tail in ("none", "exponential"))
    assert none.tail_factor == 1
    assert math.isclose(exponential.tail_factor, math.prod(1 + 0.5 ** (age + 1) for age in range(7, 200)), rel_tol=1e-9)
    ratio = exponential.vintages["ultimate"] / none.vintages["ultimate"]
    assert all(math.isclose(one, exponential.tail_factor) for one in ratio)


def test_a_tail_that_does_not_fall_is_refused() -> None:
    """Redemption that speeds up with age has no end that could be told."""
    with pytest.raises(TooLittleHistory, match="slow down"):
        project(curve(6, [1.0, 0.1, 0.2, 0.4, 0.8, 1.6]), tail="exponential")


@pytest.mark.parametrize("triangle", [curve(3, [0.1, 0.1, 0.1]), curve(5, [0.0] * 5)], ids=["short", "unredeemed"])
def test_too_little_history_is_refused(triangle: Any) -> None:
    """Three months, or nothing redeemed, make no estimate."""
    with pytest.raises(TooLittleHistory):
        project(triangle)


def test_months_without_issue_do_no_harm() -> None:
    """A vintage of nothing stays nothing, and the others are as they would be without it."""
    rates = [0.1, 0.2, 0.15, 0.1, 0.05, 0.02]
    projection = project(curve(6, rates, [1000, 0, 2000, 0, 500, 100]))
    ultimates = [round(points, 6) for points in projection.vintages["ultimate"]]
    assert ultimates == [620, 0, 1240, 0, 310, 62]


def test_back_test_sees_only_what_was_known() -> None:
    """A constant curve is predicted exactly; when the last months break it, the error is what they changed."""
    rates = [0.1, 0.2, 0.15, 0.1, 0.05, 0.02, 0.01, 0.01]
    steady = back_test(curve(8, rates), 2)
    assert list(steady.index) == [2, 3, 4, 5]
    assert mean_absolute_error(steady) == pytest.approx(0, abs=1e-12)
    broken = curve(8, rates)
    for row in range(8):
        broken.iloc[row, 7 - row] *= 1.25
    tested = back_test(broken, 1)
    assert list(tested["predicted"] / tested["actual"]) == pytest.approx([0.8] * len(tested))
    assert mean_absolute_error(tested) == pytest.approx(0.2)
    with pytest.raises(TooLittleHistory):
        back_test(curve(5, rates), 2)


def test_back_test_of_the_published_triangle() -> None:
    """With two years held out, seven of ten developments remain to predict from, and the error is that of the data."""
    tested = back_test(published(), 2)
    assert tested.shape == (6, 2)
    error = mean_absolute_error(tested)
    assert error is not None
    assert 0.02 < error < 0.3
