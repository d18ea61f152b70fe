"""The lead follows the event loop's stalls, within bounds."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.transports.lead import FORGET_S, MARGIN_S, STEP_S, LeadByStalls


def test_it_grows_with_a_stall_and_falls_when_that_is_long_ago() -> None:
    lead = LeadByStalls()
    assert not lead.looked(0.0, 0.01)
    assert lead.lead_s == 0.2
    assert lead.looked(1.0, 0.3)
    assert lead.lead_s == pytest.approx(0.36)
    assert not lead.looked(2.0, 0.2), "a shorter one changes nothing"
    assert lead.looked(1.0 + FORGET_S + 0.1, 0.0)
    assert lead.lead_s == pytest.approx(0.26), "the shorter one is what is remembered then"
    assert lead.looked(2.0 + FORGET_S + 0.1, 0.0)
    assert lead.lead_s == 0.2


def test_bounds() -> None:
    lead = LeadByStalls(0.1, 0.5)
    assert lead.looked(0.0, 3.0)
    assert lead.lead_s == 0.5
    for bounds in ((0.3, 0.2), (-0.1, 0.2), (0.1, math.inf), (math.nan, 1.0)):
        with pytest.raises(ValueError, match="no range"):
            LeadByStalls(*bounds)


@given(st.lists(st.tuples(st.floats(0.001, 20.0), st.floats(-0.02, 1.0)), max_size=60))
def test_it_covers_every_stall_it_remembers_and_no_more(looks: list[tuple[float, float]]) -> None:
    """Law 8, too: what it keeps is bounded by what it remembers."""
    lead, now, seen = LeadByStalls(), 0.0, list[tuple[float, float]]()
    for after_s, stall_s in looks:
        now += after_s
        before = lead.lead_s
        assert lead.looked(now, stall_s) == (lead.lead_s != before)
        seen.append((now, stall_s))
        longest = max(stall for at, stall in seen if at >= now - FORGET_S)
        assert min(longest + MARGIN_S, 0.6) <= lead.lead_s + 1e-9 or lead.lead_s == 0.2
        assert 0.2 <= lead.lead_s <= max(0.2, longest + MARGIN_S + STEP_S)
