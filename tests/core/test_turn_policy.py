"""From evidence to the silence that ends a turn (csrc/turn_policy.h): pure, bounded, the same bits everywhere."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.core._turn import TERMS, TurnFacts, TurnPolicy

NAN = math.nan
PROFILES = ("patient", "default", "quick")
ANY = st.floats(width=32) | st.floats(0, 1, width=32)
EVIDENCE = st.lists(ANY, max_size=16)
ANSWERS = st.lists(st.none() | EVIDENCE, max_size=4)


@given(ANSWERS, st.sampled_from(PROFILES), st.integers(0, 2**32 - 1), st.floats(0, 3600), st.booleans())
def test_any_facts_give_a_delay_within_the_bounds(answers, profile, pauses, pause_s, thinking):
    policy = TurnPolicy(profile)
    hints = ["agent_thinking"] if thinking else []
    delay, score, probability, why = policy.delay(TurnFacts(answers, pauses=pauses, pause_s=pause_s, hints=hints))
    settings = policy.settings()
    assert settings["min_delay_s"] * 16000 <= delay <= settings["max_delay_s"] * 16000
    assert settings["max_delay_s"] == 2.0
    assert math.isnan(score) == math.isnan(probability) == ("silence" in why)


@pytest.mark.parametrize("profile", PROFILES)
def test_without_evidence_silence_alone_decides(profile):
    policy = TurnPolicy(profile)
    for facts in (TurnFacts(), TurnFacts([None, None]), TurnFacts([(NAN,) * 16]), TurnFacts([(-1.0, 7.0)])):
        delay, score, _, why = policy.delay(facts)
        assert delay == round(policy.settings()["silence_delay_s"] * 16000)
        assert math.isnan(score)
        assert "silence" in why


def test_the_default_without_a_model_is_six_tenths_of_a_second():
    assert TurnPolicy("default").delay(TurnFacts())[0] == 9600


def test_more_probable_ends_never_wait_longer():
    for profile, count in itertools.product(PROFILES, range(1, 5)):
        policy = TurnPolicy(profile)
        delays = [policy.delay(TurnFacts([(p / 100, p / 100)] * count))[0] for p in range(101)]
        assert delays == sorted(delays, reverse=True)
        assert delays[0] > delays[-1]


def test_profiles_are_in_the_order_of_their_names():
    for p in range(0, 101, 5):
        facts = TurnFacts([(p / 100, p / 100)] * 4)
        patient, default, quick = (TurnPolicy(profile).delay(facts)[0] for profile in PROFILES)
        assert patient >= default >= quick


def test_logits_are_those_of_the_probability():
    for p in (0.003, 0.1, 0.5, 0.731, 0.99):
        terms = TurnFacts([(p, p)]).terms
        assert terms["p_mean"] == pytest.approx(math.log(p / (1 - p)), rel=1e-6)
        assert terms["p_trimmed"] == terms["p_mean"]
    assert TurnFacts([(1.0, 1.0)]).terms["p_mean"] == TurnFacts([(0.9999, 0.9999)]).terms["p_mean"]  # bounded


def test_unknown_numbers_leave_their_terms_unknown_and_the_score_alone():
    terms = TurnFacts([(NAN, 0.8)]).terms
    assert [name for name in TERMS if not math.isnan(terms[name])] == ["p_first", "p_mean", "p_trimmed", "p_drift"]
    policy = TurnPolicy()
    full = dict(enumerate((NAN, 0.8, NAN, NAN)))
    assert policy.delay(TurnFacts([tuple(full.values())])) == policy.delay(TurnFacts([(NAN, 0.8)]))


def test_the_callers_own_pauses_hold_the_end_back():
    policy = TurnPolicy("default", pause_margin=1.2, knots=[(0.0, 0.25)])
    facts = [(0.99, 0.99)] * 4
    quick = policy.delay(TurnFacts(facts))[0]
    once, often = (policy.delay(TurnFacts(facts, pauses=n, pause_s=1.2)) for n in (4, 20))
    assert quick < once[0] < often[0]
    assert "pauses" in often[3]


def test_with_evidence_pauses_hold_it_back_no_longer_than_silence_alone_would():
    policy = TurnPolicy("default")
    slow = {"pauses": 100, "pause_s": 1.6}
    assert policy.delay(TurnFacts([(0.99, 0.99)] * 4, **slow))[0] == 0.6 * 16000
    assert policy.delay(TurnFacts(**slow))[0] == 2.0 * 16000


def test_after_a_long_run_of_speech_a_sure_end_waits_for_a_breath():
    policy = TurnPolicy("default", knots=[(0.0, 0.1)], min_delay_s=0.2, long_delay_s=0.4)
    sure = [(0.99, 0.99)] * 4
    delays = [policy.delay(TurnFacts(sure, speech_s=s))[0] / 16000 for s in (0.0, 1.0, 1.75, 2.5, 60.0)]
    assert delays == pytest.approx([0.2, 0.2, 0.3, 0.4, 0.4])
    assert "least" in policy.delay(TurnFacts(sure, speech_s=3.0))[3]
    for changes, wanted in (({"long_delay_s": 0.0}, 0.2), ({"max_delay_s": 0.3, "long_delay_s": 0.4}, 0.3)):
        policy = TurnPolicy("default", **{"knots": [(0.0, 0.1)], "min_delay_s": 0.2} | changes)
        assert policy.delay(TurnFacts(sure, speech_s=9.0))[0] == wanted * 16000
    slow = TurnPolicy("default", knots=[(0.0, 0.9)], long_delay_s=0.4)
    assert slow.delay(TurnFacts(sure, speech_s=9.0))[0] == 0.9 * 16000, "from below alone"


def test_hints_move_the_delay_their_way():
    policy = TurnPolicy("default", knots=[(-4.0, 2.0), (4.0, 0.2)])
    answers = [(0.5, 0.5)] * 4
    plain = policy.delay(TurnFacts(answers))[0]
    for earlier in ("stt_end", "asked_short"):
        assert policy.delay(TurnFacts(answers, hints=[earlier]))[0] < plain
        assert policy.delay(TurnFacts(hints=[earlier]))[0] < policy.delay(TurnFacts())[0]
    for later in ("stt_open", "asked_long"):
        assert policy.delay(TurnFacts(answers, hints=[later]))[0] > plain
        assert policy.delay(TurnFacts(hints=[later]))[0] > policy.delay(TurnFacts())[0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"min_delay_s": 3.0}, "min_delay <= max_delay"),
        ({"max_delay_s": 61.0}, "60 s"),
        ({"long_delay_s": 61.0}, "long_delay"),
        ({"knots": [(1.0, 1.0), (0.5, 0.5)]}, "must grow"),
        ({"knots": [(0.0, 0.5), (1.0, 1.0)]}, "must not grow"),
        ({"knots": []}, "1 to 6"),
        ({"weights": {"p_mean": NAN}}, "finite"),
        ({"weights": {"pmean": 1.0}}, "no term 'pmean'"),
        ({"doubts": (-1, 0, 0, 0)}, "doubts"),
        ({"while_thinking": 0.0}, "while_thinking"),
        ({"bias": math.inf}, "bias"),
        ({"min_delay_s": NAN}, "min_delay_s"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(changes, says):
    with pytest.raises(ValueError, match=says):
        TurnPolicy("default", **changes)
    with pytest.raises(ValueError, match="no profile 'slow'"):
        TurnPolicy("slow")


def test_a_policy_that_was_never_set_is_the_default():
    bare = TurnPolicy.__new__(TurnPolicy)
    assert bare.settings() == TurnPolicy().settings()
    assert bare.delay(TurnFacts([[0.9] * 16])) == TurnPolicy().delay(TurnFacts([[0.9] * 16]))


def test_settings_make_the_same_policy_again():
    for profile in PROFILES:
        settings = TurnPolicy(profile).settings()
        assert TurnPolicy("default", **settings).settings() == settings
