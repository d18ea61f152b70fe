# SPDX-License-Identifier: Apache-2.0
#
# packets.pxi: how the packets of a line are read (csrc/engine.h: rta_packets_config); part of _network.pyx. The engine's
# module takes it in a capsule.

from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New

cdef extern from "engine.h" nogil:
    ctypedef struct rta_packets_config:
        rta_jitter_config jitter
        uint32_t waiting
    ctypedef struct rta_packets_figures:
        rta_jitter_figures jitter
        uint64_t stamps_bad, dropped, refused, rtcp, malformed, strangers, moves
    enum:
        RTA_PACKETS_WAITING

cdef tuple _LISTENING = (
    "codec", "payload_types", "channels", "capacity_packets", "packet_s", "conceal_s", "wait_least_s", "wait_most_s",
    "link_lost_s",
)


cdef class PacketConfig:
    """How the packets of a network line are read."""

    cdef rta_packets_config config
    cdef dict settings
    cdef readonly int rate, waiting_packets

    def __init__(self, rate, *, waiting_packets=512, **settings):
        cdef JitterBuffer buffer
        for name in settings:
            if name not in _LISTENING:
                raise TypeError(f"PacketConfig: there is no setting {name!r}; there are {', '.join(_LISTENING)}")
        if settings.get("payload_types") is not None:
            settings["payload_types"] = dict(settings["payload_types"])
        buffer = JitterBuffer(rate, **settings)  # says what is wrong
        waiting = whole(waiting_packets, "waiting_packets", RTA_PACKETS_WAITING)
        if waiting < 1 or waiting & (waiting - 1):
            raise ValueError(f"waiting_packets must be a power of two, 1..{RTA_PACKETS_WAITING}, not {waiting_packets}")
        self.config.jitter = buffer.config
        self.config.waiting = waiting
        self.rate, self.waiting_packets = rate, waiting
        self.settings = settings

    @property
    def capsule(self):
        """For Engine.add()."""
        return PyCapsule_New(&self.config, "rtaudio.packets_config", NULL)

    def buffer(self):
        """A jitter buffer like the line's."""
        return JitterBuffer(self.rate, **self.settings)

    def to_dict(self):
        """The settings by name."""
        settings = {"rate": self.rate, "waiting_packets": self.waiting_packets, **self.settings}
        if rta_jitter_wants_opus(&self.config.jitter):
            settings["opus"] = opus_version()
        return settings

    @staticmethod
    def from_dict(dict settings):
        """From what to_dict() gave, also through JSON."""
        settings = dict(settings)
        settings.pop("opus", None)
        if settings.get("payload_types") is not None:
            settings["payload_types"] = {int(number): name for number, name in settings["payload_types"].items()}
        return PacketConfig(settings.pop("rate"), **settings)

    def __repr__(self):
        return f"PacketConfig({', '.join(f'{name}={value!r}' for name, value in self.to_dict().items() if name != 'opus')})"


def packet_figures(capsule):
    """A dict of the rta_packets_figures in a capsule."""
    cdef rta_packets_figures *f = <rta_packets_figures *>PyCapsule_GetPointer(capsule, "rtaudio.packets_figures")
    figures = figures_of(&f.jitter)
    figures["refused"] += f.refused
    return {
        **figures, "dropped": f.dropped, "stamps_bad": f.stamps_bad, "rtcp": f.rtcp, "malformed": f.malformed,
        "strangers": f.strangers, "moves": f.moves,
    }
