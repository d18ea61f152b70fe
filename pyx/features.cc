/* SPDX-License-Identifier: Apache-2.0
 *
 * rtaudio.core._features: what a turn model is told about sound, for Python. Checks arguments, releases the GIL; the
 * arithmetic is in csrc/kernels/.
 */
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>

#include "arrays.h"
#include "kernels/log_mel.h"
#include "kernels/pitch.h"
#include "kernels/prosody.h"

namespace py = pybind11;

namespace {

struct Samples {
    py::array array;
    const float *data;
    size_t count;

    explicit Samples(const py::object &value) : array(floats(value, "samples", false)) {
        if (array.ndim() != 1)
            throw py::value_error("samples: one channel, the shape (n,), is wanted, not " + text(shape_of(array)));
        data = static_cast<const float *>(array.data());
        count = static_cast<size_t>(array.size());
    }
};

class LogMel {
  public:
    explicit LogMel(const std::optional<std::string> &instruction_set) : isa(isa_of(instruction_set)) {
        rta_log_mel *made = nullptr;
        if (rta_log_mel_create(&made, isa) != RTA_OK) throw std::bad_alloc();
        mel.reset(made);
    }

    const char *instruction_set() const { return rta_isa_name(isa); }

    py::array run(const py::object &value, const py::object &out) const {
        const Samples samples(value);
        const Shape shape = {RTA_LOG_MEL_BANDS, RTA_LOG_MEL_FRAMES};
        py::array features = out.is_none() ? py::array_t<float>(shape) : floats(out, "out", true);
        if (shape_of(features) != shape)
            throw py::value_error("out: the shape " + text(shape) + " is wanted, not " + text(shape_of(features)));
        float *to = static_cast<float *>(features.mutable_data());
        {
            py::gil_scoped_release release;
            rta_log_mel_run(mel.get(), samples.data, samples.count, to, thread_scratch(rta_log_mel_scratch_bytes()));
        }
        return features;
    }

  private:
    struct Destroy {
        void operator()(rta_log_mel *m) const { rta_log_mel_destroy(m); }
    };
    rta_isa isa;
    std::unique_ptr<rta_log_mel, Destroy> mel;
};

py::tuple pitch_track(const py::object &value) {
    const Samples samples(value);
    if (samples.count > static_cast<size_t>(RTA_PITCH_HOP) * RTA_PITCH_MOST_FRAMES)
        throw py::value_error("samples: at most 8 s at 16 kHz (128000) are wanted, not " +
                              std::to_string(samples.count));
    const py::ssize_t frames = static_cast<py::ssize_t>(samples.count / RTA_PITCH_HOP);
    py::array_t<float> f0(frames), periodicity(frames);
    float *f = f0.mutable_data(), *p = periodicity.mutable_data();
    {
        py::gil_scoped_release release;
        rta_pitch_track(samples.data, samples.count, f, p, thread_scratch(rta_pitch_scratch_bytes()));
    }
    return py::make_tuple(f0, periodicity);
}

py::dict prosody(const py::object &value, py::ssize_t speech_start) {
    const Samples samples(value);
    if (speech_start < 0 || static_cast<size_t>(speech_start) > samples.count)
        throw py::value_error("speech_start: a sample of the " + std::to_string(samples.count) + " is wanted, not " +
                              std::to_string(speech_start));
    rta_prosody p;
    {
        py::gil_scoped_release release;
        rta_prosody_measure(samples.data, samples.count, static_cast<size_t>(speech_start), &p,
                            thread_scratch(rta_prosody_scratch_bytes()));
    }
    py::dict out;
    out["energy_end"] = p.energy_end;
    out["f0_move_st"] = p.f0_move_st;
    out["f0_end_st"] = p.f0_end_st;
    out["f0_floor_st"] = p.f0_floor_st;
    out["f0_range_st"] = p.f0_range_st;
    out["last_syllable_s"] = p.last_syllable_s;
    out["last_nucleus_s"] = p.last_nucleus_s;
    out["syllable_rate"] = p.syllable_rate;
    out["syllables"] = p.syllables;
    out["speech_s"] = p.speech_s;
    out["noise_dbfs"] = p.noise_dbfs;
    out["speech_dbfs"] = p.speech_dbfs;
    out["decay_db"] = p.decay_db;
    out["end_voiced"] = p.end_voiced;
    return out;
}

} // namespace

PYBIND11_MODULE(_features, m) {
    m.doc() = "Features of speech for turn models. See the .pyi beside this module.";
    py::class_<LogMel>(m, "LogMel", "Whisper's log-mel spectrogram of 8 s; csrc/kernels/log_mel.h.")
        .def(py::init<const std::optional<std::string> &>(), py::arg("instruction_set") = py::none())
        .def_property_readonly("instruction_set", &LogMel::instruction_set)
        .def("run", &LogMel::run, py::arg("samples"), py::arg("out") = py::none());
    m.def("prosody", &prosody, py::arg("samples"), py::arg("speech_start") = 0);
    m.def("pitch_track", &pitch_track, py::arg("samples"));
}
