from .wire cimport Wire


cdef class Speaker:
    cdef public Wire _wire
