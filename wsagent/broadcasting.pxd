cimport cython

from .core.outgoing cimport PreparedMessage
from .wire cimport Wire


@cython.locals(prepared=PreparedMessage)
cpdef spread(list wires, message, compress)


cdef Py_ssize_t _EACH


cdef class Spreading:
    cdef object _clock
    cdef list _queue
    cdef Py_ssize_t _done

    @cython.locals(owed=tuple, queue=list, wire=Wire)
    cpdef add(self, list wires, PreparedMessage prepared)

    @cython.locals(
        queue=list,
        until=double,
        amount=Py_ssize_t,
        look=Py_ssize_t,
        wire=Wire,
    )
    cpdef goOn(self)
