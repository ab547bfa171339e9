cimport cython

from .timing cimport Timer


cdef class Keepalive(Timer):
    cdef object _settings
    cdef object _owner
    cdef bint _isStopped
    cdef bint _isReading
    cdef bytes _payload
    cdef double _roundTripTime
    cdef long long _messageNumber
    cdef double _messageBeganAt
    cdef double _pingedAt
    cdef double _heardAt
    cdef double _messageAt

    cpdef end(self)
    cpdef segmentReceived(self)
    cpdef messagePassed(self)
    cpdef expired(self)

    @cython.locals(due=double)
    cdef _run(self)

    cdef _ping(self)

    cdef double _pingsAt(self) except? -1
    cdef double _silenceEndsAt(self) except? -1
    cdef double _idleEndsAt(self) except? -1
    cdef double _messageEndsAt(self) except? -1
