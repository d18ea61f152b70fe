"""When a provider that failed is asked again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.providers.fallback.health import Health, HealthPolicy, HealthState

POLICY = HealthPolicy(failures=2, pause_s=5.0, growth=2.0, longest_pause_s=15.0)


def test_it_goes_down_after_failures_in_a_row_and_comes_back() -> None:
    health = Health(POLICY)
    health.failed(0.0)
    assert health.state is HealthState.HEALTHY
    health.succeeded()
    health.failed(1.0)
    assert health.state is HealthState.HEALTHY
    health.failed(2.0)
    assert (health.state, health.retry_at_s) == (HealthState.DOWN, 7.0)
    assert not health.may_try(6.99)
    assert health.may_try(7.0)
    health.began(7.0)
    assert health.state is HealthState.PROBING
    assert not health.may_try(8.0), "one stream tries it, the others pass it over"
    health.succeeded()
    assert (health.state, health.failures) == (HealthState.HEALTHY, 0)


def test_the_pause_grows_with_each_trial_that_fails_up_to_the_longest() -> None:
    health, now_s, pauses = Health(POLICY), 0.0, []
    health.failed(now_s)
    for _ in range(4):
        health.failed(now_s)
        pauses.append(health.retry_at_s - now_s)
        now_s = health.retry_at_s
        health.began(now_s)
    assert pauses == [5.0, 10.0, 15.0, 15.0]
    health.succeeded()
    health.failed(now_s)
    health.failed(now_s)
    assert health.retry_at_s - now_s == 5.0, "once it was well, the pause is the first again"


def test_a_trial_that_was_given_up_says_nothing() -> None:
    health = Health(HealthPolicy())
    health.failed(0.0)
    health.began(5.0)
    health.let_go()
    assert (health.state, health.retry_at_s) == (HealthState.DOWN, 5.0)
    assert health.may_try(5.0)


def test_a_stream_without_a_choice_asks_before_the_time_and_that_is_no_trial() -> None:
    health = Health(HealthPolicy())
    health.failed(0.0)
    health.began(1.0)
    assert health.state is HealthState.DOWN
    health.failed(1.0)
    assert health.retry_at_s == 6.0, "the pause begins anew and does not grow"


@pytest.mark.parametrize(
    "wrong",
    [{"failures": 0}, {"pause_s": 0.0}, {"pause_s": 500.0}, {"growth": 0.5}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_settings_are_checked(wrong: dict[str, float]) -> None:
    """Law 11."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        HealthPolicy(**wrong)  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["began", "succeeded", "failed", "let_go", "wait"]), max_size=60))
def test_it_is_asked_again_sooner_or_later_whatever_happened(steps: list[str]) -> None:
    health, now_s = Health(POLICY), 0.0
    for step in steps:
        match step:
            case "began":
                health.began(now_s)
            case "succeeded":
                health.succeeded()
            case "failed":
                health.failed(now_s)
            case "let_go":
                health.let_go()
            case "wait":
                now_s += 3.0
        assert health.retry_at_s <= now_s + POLICY.longest_pause_s
        assert health.state is not HealthState.HEALTHY or health.failures < POLICY.failures
    health.let_go()
    assert health.may_try(now_s + POLICY.longest_pause_s)
