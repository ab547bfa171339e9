cimport cython

from .core.connection cimport Connection
from .delivery cimport Delivery
from .keepalive cimport Keepalive
from .sending cimport SendBuffer


cdef class Wire:
    cdef public object transport
    cdef public object factory
    cdef readonly object settings
    cdef object _clock
    cdef object _role
    cdef object _opening
    cdef object _lost
    cdef object _deadlines
    cdef object _agent
    cdef Connection _connection
    cdef SendBuffer _buffer
    cdef Delivery _delivery
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

    @cython.locals(connection=Connection)
    cpdef dataReceived(self, data)

    cdef _messagePassed(self)

    @cython.locals(connection=Connection, isOutermost=bint)
    cdef _feed(self, data)

    cpdef sendText(self, text, choice)
    cpdef sendBytes(self, data, choice)

    @cython.locals(limit="long long", amount="long long")
    cdef _checkSending(self)
