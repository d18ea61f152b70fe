# SPDX-License-Identifier: Apache-2.0
#
# codec.pxi: csrc/codec.h. Include after rtp.pxi and opus.pxi.

cdef extern from "codec.h" nogil:
    enum: RTA_CODEC_OPUS
    enum: RTA_CODECS
    const char *rta_codec_name(uint32_t codec)
    uint32_t rta_codec_clock(uint32_t codec, uint32_t rate)
    ctypedef struct rta_payload_look:
        bint malformed
        bint announces
        uint32_t samples
        uint32_t fec_samples
    ctypedef struct rta_decoder
    rta_status rta_decoder_check(uint32_t codec, uint32_t rate, uint32_t channels, const char **why)
    rta_status rta_decoder_create(rta_decoder **out, uint32_t codec, uint32_t rate, uint32_t channels)
    void rta_decoder_destroy(rta_decoder *decoder)
    rta_payload_look rta_decoder_look(const rta_decoder *decoder, const uint8_t *payload, uint32_t bytes)
    rta_status rta_decode(rta_decoder *decoder, const uint8_t *payload, uint32_t bytes, int16_t *out, uint32_t room,
                          uint32_t *samples)
    bint rta_decoder_conceals(const rta_decoder *decoder)
    rta_status rta_decoder_conceal(rta_decoder *decoder, int16_t *out, uint32_t samples)
    rta_status rta_decoder_fec(rta_decoder *decoder, const uint8_t *next, uint32_t bytes, int16_t *out, uint32_t room,
                               uint32_t *samples)
    void rta_decoder_reset(rta_decoder *decoder)
    uint32_t rta_decoder_delay_samples(const rta_decoder *decoder)
    ctypedef struct rta_encoder_config:
        uint32_t codec, rate, channels, frame_samples, bitrate, complexity, loss_percent
        bint dtx
        bint fec
    ctypedef struct rta_encoder
    void rta_encoder_defaults(rta_encoder_config *config, uint32_t codec, uint32_t rate, uint32_t channels)
    rta_status rta_encoder_check(const rta_encoder_config *config, const char **why)
    rta_status rta_encoder_create(rta_encoder **out, const rta_encoder_config *config)
    void rta_encoder_destroy(rta_encoder *encoder)
    rta_status rta_encode(rta_encoder *encoder, const int16_t *samples, uint8_t *out, uint32_t room, uint32_t *count)
    uint32_t rta_encoder_bytes_most(const rta_encoder *encoder)
    void rta_encoder_reset(rta_encoder *encoder)
    uint32_t rta_encoder_delay_samples(const rta_encoder *encoder)

cdef dict _CODECS = {rta_codec_name(number).decode(): number for number in range(RTA_CODECS)}


cdef uint8_t codec_number(object name) except 255:
    """Of a codec by its name; binds what it needs."""
    if name not in _CODECS:
        raise ValueError(f"codec {name!r}: expected one of {', '.join(_CODECS)}")
    cdef uint8_t number = _CODECS[name]
    if number == RTA_CODEC_OPUS:
        bind_opus()
    return number


def opus_version():
    """What libopus says of itself."""
    bind_opus()
    return rta_opus().get_version_string().decode()


cdef cnp.ndarray samples_of(uint32_t samples, int channels):
    """A new array for so many samples of each channel."""
    cdef cnp.npy_intp shape[2]
    shape[0], shape[1] = samples, channels
    return cnp.PyArray_SimpleNew(1 if channels == 1 else 2, shape, cnp.NPY_INT16)


