# distutils: language = c
"""What drives ports: detector, engine, lines, wake-up, device callbacks. Contracts: csrc/detector.h, engine.h and
device.h; the face is _engine.pyi.

The binding checks arguments, turns results into exceptions, serialises the control side of an engine with a lock, and
keeps memory alive: an engine holds its lines and the owner of the VAD's weights, a line its port, wake-up and journal.
An engine is stopped before anything it drives can go, in whatever order Python lets go of the objects.
"""

import threading
import weakref

cimport cython
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid
from libc.math cimport NAN, pow
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy, memset

import numpy as np

from rtaudio.core._port import Event, PortClosed, SecondConsumer

cnp.import_array()

include "capsule.pxi"
include "event.pxi"
include "arrays.pxi"
include "engine_decl.pxi"
include "opus.pxi"

cdef dict REMOTES = {
    "none": RTA_REMOTE_NONE,
    "plays": RTA_REMOTE_PLAYS,
    "clears": RTA_REMOTE_CLEARS,
    "ducks": RTA_REMOTE_DUCKS,
}
cdef dict LEADS_S = {"none": 0.0, "plays": 0.06, "clears": 0.2, "ducks": 0.2}
cdef dict LINE_KINDS = {"paced": RTA_LINE_PACED, "device": RTA_LINE_DEVICE, "network": RTA_LINE_NETWORK}

# The line that drives a port, by id(port): a line keeps its port alive, so the id stands as long as the entry.
cdef object driven = weakref.WeakValueDictionary()


cdef object failure(rta_status status, str what):
    if status == RTA_NOMEM:
        return MemoryError(what)
    if status == RTA_SYSTEM:
        return OSError(f"{what}: the operating system refused")
    return ValueError(f"{what}: {rta_status_name(status).decode()}")


cdef int64_t nanoseconds(double seconds, str name, double longest_s) except -1:
    if not (0 <= seconds <= longest_s):
        raise ValueError(f"{name} must be 0..{longest_s:g} seconds, not {seconds}")
    return <int64_t>(seconds * 1e9 + 0.5)


include "barge.pxi"
include "mic_health.pxi"
include "detector.pxi"
include "echo.pxi"


cdef class Wake:
    """A wake-up descriptor; one per process. `fd` becomes readable; `drain()` empties it."""

    cdef rta_wake wake
    cdef int users  # lines that an engine may signal through it

    def __cinit__(self):
        self.wake.read_fd = self.wake.write_fd = -1
        if rta_wake_open(&self.wake) != RTA_OK:
            raise OSError("no descriptor for a wake-up: the process may have too many files open")

    def __dealloc__(self):
        rta_wake_close(&self.wake)

    @property
    def fd(self):
        """The end to wait for; -1 after close()."""
        return self.wake.read_fd

    @property
    def write_fd(self):
        """The end an engine writes to; -1 after close()."""
        return self.wake.write_fd

    def drain(self):
        """Empties it; True if it had been signalled."""
        if self.wake.read_fd < 0:
            raise PortClosed("the wake-up is closed")
        return bool(rta_wake_drain(self.wake.read_fd))

    def close(self):
        """Closes the descriptor. Lines that use it must be removed first: the number may soon mean another file."""
        if self.users:
            raise RuntimeError(f"{self.users} line(s) still use this wake-up; remove them from their engine first")
        rta_wake_close(&self.wake)


include "udp.pxi"
include "line.pxi"


