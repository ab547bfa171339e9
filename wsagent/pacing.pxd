cimport cython

from .delivery cimport Delivery
from .timing cimport Wheel


cdef double _PAUSE


cdef class Bucket:
    cdef readonly double rate
    cdef double _capacity
    cdef double _left
    cdef object _seconds
    cdef double _filledAt

    @cython.locals(now=double, passed=double)
    cpdef bint take(self, long long amount) except -1

    @cython.locals(wanted=double)
    cpdef double wait(self) except? -1


cdef class PacedDelivery(Delivery):
    cdef Wheel _wheel
    cdef bint _isStrict
    cdef Bucket _messages
    cdef Bucket _octets
    cdef object _pause

    @cython.locals(bucket=Bucket)
    cpdef feed(self, bytes data)

    cpdef textReceived(self, str text)
    cpdef bytesReceived(self, bytes data)
    cpdef pieceReceived(self, piece, bint isLast)
    cpdef controlReceived(self, int opcode, bytes payload)

    @cython.locals(bucket=Bucket)
    cdef bint _mayCome(self) except -1

    @cython.locals(wait=double)
    cdef _tooFast(self, Bucket bucket, what)

    cdef _finish(self, lastWord=*)
