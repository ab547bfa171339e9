cimport cython

from wsagent.timing cimport Wheel

from . cimport system
from .transport cimport LaneTransport


cdef double _TURN
cdef int _CHECK
cdef int _MANY


@cython.final
cdef class Lane:
    cdef object _reactor
    cdef object _ended
    cdef object _epoll
    cdef Wheel _wheel
    cdef list _transports
    cdef Py_ssize_t _count
    cdef system.Batch _batch
    cdef int _most
    cdef long long _turn
    cdef object __weakref__

    @cython.locals(until=double)
    cpdef doRead(self)

    @cython.locals(
        batch=system.Batch,
        count=int,
        index=int,
        transport=LaneTransport,
        transports=list,
        turn="long long",
    )
    cdef int _serve(self, double until) except -1
