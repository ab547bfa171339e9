cimport cython

from .delivery cimport Delivery
from .keepalive cimport Keepalive
from .sending cimport SendBuffer
from .sockets.transport cimport SegmentReceiver


cdef class Wire(SegmentReceiver):
    cdef public object transport
    cdef public object factory
    cdef readonly object settings
    cdef object _clock
    cdef object _role
    cdef object _opening
    cdef object _lost
    cdef object _deadlines
    cdef object _agent
    cdef Delivery _connection
    cdef SendBuffer _buffer
    cdef Keepalive _keepalive
    cdef object _sources
    cdef object _inbox
    cdef object _ending
    cdef object _parting
    cdef long long _sendLimit
    cdef bint _hasIdleTimeout
    cdef bint _hasMessageTimeout
    cdef bint _isPausedByAgent
    cdef bint _isReading
    cdef bint _isIdle
    cdef bint _isLost
    cdef object __weakref__

    @cython.locals(connection=Delivery)
    cpdef dataReceived(self, bytes data)

    cdef _messagePassed(self)

    @cython.locals(connection=Delivery, isOutermost=bint, before="long long")
    cdef _feed(self, bytes data)

    cpdef sendText(self, text, choice)
    cpdef sendBytes(self, data, choice)

    @cython.locals(connection=Delivery, limit="long long", amount="long long")
    cdef _checkSending(self)
