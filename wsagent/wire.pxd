cimport cython

from .core.outgoing cimport PreparedMessage
from .delivery cimport Delivery
from .keepalive cimport Keepalive
from .sending cimport SendBuffer
from .sockets.transport cimport SegmentReceiver


cdef class Wire(SegmentReceiver):
    cdef public object transport
    cdef public object factory
    cdef readonly object settings
    cdef object _wheel
    cdef bint _isClient
    cdef object _opening
    cdef object _lost
    cdef object _agent
    cdef Delivery _connection
    cdef SendBuffer _buffer
    cdef Keepalive _keepalive
    cdef object _sources
    cdef object _inbox
    cdef object _openDeadline
    cdef object _sendDeadline
    cdef object _parting
    cdef long long _sendLimit
    cdef bint _hasIdleTimeout
    cdef bint _hasMessageTimeout
    cdef bint _isPausedByAgent
    cdef bint _isReading
    cdef bint _isIdle
    cdef tuple _owed
    cdef bint _isLost
    cdef object __weakref__

    @cython.locals(connection=Delivery)
    cpdef dataReceived(self, bytes data)

    cdef _messagePassed(self)

    @cython.locals(connection=Delivery, isOutermost=bint, before="long long")
    cdef _feed(self, bytes data)

    cpdef sendText(self, text, choice)
    cpdef sendBytes(self, data, choice)
    cpdef sendPrepared(self, PreparedMessage prepared)

    @cython.locals(wasOwed=bint)
    cpdef bint owe(self, tuple owed) except -1

    @cython.locals(
        amount=Py_ssize_t,
        connection=Delivery,
        hasCorked=bint,
        prepared=PreparedMessage,
    )
    cpdef Py_ssize_t sendOwed(self) except -1

    cdef _makeWay(self)

    @cython.locals(connection=Delivery, limit="long long", amount="long long")
    cdef _checkSending(self)
