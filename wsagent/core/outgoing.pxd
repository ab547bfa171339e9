cimport cython

from . cimport codes, masking
from .framing cimport frameHeader


cdef class PreparedMessage:
    cdef readonly int opcode
    cdef readonly bytes payload
    cdef readonly object choice
    cdef bytes _plain
    cdef dict _encoded
    cdef object __weakref__

    @cython.locals(frame=bytes)
    cpdef bytes frame(self, codec)

    @cython.locals(header=bytes)
    cdef bytes _plainFrame(self)

    @cython.locals(encoded=bytes)
    cdef bytes _encodedFrame(self, codec)


cpdef bytes bytesOctets(data)
