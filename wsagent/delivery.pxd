from .core.connection cimport Connection
from .sending cimport SendBuffer


cdef class Delivery(Connection):
    cdef object _agent
    cdef object _inbox
    cdef SendBuffer _buffer
    cdef object _owner
    cdef public long long octetsReceived
    cdef readonly long long octetsSent
    cdef public object tap

    cdef _follow(self, result)
