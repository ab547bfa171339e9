from .deflate cimport Deflater, Inflater


cdef class DeflateCodec:
    cdef long long _threshold
    cdef Deflater _deflater
    cdef Inflater _inflater
    cdef bint _isMute

    cpdef encode(self, bytes payload, choice)
    cpdef bytes decode(self, bytes data, bint isLast, long long limit)
    cpdef rest(self)
