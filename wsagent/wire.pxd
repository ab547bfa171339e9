cimport cython

from .delivery cimport Delivery
from .outlet cimport Outlet


cdef class Wire(Outlet):
    cdef public object factory
    cdef bint _isClient
    cdef bint _isHeldBack
    cdef object _opening
    cdef public long long address
    cdef readonly double openedAt
    cdef object _agent
    cdef object _inbox
    cdef object _openDeadline
    cdef object _parting
    cdef bint _hasMessageTimeout
    cdef bint _isPausedByAgent
    cdef bint _isReading
    cdef bint _isLost
    cdef object __weakref__

    @cython.locals(connection=Delivery)
    cpdef dataReceived(self, bytes data)
    cpdef connectionLost(self, reason=*)

    @cython.locals(connection=Delivery, isOutermost=bint, before="long long")
    cdef _feed(self, bytes data)