cdef class Decoder:
    """Payloads in, samples out."""

    cdef rta_decoder *decoder
    cdef readonly str codec
    cdef readonly int rate
    cdef readonly int channels
    cdef readonly int clock_rate
    cdef readonly int delay_samples
    cdef readonly bint conceals

    def __cinit__(self, codec, rate, *, channels=1):
        cdef const char *why = NULL
        cdef uint32_t number = codec_number(codec), hz = whole(rate, "rate", 1 << 20), count = whole(channels, "channels", 255)
        if rta_decoder_check(number, hz, count, &why) != RTA_OK:
            raise ValueError(f"decoder of {codec} at {rate} Hz: {why.decode()}")
        if rta_decoder_create(&self.decoder, number, hz, count) != RTA_OK:
            raise MemoryError("decoder: no memory")
        self.codec, self.rate, self.channels = codec, rate, channels
        self.clock_rate = rta_codec_clock(number, hz)
        self.delay_samples = rta_decoder_delay_samples(self.decoder)
        self.conceals = rta_decoder_conceals(self.decoder)

    def __dealloc__(self):
        rta_decoder_destroy(self.decoder)

    cdef cnp.ndarray run(self, object payload, bint fec):
        cdef Py_buffer view
        cdef rta_payload_look look
        cdef uint32_t samples = 0, count
        cdef cnp.ndarray out
        PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE)
        try:
            if view.len > 65535:
                raise ValueError(f"payload of {view.len} bytes: expected at most 65535")
            count = <uint32_t>view.len
            look = rta_decoder_look(self.decoder, <const uint8_t *>view.buf, count)
            if look.malformed:
                raise ValueError(f"payload of {count} bytes is no {self.codec} of {self.channels} channels")
            out = samples_of(look.fec_samples if fec else look.samples, self.channels)
            # With the lock, so that two threads that use one decoder all the same cannot break it.
            if fec:
                rta_decoder_fec(self.decoder, <const uint8_t *>view.buf, count, <int16_t *>cnp.PyArray_DATA(out),
                                look.fec_samples, &samples)
            else:
                rta_decode(self.decoder, <const uint8_t *>view.buf, count, <int16_t *>cnp.PyArray_DATA(out),
                           look.samples, &samples)
        finally:
            PyBuffer_Release(&view)
        return out

    def decode(self, payload):
        """The samples of the next payload."""
        return self.run(payload, False)

    def decode_fec(self, next_payload):
        """The samples before a payload, out of it."""
        return self.run(next_payload, True)

    def conceal(self, samples):
        """Samples in place of some that never came."""
        if not self.conceals:
            raise ValueError(f"{self.codec} has no concealment of its own; a JitterBuffer has one for all codecs")
        cdef uint32_t count = whole(samples, "samples", 10 * 48000)
        cdef cnp.ndarray out = samples_of(count, self.channels)
        rta_decoder_conceal(self.decoder, <int16_t *>cnp.PyArray_DATA(out), count)
        return out

    def reset(self):
        """As newly made."""
        rta_decoder_reset(self.decoder)


cdef class Encoder:
    """Samples in, payloads out."""

    cdef rta_encoder *encoder
    cdef bytearray room
    cdef readonly str codec
    cdef readonly int rate
    cdef readonly int channels
    cdef readonly int clock_rate
    cdef readonly int frame_samples
    cdef readonly int delay_samples

    def __cinit__(self, codec, rate, *, channels=1, frame_s=0.02, bitrate=None, complexity=None, dtx=False, fec=False,
                  expected_loss=0.1):
        cdef const char *why = NULL
        cdef rta_encoder_config config
        encoder_config(&config, codec, rate, channels, frame_s, bitrate, complexity, dtx, fec, expected_loss)
        if rta_encoder_create(&self.encoder, &config) != RTA_OK:
            raise MemoryError("encoder: no memory")
        self.room = bytearray(rta_encoder_bytes_most(self.encoder))
        self.codec, self.rate, self.channels = codec, rate, channels
        self.clock_rate = rta_codec_clock(config.codec, config.rate)
        self.frame_samples = config.frame_samples
        self.delay_samples = rta_encoder_delay_samples(self.encoder)

    def __dealloc__(self):
        rta_encoder_destroy(self.encoder)

    def encode(self, samples):
        """One frame's payload."""
        cdef cnp.ndarray array
        cdef uint32_t count = 0
        cdef uint8_t *out = self.room
        if self.channels == 2 and isinstance(samples, cnp.ndarray) and samples.ndim == 2 and samples.shape[1] == 2:
            samples = samples.reshape(-1)
        array = sample_array(samples, cnp.NPY_INT16, "samples", "int16")
        if cnp.PyArray_SIZE(array) != self.frame_samples * self.channels:
            raise ValueError(f"samples: expected a frame of {self.frame_samples} samples of {self.channels} channels, "
                             f"got {cnp.PyArray_SIZE(array)} values")
        rta_encode(self.encoder, <const int16_t *>cnp.PyArray_DATA(array), out, <uint32_t>len(self.room), &count)
        return PyBytes_FromStringAndSize(<const char *>out, count)

    def reset(self):
        """As newly made."""
        rta_encoder_reset(self.encoder)


cdef int encoder_config(rta_encoder_config *config, codec, rate, channels, frame_s, bitrate, complexity, dtx, fec,
                        expected_loss) except -1:
    """Fills and checks; None: what codec.h has."""
    cdef const char *why = NULL
    rta_encoder_defaults(config, codec_number(codec), whole(rate, "rate", 1 << 20), whole(channels, "channels", 255))
    if not 0 < frame_s <= 1:
        raise ValueError(f"frame_s={frame_s!r}: expected 0.01, 0.02, 0.04 or 0.06")
    config.frame_samples = round(frame_s * rate)
    if bitrate is not None:
        config.bitrate = whole(bitrate, "bitrate", 1 << 30)
    if complexity is not None:
        config.complexity = whole(complexity, "complexity", 10)
    if not 0 <= expected_loss <= 0.5:
        raise ValueError(f"expected_loss={expected_loss!r}: expected 0 .. 0.5")
    config.loss_percent = round(100 * expected_loss)
    config.dtx, config.fec = dtx, fec
    if rta_encoder_check(config, &why) != RTA_OK:
        raise ValueError(f"encoder of {codec} at {rate} Hz: {why.decode()}")
    return 0