@cython.no_gc_clear
cdef class Engine:
    """Drives ports. Live: start() runs the native thread. Simulation: step(now_ns) by hand."""

    cdef rta_engine *engine
    cdef bint thread_runs
    cdef int32_t pid  # where the thread lives: it does not survive a fork
    cdef object vad
    cdef list lines
    cdef object lock  # the control side, and steps by hand
    cdef readonly double tick_s
    cdef object __weakref__

    def __init__(self, *, double tick_s=0.01, object vad=None, int max_lines=64, object max_batch=None):
        cdef rta_engine_config config
        cdef rta_status status = RTA_OK
        cdef object capsule
        if self.engine != NULL or self.lock is not None:
            raise RuntimeError("this engine is already made")
        if not (0.001 <= tick_s <= 0.1):
            raise ValueError(f"tick_s must be 0.001..0.1 seconds, not {tick_s}")
        if not 1 <= max_lines <= RTA_ENGINE_LINES:
            raise ValueError(f"max_lines must be 1..{RTA_ENGINE_LINES}, not {max_lines}")
        config.tick_ns = <int64_t>(tick_s * 1e9 + 0.5)
        config.max_lines = max_lines
        config.max_batch = 0
        config.vad = NULL
        if vad is not None:
            capsule = getattr(vad, "kernel", None)
            if not PyCapsule_IsValid(capsule, "rtaudio.vad_kernel"):
                raise TypeError(f"vad: {type(vad).__name__} has no `kernel`, a capsule \"rtaudio.vad_kernel\" "
                                f"(rtaudio.SileroVad has one)")
            config.vad = <const rta_vad_kernel *>PyCapsule_GetPointer(capsule, "rtaudio.vad_kernel")
            if config.vad.rate != RTA_MIC_RATE or config.vad.window_samples != RTA_VAD_WINDOW:
                raise ValueError(f"vad: the engine hears windows of {RTA_VAD_WINDOW} samples at {RTA_MIC_RATE} Hz; "
                                 f"this kernel wants {config.vad.window_samples} at {config.vad.rate} Hz")
            if max_batch is not None:
                if not 1 <= max_batch <= config.vad.max_batch:
                    raise ValueError(f"max_batch must be 1..{config.vad.max_batch}, not {max_batch}")
                config.max_batch = max_batch
        status = rta_engine_create(&self.engine, &config)
        if status != RTA_OK:
            raise failure(status, "engine")
        self.vad = vad
        self.lines = []
        self.lock = threading.Lock()
        self.tick_s = tick_s

    def __dealloc__(self):
        if self.engine == NULL or self._forked():
            return
        with nogil:
            rta_engine_destroy(self.engine)
        for line in self.lines:
            (<Line>line).release()

    cdef bint _forked(self) noexcept:
        """The thread ran when the process was forked: here it will never end a step, nor can it be waited for."""
        return self.thread_runs and self.pid != getpid()

    cdef rta_engine *_open(self) except NULL:
        if self.engine == NULL:
            raise PortClosed("the engine is closed")
        if self._forked():
            raise RuntimeError("this engine's thread stayed in the process that was forked; make a new engine here")
        return self.engine

    def add(self, port, *, str kind="paced", object input_rate=None, double input_s=2.0, DetectorConfig detector=None,
            double device_latency_s=0.0, double device_bound_s=0.0, object wake=None, object journal=None,
            bint outside_vad=False, bint observe=False, object stage=None, double upstream_delay_s=0.0,
            bint cleaned=False, object link_lost_s=None, object packets=None, str remote="none",
            object lead_s=None, UdpSocket socket=None, object rtp=None, object send_to=None):
        """Drives `port` from the next tick on."""
        cdef rta_line_config config
        cdef rta_status status = RTA_OK
        cdef rta_engine *engine
        cdef rta_port_engine *c_port
        cdef rta_line *c_line = NULL
        cdef Line line
        cdef uint64_t size
        if kind not in LINE_KINDS:
            raise ValueError(f"kind must be 'paced', 'device' or 'network', not {kind!r}")
        capsule = getattr(port, "_engine_capsule", None) if not getattr(port, "closed", False) else None
        if capsule is None:
            if getattr(port, "closed", False):
                raise PortClosed("add: the port is closed")
            raise TypeError(f"add: expected an AudioPort, got {type(port).__name__}")
        c_port = <rta_port_engine *>port_handle(capsule)
        if not (0.01 <= input_s <= 600):
            raise ValueError(f"input_s must be 0.01..600 seconds, not {input_s}")
        config.packets.waiting = 0
        if packets is not None:
            if kind != "network":
                raise ValueError(f"packets: a line of kind {kind!r} takes samples; packets are for kind='network'")
            if input_rate is not None or link_lost_s is not None:
                raise ValueError("input_rate and link_lost_s are the packets' to say: PacketConfig(rate, link_lost_s=...)")
            config.packets = packets_of(packets)[0]
            if rta_jitter_wants_opus(&config.packets.jitter):
                bind_opus()
            input_rate = config.packets.jitter.rate
            link_lost_s = config.packets.jitter.link_lost_ns * 1e-9
        input_rate = 16000 if input_rate is None else input_rate
        link_lost_s = 5.0 if link_lost_s is None else link_lost_s
        if not 1 <= input_rate <= 1000000:
            raise ValueError(f"input_rate must be a rate in Hz, not {input_rate}")
        config.kind = LINE_KINDS[kind]
        config.link_lost_ns = nanoseconds(link_lost_s, "link_lost_s", 86400)
        if config.link_lost_ns < 1:
            raise ValueError("link_lost_s must be more than 0")
        if remote not in REMOTES:
            raise ValueError(f"remote must be one of {', '.join(map(repr, REMOTES))}, not {remote!r}")
        config.remote = REMOTES[remote]
        config.lead_ns = lead_ns(LEADS_S[remote] if lead_s is None else lead_s)
        if remote == "none" and config.lead_ns > 0:
            raise ValueError("lead_s: say with remote= what holds the audio that is sent ahead of its time")
        if remote != "none" and kind == "device":
            raise ValueError("remote: a sound card pulls by itself; only paced and network lines send to a remote")
        if socket is not None and kind != "network":
            raise ValueError(f"socket: only lines of kind 'network' have one, not {kind!r}")
        if socket is not None and remote in ("clears", "ducks"):
            raise ValueError(f"remote={remote!r}: nobody can be told to clear over RTP; use 'none' or 'plays'")
        config.input_rate = input_rate
        config.outside_vad = outside_vad
        config.observe = observe
        stage_capsule = getattr(stage, "stage", None)
        config.stage = stage_of(stage, stage_capsule)
        if cleaned and (input_rate != RTA_MIC_RATE or stage is not None):
            raise ValueError(f"add: cleaned=True needs input_rate={RTA_MIC_RATE} (not {input_rate}) and no stage")
        config.cleaned = cleaned
        if not 0 <= upstream_delay_s <= 1:
            raise ValueError(f"upstream_delay_s must be 0..1 seconds, not {upstream_delay_s}")
        config.upstream_delay_samples = <uint32_t>(upstream_delay_s * RTA_MIC_RATE + 0.5)
        size = 1024
        while size < max(input_s if packets is None else 0.0, 2 * self.tick_s + 0.01) * input_rate:
            size *= 2
        config.input_samples = size
        config.detector = (detector if detector is not None else DetectorConfig()).config
        config.device_latency_ns = nanoseconds(device_latency_s, "device_latency_s", 10)
        config.device_bound_ns = nanoseconds(device_bound_s, "device_bound_s", 10)
        if wake is None:
            config.wake_fd = -1
        else:
            config.wake_fd = (<Wake>wake).wake.write_fd if isinstance(wake, Wake) else wake
            if config.wake_fd < 0:
                raise ValueError("wake: the wake-up is closed, or not a descriptor")
        with self.lock:
            engine = self._open()
            socket_of(socket, rtp, send_to, packets is not None, port.rate, &config.socket)
            if id(port) in driven:
                raise SecondConsumer("add: an engine already drives this port; remove its line first")
            with nogil:
                status = rta_engine_add(engine, c_port, &config, &c_line)
            if status == RTA_BUSY:
                raise SecondConsumer("add: somebody else already pulls this port's playout; detach it first")
            if status == RTA_FULL:
                raise RuntimeError(f"add: the engine is full: {len(self.lines)} lines (see max_lines), or more than 64 "
                                   f"wake-up descriptors")
            if status == RTA_INVALID and stage is not None:
                raise ValueError(f"add: the stage {type(stage).__name__} refused to begin, or there is no way from "
                                 f"input_rate={input_rate} or the port's {port.rate} to {RTA_MIC_RATE} Hz")
            if status == RTA_INVALID:
                raise ValueError(f"add: no way from input_rate={input_rate} to {RTA_MIC_RATE} Hz; use 8000, 11025, "
                                 f"12000, 16000, 22050, 24000, 32000, 44100 or 48000")
            if status != RTA_OK:
                raise failure(status, "add")
            line = Line.__new__(Line)
            line.line = c_line
            line.attached = True
            line.port, line.kind, line.input_rate = port, kind, input_rate
            line.wake, line.journal, line.stage = wake, journal, (stage, stage_capsule)
            line.outside_vad, line.cleaned, line.packets = outside_vad, cleaned, packets
            line.socket, line.rtp = socket, rtp
            line.ssrc = None if rtp is None else config.socket.rtp.ssrc
            if socket is not None:
                socket.used = True
            if isinstance(wake, Wake):
                (<Wake>wake).users += 1
            self.lines.append(line)
            driven[id(port)] = line
        return line

    def remove(self, Line line not None):
        """Returns when no step uses the line any more."""
        cdef rta_engine *engine
        cdef rta_line *c_line = line.line
        with self.lock:
            engine = self._open()
            for i, mine in enumerate(self.lines):
                if mine is line:
                    break
            else:
                raise ValueError("remove: this line is not in this engine (removed before?)")
            with nogil:
                rta_engine_remove(engine, c_line)
            del self.lines[i]
            line.release()

    def start(self):
        """Starts the thread. Its grid of ticks begins now: time that passed before is not caught up."""
        cdef rta_engine *engine
        cdef rta_status status = RTA_OK
        with self.lock:
            engine = self._open()
            with nogil:
                status = rta_engine_start(engine)
            if status == RTA_BUSY:
                raise RuntimeError("start: the engine already runs")
            if status != RTA_OK:
                raise failure(status, "start: no thread")
            self.thread_runs = True
            self.pid = getpid()

    def stop(self):
        """Stops the thread; returns when it has ended. Not running: does nothing."""
        cdef rta_engine *engine
        with self.lock:
            engine = self._open()
            with nogil:
                rta_engine_stop(engine)
            self.thread_runs = False

    def step(self, int64_t now_ns):
        """Carries out every tick due at `now_ns` of a clock of the caller's, which never falls nor jumps over an hour."""
        cdef rta_engine *engine
        cdef rta_status status = RTA_OK
        with self.lock:
            engine = self._open()
            with nogil:
                status = rta_engine_step(engine, now_ns)
        if status == RTA_BUSY:
            raise RuntimeError("step: the engine's own thread runs; stop() it before stepping by hand")
        if status == RTA_INVALID:
            raise ValueError(f"step: now_ns={now_ns} fell, or is more than an hour after the last step; take smaller steps")

    @property
    def running(self):
        """Whether the thread runs."""
        return bool(self.engine != NULL and self.thread_runs)

    def figures(self):
        """Counters of engine.h; thread_id is 0 while no thread runs."""
        cdef rta_engine_figures f
        rta_engine_figures_read(self._open(), &f)
        return {
            "steps": f.steps,
            "ticks": f.ticks,
            "late_steps": f.late_steps,
            "max_lateness_ns": f.max_lateness_ns,
            "busy_ns": f.busy_ns,
            "windows": f.windows,
            "batches": f.batches,
            "wakes": f.wakes,
            "thread_id": f.thread_id,
        }

    def close(self):
        """Stops, removes every line. May be called again."""
        cdef rta_engine *engine
        with self.lock:
            engine = self.engine
            self.engine = NULL
            if engine == NULL or self._forked():
                return
            with nogil:
                rta_engine_destroy(engine)
            for line in self.lines:
                (<Line>line).release()
            self.lines = []

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


