from __future__ import annotations

import pytest

from aura_logging.performance import queries
from aura_logging.performance.budgets import (
    BudgetExceededError,
    RequestBudget,
    assert_request_budget,
    budgets_by_route,
)
from aura_logging.performance.loads import Site
from aura_logging.performance.queries import QueryLog
from aura_logging.performance.report import judge


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_observers", {"this test"})


def ask(times: int, log: QueryLog) -> None:
    for _ in range(times):
        log.add("SELECT a FROM t", (), "default", 0.5, ask, 1, -1).site = Site("views.py", 3)


def test_what_is_over_is_told_with_both_numbers() -> None:
    log = QueryLog()
    ask(3, log)

    assert RequestBudget(queries=2, duplicates=2, seconds=1.0).exceeded(judge(log)) == [
        "queries 3 > 2",
        "seconds 1.5 > 1.0",
    ]
    assert RequestBudget().exceeded(judge(log)) == []


@pytest.mark.usefixtures("observed")
def test_a_block_over_its_budget_fails_with_the_hint() -> None:
    over = r"over budget: queries 2 > 1; duplicates 1 > 0\n  - the same query"
    with pytest.raises(BudgetExceededError, match=over), assert_request_budget(queries=1) as log:
        ask(2, log)


@pytest.mark.usefixtures("observed")
def test_an_error_of_the_block_is_not_hidden_by_the_budget() -> None:
    with pytest.raises(ZeroDivisionError), assert_request_budget(queries=0) as log:
        ask(2, log)
        raise ZeroDivisionError


def test_a_budget_that_nobody_counts_for_is_an_error_and_not_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "_observers", set())

    fix = r'add "aura_logging.django" to INSTALLED_APPS'
    with pytest.raises(RuntimeError, match=fix), assert_request_budget(queries=1):
        pass


def test_settings_become_budgets() -> None:
    assert budgets_by_route({"books/": {"queries": 5, "duplicates": 0}}) == {
        "books/": RequestBudget(queries=5, duplicates=0)
    }


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"books/": {"querys": 5}}, r"budgets\['books/'\] has the unknown key 'querys'. Did you mean 'queries'\?"),
        ({"books/": {"queries": -1}}, r"budgets\['books/'\]: queries=-1 must be a number from 0 on"),
        ({"books/": {"queries": "5"}}, r"budgets\['books/'\]: queries='5' must be a number"),
        ({"books/": 5}, r"budgets\['books/'\] is 5; it must be a dict of duplicates"),
    ],
)
def test_a_wrong_budget_is_named(section: dict[str, dict[str, float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        budgets_by_route(section)
