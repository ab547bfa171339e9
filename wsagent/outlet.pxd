cimport cython

from .core.outgoing cimport PreparedMessage
from .delivery cimport Delivery
from .keepalive cimport Keepalive
from .sending cimport SendBuffer
from .sockets.transport cimport SegmentReceiver


cdef class Outlet(SegmentReceiver):
    cdef readonly object settings
    cdef object _wheel
    cdef Delivery _connection
    cdef SendBuffer _buffer
    cdef Keepalive _keepalive
    cdef long long _sendLimit
    cdef bint _hasIdleTimeout
    cdef bint _isIdle
    cdef tuple _owed
    cdef object _sources
    cdef public object transport
    cdef object _owner
    cdef object _progress

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

    cdef _messagePassed(self)
    cdef _makeWay(self)

    @cython.locals(connection=Delivery, limit="long long", amount="long long")
    cdef _checkSending(self)