@cython.no_gc_clear
cdef class DeviceCallbacks:
    """The C callbacks of csrc/device.h for one line; addresses for sounddevice's _StreamBase.

    Keep it, and close both streams before close() or before letting it go: PortAudio calls into it."""

    cdef rta_device *device
    cdef readonly Line line
    cdef readonly bint detoured
    cdef object __weakref__

    def __init__(self, Line line not None, *, uint32_t input_channels=1, uint32_t output_channels=1,
                 double output_latency_s=0.0, double input_latency_s=0.0, object detour_rate=None):
        cdef uint64_t detour = 1024
        cdef int64_t output_ns = nanoseconds(output_latency_s, "output_latency_s", 10)
        cdef int64_t input_ns = nanoseconds(input_latency_s, "input_latency_s", 10)
        cdef rta_status status = RTA_OK
        if self.device != NULL:
            raise RuntimeError("these callbacks are already made")
        if line.kind != "device":
            raise ValueError("the line is paced by the engine; add the port with kind='device'")
        if not line.attached:
            raise PortClosed("this line was removed from its engine")
        for name, value in (("input_channels", input_channels), ("output_channels", output_channels)):
            if not 1 <= value <= RTA_DEVICE_CHANNELS:
                raise ValueError(f"{name} must be 1..{RTA_DEVICE_CHANNELS}, not {value}")
        if detour_rate is not None and not 1000 <= detour_rate <= 1000000:
            raise ValueError(f"detour_rate must be a rate in Hz, not {detour_rate}")
        status = rta_device_create(&self.device, line.line, input_channels, output_channels, output_ns, input_ns)
        if status == RTA_BUSY:
            raise SecondConsumer("somebody else already pulls this port's playout; detach it first")
        if status != RTA_OK:
            raise failure(status, "device callbacks")
        self.line = line  # from here on: the device uses it until it is destroyed
        if detour_rate is not None:
            while detour < 2 * <uint64_t>detour_rate:
                detour *= 2
            status = rta_device_detour(self.device, <uint32_t>detour_rate, detour)
            if status != RTA_OK:
                raise failure(status, "detour")
            self.detoured = True
        line.device = weakref.ref(self)

    def __dealloc__(self):
        rta_device_destroy(self.device)

    cdef rta_device *_open(self) except NULL:
        if self.device == NULL:
            raise PortClosed("these callbacks are closed")
        return self.device

    @property
    def input_callback(self):
        """Address of the input stream's callback."""
        return <uintptr_t>&rta_device_input

    @property
    def output_callback(self):
        """Address of the output stream's callback."""
        return <uintptr_t>&rta_device_output

    @property
    def userdata(self):
        """Address to hand to both streams."""
        return <uintptr_t>self._open()

    def take(self):
        """Of the detour: what the microphone has brought since the last call."""
        cdef rta_device *device = self._open()
        cdef cnp.ndarray out = np.empty(rta_device_waiting(device), np.float32)
        rta_device_take(device, <float *>cnp.PyArray_DATA(out), <uint64_t>out.shape[0])
        return out

    def set_latency(self, double output_s, double input_s):
        """The streams' latencies as PortAudio reports them after opening."""
        rta_device_set_latency(self._open(), nanoseconds(output_s, "output_s", 10), nanoseconds(input_s, "input_s", 10))

    def figures(self):
        """Counters and times of device.h."""
        cdef rta_device_figures f
        rta_device_figures_read(self._open(), &f)
        return {
            "input_callbacks": f.input_callbacks,
            "output_callbacks": f.output_callbacks,
            "input_samples": f.input_samples,
            "output_samples": f.output_samples,
            "input_overflows": f.input_overflows,
            "output_underflows": f.output_underflows,
            "first_input_ns": f.first_input_ns,
            "first_output_ns": f.first_output_ns,
            "output_latency_ns": f.output_latency_ns,
            "input_latency_ns": f.input_latency_ns,
            "output_late_pulls": f.output_late_pulls,
            "detour_dropped": f.detour_dropped,
            "output_failed": f.output_failed,
        }

    def close(self):
        """Gives the consumer's role back. Only after both streams are closed; may be called again."""
        cdef rta_device *device = self.device
        self.device = NULL
        if device != NULL:
            rta_device_destroy(device)
            self.line.device = None
