cimport cython

from . cimport codes
from .framing cimport frameHeader
from .messages cimport MessageReader


cdef int _NO_MESSAGE
cdef Py_ssize_t _LARGE


cdef class Connection:
    cdef object _receiver
    cdef object _write
    cdef bint _isClient
    cdef object _codec
    cdef int _rsv
    cdef MessageReader _reader
    cdef readonly bint isOpen
    cdef readonly bint isClosed
    cdef int _sendingOpcode
    cdef object _held
    cdef readonly long long heldAmount

    cpdef restore(self, state)
    cpdef state(self)

    @cython.locals(before="long long")
    cpdef long long feed(self, bytes data) except -1

    cpdef pause(self)
    cpdef resume(self)
    cpdef rest(self)

    cpdef sendText(self, text, choice=*)
    cpdef sendBytes(self, data, choice=*)
    cpdef sendFragment(self, data, bint isLast=*)
    cpdef ping(self, payload=*)
    cpdef close(self, int code=*, str reason=*)
    cpdef fail(self, int code, str reason=*)
    cpdef abandon(self)
    cdef _finish(self, lastWord=*)

    @cython.locals(encoded=bytes, frame=bytes)
    cdef _sendMessage(self, int opcode, bytes payload, choice)

    cdef _forgetHeld(self)
    cdef _send(self, int opcode, bytes payload, bint fin=*)

    @cython.locals(header=bytes, key=bytes)
    cdef bytes _frame(self, int opcode, bytes payload, bint fin)


cdef bytes _encoded(text)
cdef bytes _octets(data)
