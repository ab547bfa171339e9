cimport cython

from . cimport codes, masking
from .framing cimport FrameReader


cdef int _NO_MESSAGE
cdef int _TEXT_MESSAGE
cdef Py_ssize_t _LARGE


cdef class MessageReader(FrameReader):
    cdef unsigned long long _octetLimit
    cdef unsigned long long _encodedLimit
    cdef long long _fragmentLimit
    cdef bint _isStreaming
    cdef object _codec
    cdef bint _isDropping
    cdef readonly long long messagesReceived
    cdef int _opcode
    cdef bint _isEncoded
    cdef bint _isLastFrame
    cdef unsigned long long _declared
    cdef unsigned long long _received
    cdef unsigned long long _decoded
    cdef long long _fragments
    cdef masking.Gathering _gathering
    cdef list _pieces
    cdef object _decoder

    cpdef dropAll(self)
    cpdef textReceived(self, str text)
    cpdef bytesReceived(self, bytes data)
    cpdef pieceReceived(self, piece, bint isLast)
    cpdef controlReceived(self, int opcode, bytes payload)

    @cython.locals(text=str)
    cpdef take(
        self,
        int first,
        long long length,
        bytes data,
        Py_ssize_t start,
        Py_ssize_t stop,
    )

    # The sum of two numbers below 2**63.
    @cython.locals(
        declared="unsigned long long", limit="unsigned long long", isWhole=bint
    )
    cpdef frameReceived(self, int opcode, bint fin, long long length, bytes payload)

    @cython.locals(isFirst=bint, isLast=bint, room="long long")
    cpdef payloadReceived(self, bytes payload)

    cdef _messageReceived(self, bytes payload)
    cdef _handOver(self, message)

    @cython.locals(pieces=list)
    cdef _collect(self, piece)

    cdef _collected(self)
    cdef str _decodedPiece(self, bytes payload, bint isLast)
    cdef _forgetMessage(self)
