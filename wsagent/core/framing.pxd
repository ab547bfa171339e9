cimport cython

from . cimport codes, masking


cdef tuple _SHORT_HEADERS
cdef unsigned long long _LARGEST


cdef class FrameReader:
    cdef object _receiver
    cdef bint _isMasked
    cdef int _rsv
    cdef bytes _lengthBounds
    cdef bytes _backlog
    cdef long long _remaining
    cdef bytes _key
    cdef bint _isPaused
    cdef bint _isReading

    cpdef restoreFrames(self, state)
    cpdef framesState(self)
    cpdef pause(self)
    cpdef resume(self)

    @cython.locals(payload=bytes)
    cpdef take(
        self,
        int first,
        long long length,
        bytes data,
        Py_ssize_t start,
        Py_ssize_t stop,
    )

    cpdef frameReceived(self, int opcode, bint fin, long long length, bytes payload)
    cpdef payloadReceived(self, bytes payload)

    @cython.locals(payload=bytes)
    cpdef sliceReceived(self, bytes data, Py_ssize_t length, bytes key)

    @cython.locals(read=Py_ssize_t, rest=bytes)
    cpdef feed(self, bytes data)

    @cython.locals(
        octets="const unsigned char *",
        bounds="const unsigned char *",
        end=Py_ssize_t,
        offset=Py_ssize_t,
        start=Py_ssize_t,
        stop=Py_ssize_t,
        length="long long",
        first=int,
        maskBit=int,
        isMasked=bint,
    )
    cdef Py_ssize_t _walk(self, bytes data) except -1

    @cython.locals(taken=Py_ssize_t, key=bytes)
    cdef Py_ssize_t _continue(self, bytes data) except -1

    cdef _refuse(self, int first, int second)


@cython.locals(length="unsigned long long", octet="unsigned char")
cdef long long _extendedLength(bytes octets) except -1


cpdef bytes frameHeader(int opcode, long long length, bint fin, bytes key)


@cython.locals(first="unsigned int", second="unsigned int")
cpdef bytes headerStart(int opcode, long long length, bint fin, bint isMasked)


@cython.locals(turn=int)
cdef bytes _rotated(bytes key, Py_ssize_t octets)
