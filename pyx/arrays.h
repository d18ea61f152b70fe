/* SPDX-License-Identifier: Apache-2.0
 *
 * arrays.h: what the bindings of all numeric kernels share: arguments that are arrays, the choice of an instruction set,
 * a thread's working memory. Include it after pybind11.
 */
#ifndef RTA_ARRAYS_H
#define RTA_ARRAYS_H

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "kernels/isa.h"

namespace {

namespace py = pybind11;

using Shape = std::vector<py::ssize_t>;

inline std::string text(const Shape &shape) {
    std::string out = "(";
    for (size_t i = 0; i < shape.size(); ++i) out += (i ? ", " : "") + std::to_string(shape[i]);
    return out + (shape.size() == 1 ? ",)" : ")");
}

/* A C-contiguous, aligned float32 array in the machine's byte order; says what is wrong with anything else. */
inline py::array floats(const py::handle &value, const std::string &name, bool writeable) {
    if (!py::isinstance<py::array>(value))
        throw py::type_error(name + ": a NumPy array of float32 is wanted, not " +
                             std::string(py::str(py::type::handle_of(value).attr("__name__"))));
    py::array array = py::reinterpret_borrow<py::array>(value);
    if (!array.dtype().equal(py::dtype::of<float>()))
        throw py::type_error(name + ": dtype float32 is wanted, not " + std::string(py::str(array.dtype())));
    const int flags = array.flags();
    if (!(flags & py::array::c_style) || !(flags & py::detail::npy_api::NPY_ARRAY_ALIGNED_))
        throw py::value_error(
            name + ": the array is not C-contiguous and aligned; use numpy.require(array, numpy.float32, \"CA\")");
    if (writeable && !array.writeable()) throw py::value_error(name + ": the array is read-only");
    return array;
}

inline Shape shape_of(const py::array &array) { return Shape(array.shape(), array.shape() + array.ndim()); }

inline rta_isa isa_of(const std::optional<std::string> &name) {
    if (!name) return rta_isa_best();
    std::string known;
    for (int i = 0; i < RTA_ISA_COUNT; ++i) {
        const rta_isa isa = static_cast<rta_isa>(i);
        if (*name == rta_isa_name(isa)) {
            if (!rta_isa_available(isa))
                throw py::value_error("instruction set " + *name + ": not available on this machine");
            return isa;
        }
        known += (i ? ", " : "") + std::string(rta_isa_name(isa));
    }
    throw py::value_error("instruction set " + *name + ": unknown; one of " + known);
}

/* Working memory of one thread, kept for its life: a fresh block for each call would cost more than a window. */
inline void *thread_scratch(size_t bytes) {
    struct Free {
        void operator()(void *block) const { ::operator delete(block, std::align_val_t{64}); }
    };
    static thread_local std::unique_ptr<void, Free> block;
    static thread_local size_t size = 0;
    if (size < bytes) {
        block.reset(::operator new(bytes, std::align_val_t{64}));
        size = bytes;
    }
    return block.get();
}

} // namespace
#endif
