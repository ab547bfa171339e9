from .wire cimport Wire


cdef class Speaker:
    # While an agent has no more, it has no dictionary.
    cdef public object factory
    cdef public object request
    cdef public object subprotocol
    cdef public Wire _wire
