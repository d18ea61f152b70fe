# SPDX-License-Identifier: Apache-2.0
#
# arrays.pxi: what every binding asks of an array of samples before the core sees it: the right dtype in native byte
# order, one dimension, contiguous, aligned. Include after `cimport numpy as cnp` and `cnp.import_array()`.

cdef extern from *:
    """
    #define RTA_ARRAY_OK(a) (PyArray_NDIM(a) == 1 && PyArray_ISCARRAY_RO(a))
    """
    bint RTA_ARRAY_OK(cnp.ndarray a)


cdef object refuse_array(object x, str what, str dtypes):
    """Raises what is wrong with x as a one-dimensional contiguous array of one of dtypes."""
    if not isinstance(x, cnp.ndarray):
        raise TypeError(f"{what}: expected a NumPy array of {dtypes}, got {type(x).__name__}")
    if x.dtype.name not in dtypes.split(" or ") or not x.dtype.isnative:
        raise TypeError(f"{what}: expected dtype {dtypes}, got {x.dtype}; convert with astype, "
                        f"or int16 <-> float32 with to_float32 and to_int16")
    if x.ndim != 1:
        raise ValueError(f"{what}: expected a one-dimensional (mono) array, got shape {x.shape}")
    raise ValueError(f"{what}: expected a contiguous array; pass numpy.ascontiguousarray(x)")


cdef inline cnp.ndarray sample_array(object x, int dtype, str what, str dtype_name):
    """x itself, if it is a mono contiguous array of the dtype."""
    if isinstance(x, cnp.ndarray) and cnp.PyArray_TYPE(<cnp.ndarray>x) == dtype and RTA_ARRAY_OK(<cnp.ndarray>x):
        return <cnp.ndarray>x
    refuse_array(x, what, dtype_name)


cdef inline cnp.ndarray new_array(Py_ssize_t count, int dtype):
    cdef cnp.npy_intp shape = count
    return cnp.PyArray_SimpleNew(1, &shape, dtype)
