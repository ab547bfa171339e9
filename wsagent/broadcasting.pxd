cimport cython

from .core.outgoing cimport PreparedMessage
from .wire cimport Wire


@cython.locals(prepared=PreparedMessage)
cpdef spread(list wires, message, compress)


cdef class Spreading:
    cdef object _clock
    cdef object _queue

    @cython.locals(owed=tuple, wire=Wire)
    cpdef add(self, list wires, PreparedMessage prepared)

    cpdef goOn(self)
