cdef class Keepalive:
    cdef object _clock
    cdef object _deadlines
    cdef object _settings
    cdef object _ping
    cdef object _silenced
    cdef object _timedOut
    cdef readonly object roundTripTime
    cdef bytes _payload
    cdef double _pingedAt
    cdef bint _isReading
    cdef long long _messageNumber
    cdef double _heardAt
    cdef double _messageAt
    cdef object _silence

    cpdef segmentReceived(self)
    cpdef messagePassed(self)
