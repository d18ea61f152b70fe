/* SPDX-License-Identifier: Apache-2.0
 *
 * rtaudio.core._kernels: numeric kernels for Python. Checks arguments, releases the GIL, turns errors into exceptions;
 * the arithmetic is in csrc/kernels/.
 */
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "arrays.h"
#include "kernels/silero.h"

namespace py = pybind11;

namespace {

/* One named tensor of the weights, of an exact shape and finite. Kept alive by the mapping it comes from. */
const float *tensor(const py::dict &weights, const char *name, const Shape &shape) {
    if (!weights.contains(name)) throw py::key_error(std::string("weights: no tensor ") + name);
    const py::array array = floats(weights[name], std::string("weights: ") + name, false);
    if (shape_of(array) != shape)
        throw py::value_error(std::string("weights: ") + name + " has the shape " + text(shape_of(array)) + ", not " +
                              text(shape));
    const float *data = static_cast<const float *>(array.data());
    for (py::ssize_t i = 0; i < array.size(); ++i)
        if (!std::isfinite(data[i]))
            throw py::value_error(std::string("weights: ") + name + " holds a value that is not finite");
    return data;
}

class Silero {
  public:
    Silero(const py::dict &weights, const std::optional<std::string> &instruction_set, py::ssize_t rate) {
        if (rate != 16000 && rate != 8000)
            throw py::value_error("rate: Silero VAD hears at 16000 or 8000 Hz, not at " + std::to_string(rate));
        static const char *const conv_names[4] = {"conv1", "conv2", "conv3", "conv4"};
        const py::ssize_t sizes[4][2] = {{128, rate == 16000 ? 129 : 65}, {64, 128}, {64, 64}, {128, 64}};
        rta_silero_weights w{};
        for (int i = 0; i < 4; ++i) {
            w.conv_weight[i] =
                tensor(weights, (std::string(conv_names[i]) + ".weight").c_str(), {sizes[i][0], sizes[i][1], 3});
            w.conv_bias[i] = tensor(weights, (std::string(conv_names[i]) + ".bias").c_str(), {sizes[i][0]});
        }
        w.lstm_input = tensor(weights, "lstm.weight_ih", {512, 128});
        w.lstm_hidden = tensor(weights, "lstm.weight_hh", {512, 128});
        w.lstm_input_bias = tensor(weights, "lstm.bias_ih", {512});
        w.lstm_hidden_bias = tensor(weights, "lstm.bias_hh", {512});
        w.output_weight = tensor(weights, "output.weight", {1, 128, 1});
        w.output_bias = *tensor(weights, "output.bias", {1});
        rta_silero *made = nullptr;
        const rta_status status = rta_silero_create(&made, &w, static_cast<uint32_t>(rate), isa_of(instruction_set));
        if (status == RTA_NOMEM) throw std::bad_alloc();
        if (status != RTA_OK) throw std::runtime_error(std::string("Silero kernel: ") + "invalid instruction set");
        model.reset(made);
    }

    const rta_vad_kernel &kernel() const { return *rta_silero_kernel(model.get()); }
    const char *instruction_set() const { return rta_isa_name(rta_silero_isa(model.get())); }

    py::array_t<float> run(const py::object &states, const py::object &windows) const {
        Batch batch(*this, states, windows);
        py::array_t<float> probabilities(static_cast<py::ssize_t>(batch.states.size()));
        float *out = probabilities.mutable_data();
        {
            py::gil_scoped_release release;
            batch.run(kernel(), out);
        }
        return probabilities;
    }

    py::array_t<double> time_runs(const py::object &states, const py::object &windows, py::ssize_t runs,
                                  py::ssize_t flush_bytes) const {
        if (runs < 1) throw py::value_error("runs: at least 1 is wanted");
        if (flush_bytes < 0) throw py::value_error("flush_bytes: at least 0 is wanted");
        std::vector<unsigned char> others(static_cast<size_t>(flush_bytes));
        volatile unsigned char *const touched = others.data();
        Batch batch(*this, states, windows);
        std::vector<float> probabilities(batch.states.size());
        py::array_t<double> seconds(runs);
        double *out = seconds.mutable_data();
        {
            py::gil_scoped_release release;
            for (py::ssize_t i = 0; i < runs; ++i) {
                for (size_t k = 0; k < others.size(); k += 64) touched[k] = static_cast<unsigned char>(touched[k] + 1);
                const auto begin = std::chrono::steady_clock::now();
                batch.run(kernel(), probabilities.data());
                out[i] = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
            }
        }
        return seconds;
    }

