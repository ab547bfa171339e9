cimport cython

from . cimport codes, masking
from .framing cimport headerStart
from .messages cimport MessageReader
from .outgoing cimport PreparedMessage, bytesOctets


cdef int _NO_MESSAGE


cdef class Connection(MessageReader):
    cdef object _write
    cdef bint _isClient
    cdef readonly bint isOpen
    cdef readonly bint isClosed
    cdef int _sendingOpcode
    cdef object _held
    cdef readonly long long heldAmount
    cdef readonly long long messagesSent

    cpdef pingReceived(self, bytes payload)
    cpdef pongReceived(self, bytes payload)
    cpdef closeReceived(self, int code, str reason)
    cpdef rest(self)
    cpdef transmit(self, bytes header, payload=*, bytes key=*)
    cpdef sendText(self, text, choice=*)
    cpdef sendBytes(self, data, choice=*)

    @cython.locals(frame=bytes)
    cpdef sendPrepared(self, PreparedMessage prepared)

    cpdef sendFragment(self, data, bint isLast=*)
    cpdef ping(self, payload=*)
    cpdef close(self, int code=*, str reason=*)
    cpdef fail(self, int code, str reason=*)
    cpdef abandon(self)
    cdef _finish(self, lastWord=*)

    @cython.locals(encoded=bytes, header=bytes)
    cdef _sendMessage(self, int opcode, payload, choice)

    cdef bint _mustHold(self)
    cdef _hold(self, bytes frame)

    cdef _forgetHeld(self)

    @cython.locals(header=bytes)
    cdef _send(self, int opcode, payload, bint fin=*)

    cdef bytes _newKey(self)
