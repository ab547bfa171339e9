cimport cython

from .sockets.transport cimport LaneTransport


cdef Py_ssize_t _SLICE
cdef Py_ssize_t _MANY


@cython.final
cdef class SendBuffer:
    cdef object _transport
    cdef LaneTransport _lane
    cdef object _owner
    cdef long long _highWater
    cdef object _waiting
    cdef Py_ssize_t _waitingAmount
    cdef Py_ssize_t _handedOver
    cdef bint _isFull
    cdef bint _isFilled
    cdef bint _isCorked
    cdef bytes _corked
    cdef list _alsoCorked
    cdef Py_ssize_t _corkedAmount
    cdef object _whenEmpty

    @cython.locals(handedOver=Py_ssize_t)
    cpdef Py_ssize_t amount(self) except -1
    cpdef bint cork(self) except -1
    cpdef uncork(self)
    cpdef write(self, bytes data, bytes payload=*)
    cpdef discard(self)
    cpdef notifyWhenEmpty(self, call)
    cpdef release(self)

    @cython.locals(corked=bytes, also=list)
    cdef _flush(self)

    cdef _push(self, bytes data)

    @cython.locals(sent=Py_ssize_t)
    cdef _sendLarge(self, bytes header, bytes payload)

    cdef _queue(self, data)
    cdef _pump(self)

    @cython.locals(parts=list, length=Py_ssize_t)
    cdef bytes _joined(self, data)

    @cython.locals(sent=Py_ssize_t)
    cdef _handOver(self, data)

    cdef _checkFilled(self)