  private:
    struct Destroy {
        void operator()(rta_silero *m) const { rta_silero_destroy(m); }
    };
    std::unique_ptr<rta_silero, Destroy> model;

    /* Rows of two arrays as the kernel wants them; holds the arrays. */
    struct Batch {
        py::array state_array, window_array;
        std::vector<float *> states;
        std::vector<const float *> windows;

        Batch(const Silero &model, const py::object &state_rows, const py::object &window_rows)
            : state_array(floats(state_rows, "states", true)), window_array(floats(window_rows, "windows", false)) {
            const py::ssize_t state_floats = model.kernel().state_floats,
                              window_samples = model.kernel().window_samples;
            check(state_array, "states", state_floats);
            check(window_array, "windows", window_samples);
            const py::ssize_t rows = state_array.shape(0);
            if (window_array.shape(0) != rows)
                throw py::value_error("windows: " + std::to_string(window_array.shape(0)) + " rows where states have " +
                                      std::to_string(rows));
            float *state = static_cast<float *>(state_array.mutable_data());
            const float *window = static_cast<const float *>(window_array.data());
            for (py::ssize_t i = 0; i < rows; ++i) {
                states.push_back(state + i * state_floats);
                windows.push_back(window + i * window_samples);
            }
        }

        static void check(const py::array &array, const std::string &name, py::ssize_t columns) {
            if (array.ndim() != 2 || array.shape(1) != columns)
                throw py::value_error(name + ": the shape (batch, " + std::to_string(columns) + ") is wanted, not " +
                                      text(shape_of(array)));
        }

        void run(const rta_vad_kernel &kernel, float *probabilities) const {
            void *scratch = thread_scratch(kernel.scratch_bytes);
            for (size_t i = 0; i < states.size(); i += kernel.max_batch) {
                const size_t left = states.size() - i, count = left < kernel.max_batch ? left : kernel.max_batch;
                kernel.run(kernel.model, static_cast<uint32_t>(count), &states[i], &windows[i], probabilities + i,
                           scratch);
            }
        }
    };
};

/* The capsule's context is its owner: weights live as long as anybody holds the kernel. */
py::object kernel_capsule(const py::object &self) {
    const Silero &model = self.cast<const Silero &>();
    PyObject *capsule =
        PyCapsule_New(const_cast<rta_vad_kernel *>(&model.kernel()), "rtaudio.vad_kernel",
                      [](PyObject *c) { Py_XDECREF(static_cast<PyObject *>(PyCapsule_GetContext(c))); });
    if (capsule == nullptr) throw py::error_already_set();
    PyCapsule_SetContext(capsule, self.inc_ref().ptr());
    return py::reinterpret_steal<py::object>(capsule);
}

py::list instruction_sets() {
    py::list names;
    for (int i = 0; i < RTA_ISA_COUNT; ++i)
        if (rta_isa_available(static_cast<rta_isa>(i))) names.append(rta_isa_name(static_cast<rta_isa>(i)));
    return names;
}

} // namespace

PYBIND11_MODULE(_kernels, m) {
    m.doc() = "Numeric kernels of the core. See the .pyi beside this module.";
    m.def("instruction_sets", &instruction_sets, "Names of the instruction sets this machine runs, slowest first.");
    py::class_<Silero>(m, "SileroModel", "Silero VAD; csrc/kernels/silero.h.")
        .def(py::init<const py::dict &, const std::optional<std::string> &, py::ssize_t>(), py::arg("weights"),
             py::arg("instruction_set") = py::none(), py::arg("rate") = 16000)
        .def_property_readonly("kernel", &kernel_capsule)
        .def_property_readonly("instruction_set", &Silero::instruction_set)
        .def_property_readonly("rate", [](const Silero &s) { return s.kernel().rate; })
        .def_property_readonly("window_samples", [](const Silero &s) { return s.kernel().window_samples; })
        .def_property_readonly("state_floats", [](const Silero &s) { return s.kernel().state_floats; })
        .def_property_readonly("max_batch", [](const Silero &s) { return s.kernel().max_batch; })
        .def("run", &Silero::run, py::arg("states"), py::arg("windows"))
        .def("time_runs", &Silero::time_runs, py::arg("states"), py::arg("windows"), py::arg("runs"),
             py::arg("flush_bytes") = 0);
}
