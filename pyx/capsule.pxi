# How compiled modules pass a port's handle to one another: in a capsule whose name setup.py makes from the sources that
# lay the port out. Modules built from different sources refuse each other instead of misreading memory.

from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_IsValid, PyCapsule_New

cdef extern from *:
    const char *RTA_PORT_CAPSULE


cdef inline object port_capsule(void *port):
    return PyCapsule_New(port, RTA_PORT_CAPSULE, NULL)


cdef inline void *port_handle(object capsule) except NULL:
    if not PyCapsule_IsValid(capsule, RTA_PORT_CAPSULE):
        raise ImportError("rtaudio's compiled modules were built from different sources; build them together: make setup")
    return PyCapsule_GetPointer(capsule, RTA_PORT_CAPSULE)
