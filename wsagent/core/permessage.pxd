cimport cython

from .deflate cimport Deflater, Inflater


@cython.final
cdef class Volume:
    cdef readonly long long plainReceived
    cdef readonly long long encodedReceived
    cdef readonly long long plainSent
    cdef readonly long long encodedSent


cdef class DeflateCodec:
    cdef long long _threshold
    cdef Deflater _deflater
    cdef Inflater _inflater
    cdef bint _isMute
    cdef Volume _volume

    @cython.locals(encoded=bytes)
    cpdef encode(self, bytes payload, choice)

    @cython.locals(plain=bytes)
    cpdef bytes decode(self, bytes data, bint isLast, long long limit)

    cpdef rest(self)
