cimport cython

from .core.masking cimport Cork, joined, octetsOf
from .sockets.transport cimport LaneTransport


cdef Py_ssize_t _LARGE
cdef Py_ssize_t _SLICE


@cython.final
cdef class Corks:
    cdef Cork _spare

    @cython.locals(spare=Cork)
    cdef Cork take(self)

    cdef giveBack(self, Cork cork)


cdef Corks _corks


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
    cdef Cork _cork
    cdef object _whenEmpty

    @cython.locals(handedOver=Py_ssize_t, corked=Py_ssize_t)
    cpdef Py_ssize_t amount(self) except -1
    cpdef bint cork(self) except -1

    @cython.locals(cork=Cork)
    cpdef uncork(self)

    cpdef write(self, bytes header, payload=*, bytes key=*)
    cpdef discard(self)
    cpdef notifyWhenEmpty(self, call)
    cpdef release(self)

    @cython.locals(cork=Cork, sent=Py_ssize_t, rest=bytes)
    cdef _flush(self)

    cdef _push(self, bytes data)

    @cython.locals(sent=Py_ssize_t)
    cdef _sendLarge(self, bytes header, payload)

    cdef _queue(self, bytes data)
    cdef _queueRest(self, data, Py_ssize_t sent)
    cdef _pump(self)

    @cython.locals(parts=list, length=Py_ssize_t)
    cdef bytes _joined(self, data)

    @cython.locals(sent=Py_ssize_t)
    cdef _handOver(self, data)

    cdef _checkFilled(self)
