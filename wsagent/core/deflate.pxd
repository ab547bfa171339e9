cimport cython


cdef bytes _TAIL
cdef bytes _LAST_BLOCK
cdef Py_ssize_t _STEP
cdef Py_ssize_t _SHORT


cdef class Inflater:
    cdef int _windowBits
    cdef bint _hasTakeover
    cdef bint _isMovable
    cdef object _stream
    cdef bytes _window
    cdef bytes _beginning
    cdef object _message
    cdef bytes _ending
    cdef int _streams

    @cython.locals(ending=bytes, isWhole=bint, plain=bytes, start=Py_ssize_t)
    cpdef bytes inflate(self, bytes data, bint isLast, long long limit)

    cpdef rest(self)
    cdef _newStream(self)

    @cython.locals(piece=bytes, pieces=list, size=Py_ssize_t)
    cdef bytes _inflate(self, bytes data, long long room, bint isEnded=*)

    @cython.locals(size=Py_ssize_t)
    cdef _remember(self, bytes plain)

    cdef bytes _inflateTail(self, long long room)
    cdef _endMessage(self)
    cdef bint _isBetweenBlocks(self) except *


cdef class Deflater:
    cdef object _compression
    cdef int _windowBits
    cdef bint _hasTakeover
    cdef object _stream
    cdef bytes _window

    @cython.locals(octets=bytes)
    cpdef bytes deflate(self, bytes payload)

    cpdef rest(self)
    cdef _newStream(self)
