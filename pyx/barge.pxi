# SPDX-License-Identifier: Apache-2.0
#
# barge.pxi: settings of barge-in for Python; part of _engine.pyx, before detector.pxi. Contract: csrc/barge.h.


cdef uint64_t mic_samples(double seconds, str name) except? 0xffffffffffffffff:
    if not (0 <= seconds <= 3600):
        raise ValueError(f"{name} must be 0..3600 seconds, not {seconds}")
    return <uint64_t>(seconds * RTA_MIC_RATE + 0.5)


cdef class BargeConfig:
    """What the engine does by itself when the user speaks while the agent speaks; seconds here, samples in the core.
    Immutable. See csrc/barge.h and _engine.pyi."""

    cdef rta_barge_config config
    cdef dict given

    def __init__(self, *, bint enabled=True, double duck_db=-12.0, double duck_ramp_s=0.02, double pause_after_s=0.064,
                 double confirm_after_s=0.256, double confirm_by_s=0.448, double false_after_s=0.4,
                 double doubt_after_s=0.16, double backchannel_least_s=0.096, bint rewind_on_false=True,
                 bint early_onset=True, double onset_rise=0.3, double onset_from=0.4, double onset_sure=0.95,
                 double onset_loud=0.06, double onset_above_db=13.0, double level_counts_s=0.128,
                 double echo_most=0.75, double echo_clear=0.3, double loud_db=-7.0, double variety_full=0.004,
                 int min_words=0, double warm_up_s=0.0):
        cdef rta_detector_config defaults
        cdef rta_barge_config *c = &self.config
        if duck_db != duck_db or duck_db > 0:
            raise ValueError(f"duck_db must be 0 (do not duck) or less, not {duck_db}")
        if not -60 <= loud_db <= 0:
            raise ValueError(f"loud_db must be -60..0, not {loud_db}")
        if not 0 <= onset_above_db <= 60:
            raise ValueError(f"onset_above_db must be 0..60, not {onset_above_db}")
        if not 0 <= min_words <= 1000:
            raise ValueError(f"min_words must be 0..1000, not {min_words}")
        if confirm_by_s < confirm_after_s:
            confirm_by_s = confirm_after_s
        rta_detector_defaults(&defaults)
        c[0] = defaults.barge
        c.enabled = enabled
        c.duck_gain = <float>pow(10.0, duck_db / 20.0)
        c.duck_ramp_ms = <uint32_t>(nanoseconds(duck_ramp_s, "duck_ramp_s", 10) // 1000000)
        c.pause_after = mic_samples(pause_after_s, "pause_after_s")
        c.confirm_after = mic_samples(confirm_after_s, "confirm_after_s")
        c.confirm_by = mic_samples(confirm_by_s, "confirm_by_s")
        c.level_counts = mic_samples(level_counts_s, "level_counts_s")
        c.false_after = mic_samples(false_after_s, "false_after_s")
        c.doubt_after = mic_samples(doubt_after_s, "doubt_after_s")
        c.backchannel_least = mic_samples(backchannel_least_s, "backchannel_least_s")
        c.rewind_on_false = rewind_on_false
        c.early_onset = early_onset
        c.onset_rise, c.onset_from, c.onset_sure = onset_rise, onset_from, onset_sure
        c.onset_loud, c.onset_above = onset_loud, <float>pow(10.0, onset_above_db / 10.0)
        c.echo_most, c.echo_clear = echo_most, echo_clear
        c.loud_share = <float>pow(10.0, loud_db / 10.0)
        c.variety_full = variety_full
        c.min_words = min_words
        c.warm_up = mic_samples(warm_up_s, "warm_up_s")
        self.given = dict(
            enabled=bool(enabled), duck_db=duck_db, duck_ramp_s=duck_ramp_s, pause_after_s=pause_after_s,
            confirm_after_s=confirm_after_s, confirm_by_s=confirm_by_s, false_after_s=false_after_s,
            doubt_after_s=doubt_after_s, backchannel_least_s=backchannel_least_s, rewind_on_false=bool(rewind_on_false),
            early_onset=bool(early_onset), onset_rise=onset_rise, onset_from=onset_from, onset_sure=onset_sure,
            onset_loud=onset_loud, onset_above_db=onset_above_db, level_counts_s=level_counts_s,
            echo_most=echo_most, echo_clear=echo_clear, loud_db=loud_db, variety_full=variety_full, min_words=min_words,
            warm_up_s=warm_up_s,
        )
        defaults.barge = c[0]
        cdef const char *why = NULL
        if rta_detector_check(&defaults, &why) != RTA_OK:
            raise ValueError(f"these settings of barge-in cannot be: {why.decode()}")

    def to_dict(self):
        """The settings by name: `BargeConfig(**config.to_dict())` is the same again."""
        return dict(self.given)

    def __getattr__(self, name):
        try:
            return self.given[name]
        except KeyError:
            raise AttributeError(f"BargeConfig has no setting {name!r}") from None

    def __repr__(self):
        return f"BargeConfig({', '.join(f'{name}={value!r}' for name, value in self.given.items())})"
