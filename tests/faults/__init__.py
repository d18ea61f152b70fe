"""Random schedules of a session with faults, on virtual time and the real core: `python -m tests.faults`."""
